"""What every number means, how it is computed, and how sure it is."""

from polyrec.metrics.dialects import DIALECTS, Dialect, dialect
from polyrec.metrics.label import LABEL, LabelMetric
from polyrec.metrics.passport import Passport, comparable
from polyrec.metrics.ranked import Hits, hits, match
from polyrec.metrics.ranking import RANKING, Formula
from polyrec.metrics.system import SYSTEM, Catalogue, System

__all__ = [
    "DIALECTS",
    "LABEL",
    "RANKING",
    "SYSTEM",
    "Catalogue",
    "Dialect",
    "Formula",
    "Hits",
    "LabelMetric",
    "Passport",
    "System",
    "comparable",
    "dialect",
    "hits",
    "match",
]
