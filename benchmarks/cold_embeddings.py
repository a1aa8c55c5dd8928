"""Cold start against popularity: `python benchmarks/cold_embeddings.py [--data ml-100k]`.

All events of a tenth of the items are hidden (one of each ten neighbours in popularity), and the
last fifth of each log. EGES learns the rest; each strategy gives the hidden items a vector, and all
items compete for the people who held the hidden ones. Recall@k of hidden items (cold), of the
others in the last fifth (warm), and of both (overall), each against popularity over the same
people. Popularity can list no hidden item, so a second floor stands beside it: "same", where all
hidden items have the mean of all warm ones, and chance orders them: a mean lies near every query,
so it brings hidden items into lists whatever it knows. What a strategy knows shows where the hidden
items compete among themselves (among: recall@10 of the hidden); there "same" is chance. Popularity
takes no part in that: ids are numbered by frequency, so its ties would tell what was hidden.
Writes results/cold_embeddings.json; POLYREC_DATA names the folder of data.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from polyrec import models
from polyrec.data import Facts, readers
from polyrec.evaluate import ColdItems, Report, Setting, hide, ranking
from polyrec.graph import DeepWalks, Interactions
from polyrec.graph.builders import session
from polyrec.models.embedding import (
    EGES,
    CategoryMean,
    ItemVectors,
    Strategy,
    cold_start,
    extended,
    sides_of,
)
from polyrec.models.embedding.eges import EGES_TRAINING
from polyrec.recipes.parts import STRATEGIES, Ground, strategy, warm_of
from polyrec.recommend import Fallback, Retrieve, Score
from polyrec.trust import compare
from polyrec.types import Progress, Ragged, Recommender, Requests, TopK
from scale import append, machine

HERE = Path(__file__).resolve().parent
COLUMNS = {"ml-100k": ("class", "release_year")}
CATEGORY = {"ml-100k": ("class",)}
PARTS = ("cold", "warm", "overall")
FEW = 10  # places of a list of hidden items alone


@dataclass(frozen=True)
class Among:
    """A recommender that lists some items only."""

    inner: Recommender
    ids: Tensor

    def recommend(
        self, requests: Requests, k: int, exclude: Ragged | None = None, among: Tensor | None = None
    ) -> TopK:
        """The best of those items."""
        return self.inner.recommend(requests, k, exclude, self.ids)

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """As the inner recommender."""
        return self.inner.score(requests, ids)


@dataclass(frozen=True)
class Bench:
    """A log with hidden items, and what was learnt without them."""

    part: ColdItems
    facts: Facts
    model: ItemVectors
    columns: tuple[str, ...]
    category: tuple[str, ...]


def prepared(given: argparse.Namespace) -> Bench:
    """EGES on what is left when items are hidden."""
    data, dim = given.data, given.dim
    log = readers.read(data)
    part = hide(log.events, log.items, seed=given.seed)
    facts = Facts.of(log, part.train)
    columns = COLUMNS.get(data)
    walks = DeepWalks(given.walks, given.length)
    how = replace(EGES_TRAINING, window=given.window)
    sides = sides_of(facts.tables["target"], columns)
    learner = EGES(sides, dim, "weighted", given.without_own, how, walks)
    graph, _ = session(Interactions.of(part.train, log.items))
    learner.solve(graph, Progress(seed=given.seed))
    model = ItemVectors(log.items, dim, learner)
    model.fill(learner.vectors(torch.arange(log.items + 1)), ~learner.cold)
    return Bench(part, facts, model, columns or (), CATEGORY.get(data, ("category",)))


def placed(bench: Bench, name: str, seed: int) -> Recommender:
    """A recommender in which hidden items have the vectors of a strategy."""
    known = warm_of(bench.model, bench.facts)
    cold = bench.part.hidden
    if name == "same":
        made: Strategy = CategoryMean(torch.zeros(len(known.warm), 1, dtype=torch.int64))
    else:
        columns = {"category_mean": bench.category, "side_mean": ()}.get(name, bench.columns)
        made = strategy(name, Ground(bench.model, bench.facts, known, columns, seed))
    vectors = extended(known, cold_start(made, known, cold), cold)
    warm = known.warm.clone()
    warm[cold] = True
    model = ItemVectors(len(warm) - 1, vectors.shape[1], torch.nn.Identity())
    model.fill(vectors, warm)
    return Retrieve(model, len(warm) - 1, bench.facts.counts)


def judged(bench: Bench, rec: Recommender, k: int) -> dict[str, Report]:
    """Recall of cold, warm and both among all items, and of cold among cold."""
    setting = Setting(exclude="history", counts=bench.facts.counts, slices=())
    found = {
        name: ranking(rec, getattr(bench.part, name), ["recall"], [k], setting=setting)
        for name in PARTS
    }
    alone = Among(rec, bench.part.hidden)
    found["among"] = ranking(alone, bench.part.cold, ["recall"], [FEW], setting=setting)
    return found


def main() -> None:
    """Prints a table, and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--walks", type=int, default=80, help="from each item")
    parser.add_argument("--length", type=int, default=40, help="nodes of a walk")
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--without-own", type=float, default=0.3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cold_embeddings.json")
    given = parser.parse_args()
    bench = prepared(given)
    popular = models.MostPopular(bench.facts.items)
    popular.solve(bench.part.train)
    floor = judged(bench, Fallback(Score(popular), bench.facts.counts), given.k)
    own = Retrieve(bench.model, bench.facts.items, bench.facts.counts)
    floors = {"popular": floor, "same": judged(bench, placed(bench, "same", given.seed), given.k)}
    del floor["among"]
    asked = {**floors, "none": judged(bench, own, given.k)}
    figures: dict[str, list[float]] = {}
    for name in (*asked, *STRATEGIES):
        found = asked.get(name) or judged(bench, placed(bench, name, given.seed), given.k)
        for part, report in found.items():
            metric = f"recall@{FEW if part == 'among' else given.k}"
            value = report.values[metric]
            figures[f"{name} {part}"] = [value.value, value.low, value.high]
            line = f"{name:<14} {part:<8} {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"
            for other, against in floors.items():
                if name in floors or part not in against:
                    continue
                versus = compare([report], [against[part]], metric)
                figures[f"{name} {part} - {other}"] = [versus.difference, versus.low, versus.high]
                line += f"  - {other} {versus.difference:+.4f}"
                line += f" [{versus.low:+.4f}, {versus.high:+.4f}]"
            print(line, flush=True)
    settings = {key: str(value) for key, value in vars(given).items() if key != "out"}
    append(given.out, {**machine(), **settings, "hidden": len(bench.part.hidden), **figures})


if __name__ == "__main__":
    main()
