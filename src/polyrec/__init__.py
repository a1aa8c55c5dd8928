"""polyrec: from an event log to a recommender that you can believe and serve."""

__version__ = "0.1.0"
