"""From a setting's name to the part it names: what recipes of retrieval share."""

from polyrec.recipes.parts.cold import STRATEGIES, Ground, strategy, warm_of
from polyrec.recipes.parts.judge import (
    CHOOSING,
    METRICS,
    SYSTEM,
    ClosedForm,
    Judge,
    ServeSettings,
    categories,
    recommender,
)
from polyrec.recipes.parts.learn import Cuts, Later, TrainSettings, similarity, stream
from polyrec.recipes.parts.log import LogSettings, SourceSettings, filters, log, oracle, shop, split

__all__ = [
    "CHOOSING",
    "METRICS",
    "STRATEGIES",
    "SYSTEM",
    "ClosedForm",
    "Cuts",
    "Ground",
    "Judge",
    "Later",
    "LogSettings",
    "ServeSettings",
    "SourceSettings",
    "TrainSettings",
    "categories",
    "filters",
    "log",
    "oracle",
    "recommender",
    "shop",
    "similarity",
    "split",
    "strategy",
    "stream",
    "warm_of",
]
