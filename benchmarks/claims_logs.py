"""Claims about vectors of items, on logs; run by claims.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from claims import Claim, Figure, exactly, from_reports, from_seeds
from cold_embeddings import Among
from polyrec import models
from polyrec.data import Events, Facts, Questions, Split, SplitConfig, readers
from polyrec.evaluate import Report, Setting, hide, ranking
from polyrec.models.embedding import (
    CategoryMean,
    ItemVectors,
    Training,
    Word2Vec,
    cold_start,
    extended,
)
from polyrec.recipes import compose, recipe
from polyrec.recipes.embeddings import build
from polyrec.recipes.embeddings.config import Config
from polyrec.recipes.parts import Ground, shop, strategy, warm_of
from polyrec.recommend import Fallback, Retrieve, Score
from polyrec.trust import compare
from polyrec.types import Progress, Ragged, Recommender

RECIPE = recipe("embeddings")
SEEDS = (1, 2, 3)
DRAWS = (1, 2, 3, 4, 5)
LENS, SHOP, FRESH, NOISE = "ml-100k", "retail_demo", "retail_fresh", "retail_fresh_noise"
LOGS = {"ml-100k": LENS, "shop": SHOP}
LATER = {LENS: 5}  # wanted events of a person; of others 3
METRIC = "recall@50"
BINS = {"1-5": (1, 5), "6-20": (6, 20), "21-100": (21, 100), ">100": (101, 10**9)}
# whole histories joined, so that both read the same events; as many words as 16 passes hold
WALKED = {"walks": 20, "gap": 1e12}
PASSES = {"epochs": 16}
SIDES = {LENS: "class,release_year", FRESH: "category,brand", NOISE: "category,brand"}


@cache
def split_of(data: str) -> Split:
    """The last events of each person wanted: more wanted items a person than one."""
    dataset = readers.read(data) if data == LENS else shop(data)[0]
    return dataset.split(SplitConfig(how="last-n", n=LATER.get(data, 3)))


def config(data: str, variant: str, seed: int, changes: Mapping[str, object]) -> Config:
    where = {"data": data} if data == LENS else {"world": data}
    told = {"dim": 64, **where, "seed": seed, **changes}
    flags = tuple(f"{key}={value}" for key, value in told.items())
    return compose(RECIPE.Config, RECIPE.VARIANTS, variant, None, flags).config


def solved(chosen: Config, facts: Facts, train: Events, seed: int) -> ItemVectors:
    """Vectors learnt from these events."""
    made = build.model(chosen, facts)
    assert isinstance(made, ItemVectors)
    build.solve(chosen, made, train, Progress(seed=seed))
    return made


@cache
def reports(
    data: str, variant: str, changes: tuple[tuple[str, object], ...] = (), rows: str = "in order"
) -> dict[str, tuple[Report, ...]]:
    """One report a seed of all wanted items, and of those of each bin of popularity."""
    split = split_of(data)
    found: dict[str, list[Report]] = {}
    for seed in SEEDS:
        chosen = config(data, variant, seed, dict(changes))
        model = solved(chosen, split.facts, ordered(split.train, rows, seed), seed)
        rec = Retrieve(model, split.facts.items, split.facts.counts)
        for name, asked in slices(data).items():
            setting = Setting(exclude="history", counts=split.facts.counts, slices=(), ties="skip")
            report = ranking(rec, asked, ["recall"], [50], setting=setting)
            found.setdefault(name, []).append(report)
    return {name: tuple(each) for name, each in found.items()}


@cache
def slices(data: str) -> dict[str, Questions]:
    """The questions, and the same with only the wanted items of a bin (by their train events)."""
    split = split_of(data)
    counts, truth = split.facts.counts[split.test.truth.values], split.test.truth
    found = {"all": split.test}
    for name, (low, high) in BINS.items():
        inside = (counts >= low) & (counts <= high) & (truth.values > 0)
        start = torch.nn.functional.pad(inside.cumsum(0), (1, 0))[truth.start]
        if int(inside.sum()) >= 50:
            found[name] = replace(split.test, truth=Ragged(truth.values[inside], start))
    return found


def ordered(train: Events, rows: str, seed: int) -> Events:
    """Each person's events as they were, backwards, or shuffled; times stay where they are."""
    if rows == "in order":
        return train
    mixed = np.random.default_rng(seed).permutation(len(train))
    key = -np.arange(len(train)) if rows == "reversed" else mixed
    order = np.lexsort((key, train.actor))
    return replace(train, target=train.target[order])


