"""Whether a number can be believed: comparisons, and what a test part can show."""

from polyrec.trust.compare import Comparison, compare, family
from polyrec.trust.significance import holm

__all__ = ["Comparison", "compare", "family", "holm"]
