"""Histories read once: how rows lie, who asks, and attention of short rows without padding."""

from polyrec.nn.sequences.asking import Asking, Each, Ends
from polyrec.nn.sequences.layout import Group, Layout, lay

__all__ = ["Asking", "Each", "Ends", "Group", "Layout", "lay"]
