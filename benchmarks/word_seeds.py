"""F1 of word vectors over seeds of walks: shards beside gensim, on the same walks of Wiki.

    python benchmarks/word_seeds.py --peers PEERS_PYTHON [--seeds 6]

One run's interval over shuffles of the labels is wider than what shards cost; means over seeds are
not. Ten passes, negatives, half of the labels; gensim has one worker. See benchmarks/embeddings.py.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import sem, t

from embeddings import NEGATIVES, OUT, asked, left, wiki
from polyrec.evaluate import classify
from polyrec.graph import DeepWalks
from polyrec.models.embedding import Word2Vec
from polyrec.types import Progress, Ragged
from scale import append, machine

SHARDS = (1, 2, 8)
PASSES, WIDTH = 10, 128


def both(vectors: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Micro- and Macro-F1 with half of the labels, mean of ten shuffles."""
    score = classify(vectors, truth, (0.5,))[0]
    return score.micro.mean, score.macro.mean


def found(peers: str, seeds: int) -> dict[str, np.ndarray]:
    """[seeds, 2]: F1 of each way."""
    graph, truth = wiki()
    rows: dict[str, list[tuple[float, float]]] = {}
    for seed in range(1, seeds + 1):
        corpus = DeepWalks(PASSES, 40)(graph, seed)
        for shards in SHARDS:
            model = Word2Vec(len(truth), WIDTH, replace(NEGATIVES, shards=shards))
            model.solve(Ragged(corpus.values + 1, corpus.start), Progress(seed=seed))
            rows.setdefault(f"shards={shards}", []).append(both(model.input[1:].numpy(), truth))
        with TemporaryDirectory() as folder:
            left(folder, corpus, len(truth))
            asked(peers, "gensim", folder, "negatives", str(seed), "1")
            theirs = np.load(Path(folder) / "gensim.npy")
        rows.setdefault("gensim", []).append(both(theirs, truth))
    return {name: np.array(values) for name, values in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True)
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    start = machine()
    values = found(options.peers, options.seeds)
    means = {name: each.mean(0).round(4).tolist() for name, each in values.items()}
    gaps = {name: each - values["gensim"] for name, each in values.items() if name != "gensim"}
    told = {
        name: {
            "less_gensim": gap.mean(0).round(4).tolist(),
            "half_95": (t.ppf(0.975, len(gap) - 1) * sem(gap)).round(4).tolist(),
        }
        for name, gap in gaps.items()
    }
    entry = {"what": "word seeds", "seeds": options.seeds, "f1": means, "gaps": told}
    print(entry)
    append(OUT, {"machine": start, **entry})


if __name__ == "__main__":
    main()
