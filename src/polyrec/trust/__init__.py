"""Whether a number can be believed: comparisons, and what a test part can show."""

from polyrec.trust.audit import graph_leaks
from polyrec.trust.compare import Comparison, Need, compare, family
from polyrec.trust.doctor import collapse
from polyrec.trust.finding import Finding
from polyrec.trust.significance import holm

__all__ = ["Comparison", "Finding", "Need", "collapse", "compare", "family", "graph_leaks", "holm"]
