"""What is known of items, people and events, as vectors."""

from polyrec.nn.features.events import EventFeatures
from polyrec.nn.features.lookup import Lookup, precomputed
from polyrec.nn.features.tower import Form, Tower, UserTower

__all__ = ["EventFeatures", "Form", "Lookup", "Tower", "UserTower", "precomputed"]
