"""Simulated worlds with known truth: a ceiling to hold models against, and nulls."""

from polyrec.worlds.log import write_log
from polyrec.worlds.oracle import Horizon, Oracle, Truth, oracle
from polyrec.worlds.papers import NETWORKS, Papers, Written, written
from polyrec.worlds.retail import (
    BOOKS_LIKE,
    DEFAULT,
    DEMO,
    FRESH,
    READOUT,
    STUDY,
    TINY,
    Retail,
    noisy,
    null,
)
from polyrec.worlds.shop import build
from polyrec.worlds.tencent import write_tencentgr

WORLDS: dict[str, Retail] = {
    "retail": DEFAULT,  # a shop with exposures, clicks and purchases; people of 2 to 4 interests
    "retail_null": null(DEFAULT),  # the same shop, one interest a person: nothing to gain
    "retail_demo": DEMO,  # clicks only; four models train in about two minutes on two cores
    "retail_demo_null": null(DEMO),  # the demonstration's shop with one interest a person
    "retail_fresh": FRESH,  # many items come late: features say of which category they are
    "retail_fresh_noise": noisy(FRESH),  # the same shop, features that say nothing
    "retail_readout": READOUT,  # the controlled experiment on the training read-out
    "retail_study": STUDY,  # 1,500 people: for sixty settings held against each other
    "retail_tiny": TINY,  # hundreds of people: for tests
    "books_like": BOOKS_LIKE,  # the size of the 5-core Amazon Books log: for the scale benchmark
}

__all__ = [
    "BOOKS_LIKE",
    "DEFAULT",
    "DEMO",
    "FRESH",
    "NETWORKS",
    "READOUT",
    "STUDY",
    "TINY",
    "WORLDS",
    "Horizon",
    "Oracle",
    "Papers",
    "Retail",
    "Truth",
    "Written",
    "build",
    "noisy",
    "null",
    "oracle",
    "write_log",
    "write_tencentgr",
    "written",
]