def versus(
    what: str, data: str, a: dict[str, tuple[Report, ...]], b: dict[str, tuple[Report, ...]],
    part: str = "all", side: int = 1,
) -> Figure:  # fmt: skip
    return from_reports(what, compare(a[part], b[part], METRIC), side)


def told(data: str, variant: str, rows: str = "in order", **changes: object) -> dict:
    return reports(data, variant, tuple(sorted(changes.items())), rows)


def tail() -> Claim:
    """By degree: does a walk help items that few have chosen more than a sequence does?"""
    figures = []
    for title, data in LOGS.items():
        walked = told(data, "deepwalk", **WALKED)
        for rival in ("word2vec", "item2vec"):
            other = told(data, rival, **PASSES)
            bins = {
                part: versus(
                    f"{title}, DeepWalk - {rival}, wanted items with {part} train events",
                    data, walked, other, part, int(part == first(data)),
                )
                for part in other
            }  # fmt: skip
            figures += [*bins.values(), gained(f"{title}, {rival}", bins, first(data))]
    return Claim(
        "DeepWalk's vectors of rare items are better than a sequence's, and rare items gain most",
        tuple(figures),
    )


def first(data: str) -> str:
    """The rarest bin that is asked for."""
    return next(part for part in BINS if part in slices(data))


def gained(title: str, bins: Mapping[str, Figure], rare: str) -> Figure:
    """The gain of the rarest less that of the most frequent; people in both only widen it."""
    a, b = bins[rare], bins[">100"]
    d = a.difference - b.difference
    half = float(np.hypot(a.high - a.low, b.high - b.low)) / 2
    name = f"{title}: gain at {rare} events - gain at >100"
    return Figure(name, a.difference, b.difference, d, d - half, d + half, "as above")


def order() -> Claim:
    """Does the order of events reach the vectors?"""
    figures = []
    for title, data in LOGS.items():
        sentence = told(data, "word2vec", **PASSES)
        shuffled = told(data, "word2vec", "shuffled", **PASSES)
        figures += [
            versus(f"{title}, word2vec, in order - shuffled", data, sentence, shuffled),
            versus(
                f"{title}, word2vec, in order - reversed", data, sentence,
                told(data, "word2vec", "reversed", **PASSES), side=0,
            ),
            versus(
                f"{title}, word2vec - item2vec", data, sentence,
                told(data, "item2vec", **PASSES), side=0,
            ),
        ]  # fmt: skip
    return Claim("word2vec reads order: shuffled histories give worse vectors", tuple(figures))


def order_inside() -> Claim:
    """Inside a window: pairs of a sentence and of the same backwards."""
    sentence = np.arange(1, 7)  # I love deep learning very much
    beside = sorted(pairs(sentence, 2))
    backwards = sorted(pairs(sentence[::-1], 2))
    moved = pairs(np.array([5, 6, 4, 3, 2, 1]), 2)  # very much learning deep love I
    lost = len(set(beside) - set(moved))
    split = split_of(LENS)
    vectors = [
        solved(config(LENS, "item2vec", 1, {}), split.facts, ordered(split.train, rows, 1), 1)
        for rows in ("in order", "shuffled")
    ]
    apart = float((vectors[0].vectors - vectors[1].vectors).abs().max())
    return Claim(
        "inside a window order counts",
        (
            exactly(
                "pairs that reversing a sentence of six changes, window 2",
                len(set(beside) ^ set(backwards)),
                0,
            ),
            exactly("pairs that the shuffled sentence loses, of 18", lost, 0, 0),
            exactly(
                "largest change of an item2vec number when histories are shuffled", apart, 0, 0
            ),
        ),
    )


def pairs(words: np.ndarray, window: int) -> list[tuple[int, int]]:
    places = range(len(words))
    return [
        (int(words[i]), int(words[j]))
        for i in places
        for j in places
        if i != j and abs(i - j) <= window
    ]


