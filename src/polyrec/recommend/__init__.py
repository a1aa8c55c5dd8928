"""From a model to answers: lists and scores for requests. What is measured is what is served.

A recommender knows of a person only what the request holds. Items already seen are left out only
when `exclude` names them. A request without a known item gets no personal answer: `why` is 1,
and the list is the most popular items where counts were given, else empty.
"""

from polyrec.recommend.diverse import Diverse
from polyrec.recommend.explore import Explore, Exploring, Shown
from polyrec.recommend.fallback import Fallback
from polyrec.recommend.parts import NO_HISTORY, WHY, Pooling
from polyrec.recommend.retrieve import Retrieve
from polyrec.recommend.score import Score

RECOMMENDERS = {
    "retrieve": Retrieve,
    "score": Score,
    "diverse": Diverse,
    "fallback": Fallback,
}

__all__ = [
    "NO_HISTORY",
    "RECOMMENDERS",
    "WHY",
    "Diverse",
    "Explore",
    "Exploring",
    "Fallback",
    "Pooling",
    "Retrieve",
    "Score",
    "Shown",
]
