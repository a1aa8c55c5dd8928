"""Whether a number can be believed: comparisons, and what a test part can show."""

from polyrec.trust.compare import Comparison, Need, compare, family
from polyrec.trust.significance import holm

__all__ = ["Comparison", "Need", "compare", "family", "holm"]