def forms() -> Claim:
    """u + v and [u; v] beside u."""
    return Claim(
        "u + v and [u; v] sometimes do better than u",
        tuple(
            versus(
                f"{title}, item2vec, {form} - u", data,
                told(data, f"item2vec_{form}"), told(data, "item2vec"),
            )
            for title, data in LOGS.items()
            for form in ("add", "concat")
        ),
        sometimes=True,
    )  # fmt: skip


def windows() -> Claim:
    """Windows of word2vec, five passes each: a wider one also reads more pairs."""
    return Claim(
        "a window of 5 suits histories of items",
        tuple(
            versus(
                f"{title}, word2vec, window 5 - {width}", data,
                told(data, "word2vec", window=5), told(data, "word2vec", window=width),
            )
            for title, data in LOGS.items()
            for width in (1, 2, 10, 20)
        ),
    )  # fmt: skip


def tree() -> Claim:
    """A Huffman tree against negatives, on the same walks."""
    return Claim(
        "negatives do in DeepWalk what its tree does",
        tuple(
            versus(
                f"{title}, negatives - tree", data,
                told(data, "deepwalk_negatives", **WALKED), told(data, "deepwalk", **WALKED),
            )
            for title, data in LOGS.items()
        ),
    )  # fmt: skip


def beside_sides(data: str, variant: str) -> dict[str, tuple[Report, ...]]:
    extra = {} if variant == "bge" else {"sides": SIDES[data]}
    return told(data, variant, **{"walk_length": 40, "window": 10, **WALKED}, **extra)


def sides() -> Claim:
    """EGES against the same without sides; a shop whose features say nothing as control."""
    figures = []
    for title, data in {
        "ml-100k": LENS,
        "fresh shop": FRESH,
        "features say nothing": NOISE,
    }.items():
        rich, bare = beside_sides(data, "eges"), beside_sides(data, "bge")
        for part in ("all", "1-5", "6-20"):
            if part in rich:
                name = f"{title}, EGES - BGE, wanted items with {part} train events"
                figures.append(versus(name, data, rich, bare, part, int(data != NOISE)))
    return Claim("side information makes vectors of met items better", tuple(figures))


def weights() -> Claim:
    """Learnt weights of sides against the plain mean."""
    return Claim(
        "weights of its own for each item (EGES) beat the plain mean (GES)",
        tuple(
            versus(
                f"{title}, EGES - GES", data, beside_sides(data, "eges"), beside_sides(data, "ges")
            )
            for title, data in {"ml-100k": LENS, "fresh shop": FRESH}.items()
        ),
    )


@cache
def cold(data: str) -> dict[str, dict[str, list[float]]]:
    """Strategy -> {"among": recall@10 of hidden among hidden, "all": @50 among all} a draw."""
    log = readers.read(data) if data == LENS else shop(data)[0]
    found: dict[str, dict[str, list[float]]] = {}
    for draw in DRAWS:
        part = hide(log.events, log.items, seed=draw)
        facts = Facts.of(log, part.train)
        chosen = config(data, "eges_without_own", draw, {
            "sides": SIDES[data], "walk_length": 40, "window": 10, **WALKED,
        })  # fmt: skip
        model = solved(chosen, facts, part.train, draw)
        popular = models.MostPopular(facts.items)
        popular.solve(part.train)
        setting = Setting(exclude="history", counts=facts.counts, slices=(), ties="skip")
        names = ("same", "category_mean", "side_mean", "knn_mean", "cluster", "tree")
        recs: dict[str, Recommender] = {name: placed(model, facts, part.hidden, name, data, draw)
                                        for name in names}  # fmt: skip
        recs["popular"] = Fallback(Score(popular), facts.counts)
        for name, rec in recs.items():
            whole = ranking(rec, part.cold, ["recall"], [50], setting=setting).value("recall@50")
            alone = Among(rec, part.hidden)
            few = ranking(alone, part.cold, ["recall"], [10], setting=setting).value("recall@10")
            held = found.setdefault(name, {"among": [], "all": []})
            held["among"].append(few)
            held["all"].append(whole)
    return found


