"""How sure a number is."""

from polyrec.metrics.intervals.bootstrap import percentiles, resampled, resampled_whole
from polyrec.metrics.intervals.mean import Interval, Method, interval, wilson

__all__ = [
    "Interval",
    "Method",
    "interval",
    "percentiles",
    "resampled",
    "resampled_whole",
    "wilson",
]