def placed(
    model: ItemVectors, facts: Facts, hidden: torch.Tensor, name: str, data: str, seed: int
) -> Recommender:
    """Hidden items under a strategy; "same": the mean of all warm items."""
    known = warm_of(model, facts)
    if name == "same":
        made = CategoryMean(torch.zeros(len(known.warm), 1, dtype=torch.int64))
    else:
        columns = tuple(SIDES[data].split(","))
        columns = {"category_mean": columns[:1], "side_mean": ()}.get(name, columns)
        made = strategy(name, Ground(model, facts, known, columns, seed))
    vectors = extended(known, cold_start(made, known, hidden), hidden)
    warm = known.warm.clone()
    warm[hidden] = True
    whole = ItemVectors(len(warm) - 1, vectors.shape[1], torch.nn.Identity(), 5)
    whole.fill(vectors, warm)
    return Retrieve(whole, len(warm) - 1, facts.counts)


COLD = {"ml-100k": LENS, "fresh shop": FRESH}
AMONG = {"among": "hidden among hidden @10", "all": "hidden among all @50"}


def against(a: str, b: str, how: str, side: int = 1) -> tuple[Figure, ...]:
    return tuple(
        from_seeds(
            f"{title}, {AMONG[how]}, {a} - {b}", cold(data)[a][how], cold(data)[b][how], side
        )
        for title, data in COLD.items()
    )


def cold_category() -> Claim:
    return Claim(
        "the mean of its category's items is a remedy for a new item",
        (*against("category_mean", "same", "among"), *against("category_mean", "popular", "all")),
    )


def cold_sides() -> Claim:
    return Claim(
        "EGES's side vectors place new items better than their category's mean",
        (
            *against("side_mean", "category_mean", "among"),
            *against("side_mean", "category_mean", "all"),
        ),
    )


def cold_simple() -> Claim:
    return Claim(
        "clusters and trees over simple features are enough to start with: not below EGES's sides",
        tuple(
            figure
            for name in ("cluster", "tree")
            for how in ("among", "all")
            for figure in against(name, "side_mean", how)
        ),
    )


def cold_neighbours() -> Claim:
    return Claim(
        "the mean of the three most alike items places a new one better than its category's mean",
        against("knn_mean", "category_mean", "among"),
    )


def cbow() -> Claim:
    """Two halves of a vocabulary that never meet: do their scores fall?"""
    how = Training("cbow_mean", epochs=5, min_count=1, shards=1)
    scores = []
    for seed in DRAWS:
        draw = np.random.default_rng(seed)
        rows = [(1 + 25 * (row % 2) + draw.integers(0, 25, 10)).tolist() for row in range(400)]
        words = Word2Vec(50, 16, how)
        words.solve(Ragged.of(rows), Progress(seed=seed))
        scores.append(float((words.input[1:26] @ words.output[26:].T).mean()))
    name = "CBOW, 5 negatives: mean score of words that never meet - 0, where it began"
    return Claim("CBOW looks at the true word alone", (from_seeds(name, scores, [0.0] * 5),))


def passes() -> Claim:
    """What a published search over settings finds first: more passes, and another exponent."""
    changes = ({"epochs": 16}, {"epochs": 16, "exponent": 0.0}, {"epochs": 16, "exponent": -0.5})
    return Claim(
        "item2vec's defaults from text leave something to be tuned",
        tuple(
            versus(
                f"{title}, item2vec, {', '.join(f'{k}={v}' for k, v in change.items())} - defaults",
                data, told(data, "item2vec", **change), told(data, "item2vec"),
            )
            for title, data in LOGS.items()
            for change in changes
        ),
        sometimes=True,
    )  # fmt: skip


CLAIMS: dict[str, Callable[[], Claim]] = {
    "tail": tail, "order": order, "order_inside": order_inside, "window": windows, "forms": forms,
    "tree": tree, "sides": sides, "weights": weights, "cold_category": cold_category,
    "cold_sides": cold_sides, "cold_neighbours": cold_neighbours, "cold_simple": cold_simple,
    "cbow": cbow, "passes": passes,
}  # fmt: skip
