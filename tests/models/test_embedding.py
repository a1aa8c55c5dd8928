"""Word vectors, item sets and nodes: what is learnt, what stays cold, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.graph import DeepWalks, Graph, MetapathWalks, Node2VecWalks, Relation
from polyrec.kernels.words.targets import shares
from polyrec.models.embedding import (
    Edges,
    Item2Vec,
    NodeVectors,
    Training,
    Word2Vec,
    deepwalk,
    formed,
    keep_chance,
    line2,
    metapath2vec,
    metapath2vec_apart,
    node2vec,
    sets,
)
from polyrec.recommend import Retrieve
from polyrec.types import Encoded, Progress, Ragged, Requests, Retriever

SMALL = Training(min_count=1, epochs=20, lr=0.1)
WAYS = {
    "skipgram": SMALL,
    "tree": replace(SMALL, output="tree"),
    "softmax": replace(SMALL, output="softmax"),
    "cbow": replace(SMALL, architecture="cbow_mean"),
    "cbow sum": replace(SMALL, architecture="cbow_sum", lr=0.05),
    "cbow tree": replace(SMALL, architecture="cbow_mean", output="tree"),
    "set": replace(SMALL, reading="set", lr=0.5),
    "gensim": replace(SMALL, dialect="gensim"),
    "loose": replace(SMALL, updates="loose"),
}


def groups(rows: int = 600, of: int = 10, seed: int = 0) -> Ragged:
    """Each row stays within one of three groups of ids: 1..of, of + 1..2 of, ..."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 3, rows)
    return Ragged.of([(1 + g * of + rng.integers(0, of, 7)).tolist() for g in own])


def solved(how: Training, words: int = 30, corpus: Ragged | None = None, seed: int = 3) -> Word2Vec:
    model = Word2Vec(words, 16, how)
    model.solve(groups() if corpus is None else corpus, Progress(seed=seed))
    return model


def cosines(vectors: torch.Tensor) -> np.ndarray:
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return (unit @ unit.T).numpy()


@pytest.mark.parametrize("name", WAYS)
def test_words_of_one_group_lie_together(name: str) -> None:
    alike = cosines(solved(WAYS[name]).input[1:])
    group = np.arange(30) // 10
    same = group[:, None] == group
    apart = ~np.eye(30, dtype=bool)
    assert alike[same & apart].mean() > alike[~same].mean() + 0.4


@pytest.mark.parametrize("output", ["negatives", "tree", "softmax"])
def test_words_that_stand_in_for_each_other_are_nearest(output: str) -> None:
    """Ids 1 and 2 open and close what 3 or 4 fills, and so on: twins never meet."""
    rng = np.random.default_rng(0)
    four = 4 * rng.integers(0, 8, 1_000)
    rows = np.stack([four + 1, four + rng.integers(3, 5, 1_000), four + 2], 1)
    how = Training(window=1, reading="full", min_count=1, epochs=10, output=output)
    alike = cosines(solved(how, 32, Ragged.of(rows.tolist())).input[1:])
    np.fill_diagonal(alike, -1)
    assert (alike.argmax(1) == np.arange(32) ^ 1).all()


@pytest.mark.parametrize("name", ["skipgram", "cbow tree"])
def test_the_same_seed_gives_the_same_bytes_and_another_others(name: str) -> None:
    first, again, other = (solved(WAYS[name], seed=seed).input for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_record_says_whether_a_run_can_be_repeated() -> None:
    for how, told in ((SMALL, 1.0), (replace(SMALL, updates="loose"), 0.0)):
        progress = Progress()
        Word2Vec(30, 4, how).solve(groups(20), progress)
        assert progress.noted()["reproducible"] == told


@pytest.mark.parametrize("how", [SMALL, replace(SMALL, shards=2, round_words=50)])
def test_whoever_waits_hears_the_part_that_is_read(how: Training) -> None:
    heard: list[float] = []
    Word2Vec(30, 4, how).solve(groups(60), Progress(hears=heard.append))
    assert heard == sorted(heard)
    assert len(heard) >= how.epochs
    assert heard[-1] == 1.0


def test_order_within_a_window_is_ignored() -> None:
    """Sentences read backwards have the same pairs: the same loss from the same vectors."""
    how = Training(min_count=1, window=2, reading="full", epochs=1)
    rows = [[1, 2, 3, 4], [5, 2, 1]]
    pairs = []
    for corpus in (rows, [row[::-1] for row in rows]):
        seen = sorted(
            (row[i], row[j])
            for row in corpus
            for i in range(len(row))
            for j in range(len(row))
            if 0 < abs(i - j) <= how.window
        )
        pairs.append(seen)
        one = solved(replace(how, lr=1e-4, last_lr=1e-4, output="tree"), 5, Ragged.of(corpus), 4)
        pairs.append(one)
    assert pairs[0] == pairs[2]
    assert pairs[1].input == pytest.approx(pairs[3].input, abs=1e-6)


@pytest.mark.parametrize("output", ["negatives", "tree"])
def test_vectors_that_ran_away_are_refused_with_the_remedy(output: str) -> None:
    with pytest.raises(ValueError, match=r"lr=1000\.0: .* ran away .* lower lr"):
        Word2Vec(30, 4, replace(SMALL, lr=1_000.0, output=output, epochs=20)).solve(
            groups(400), Progress()
        )


def test_rare_words_are_cold_and_keep_their_start() -> None:
    corpus = Ragged.of([[1, 2, 1, 2, 3], [1, 2], [4], [4], [4]])
    model = solved(Training(min_count=2), 5, corpus)
    assert model.cold.tolist() == [True, False, False, True, True, True]
    assert (model.input[3:].abs() <= 1 / 16).all()
    assert (model.output[3:] == 0).all()
    assert model.seen[1:3].tolist() == [3, 3]


def test_id_zero_is_never_read() -> None:
    plain, padded = Ragged.of([[1, 2], [2, 3]]), Ragged.of([[0, 1, 0, 2], [2, 3, 0]])
    found = [solved(replace(SMALL, epochs=1), 3, corpus).input for corpus in (plain, padded)]
    assert torch.equal(*found)


def test_a_state_dict_is_the_whole_memory() -> None:
    model = solved(SMALL)
    other = Word2Vec(30, 16, SMALL)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.input, other.input)
    assert torch.equal(model.cold, other.cold)


def test_chances_to_be_kept_are_gensims() -> None:
    """gensim 4.4's `word_probability` for these counts and sample=1e-2."""
    counts = np.array([600, 250, 100, 50])
    found = keep_chance(counts, 1e-2)
    assert found == pytest.approx([0.1457661, 0.24, 0.4162278, 0.6472136], abs=1e-6)
    paper = keep_chance(counts, 1e-2, "paper")
    assert paper == pytest.approx(np.sqrt([1 / 60, 1 / 25, 1 / 10, 1 / 5]), abs=1e-6)


def test_shares_of_negatives_are_gensims() -> None:
    """gensim 4.4's `cum_table` for these counts at 0.75: its last places of 2 ** 31 - 1."""
    cumulative = np.round(np.cumsum(shares(np.array([600, 250, 100, 50]), 0.75)) * (2**31 - 1))
    assert cumulative.tolist() == CUMULATIVE


CUMULATIVE = [1110063630, 1685754634, 1975311879, 2147483647]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"window": 0}, "window=0"),
        ({"negatives": 0}, "negatives=0"),
        ({"exponent": 1.5}, "exponent=1.5"),
        ({"epochs": 0}, "epochs=0"),
        ({"subsample": -1.0}, "subsample=-1"),
        ({"last_lr": 1.0}, "last_lr"),
        ({"shards": 0}, "shards=0"),
        ({"reading": "set", "architecture": "cbow_mean"}, "skipgram alone"),
    ],
)
def test_settings_out_of_bounds_are_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(Training(), **change)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Word2Vec(0), "words=0"),
        (lambda: Word2Vec(10**7, 512, budget_mb=100), "the budget is 100 MB"),
        (lambda: solved(Training(min_count=100), 3, Ragged.of([[1, 1], [2]])), "occurs 2 times"),
        (lambda: solved(SMALL, 3, Ragged.of([[1, 4]])), "allowed 0 to 3"),
        (lambda: solved(SMALL, 3, Ragged.of([[]])), "no word occurs 1 times"),
        (lambda: solved(replace(SMALL, output="softmax"), 6_000), "at most 5,000"),
        (lambda: Item2Vec(3, how=replace(SMALL, output="tree"), form="add"), "inner nodes"),
        (lambda: Item2Vec(3, length=0), "length=0"),
        (lambda: Edges(0), "count=0"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def item2vec(form="input") -> Item2Vec:
    model = Item2Vec(31, 16, replace(SMALL, reading="set", lr=0.5), form)
    model.solve(sets(groups()), Progress(seed=1))
    return model


def asked(rows: list[list[int]]) -> Requests:
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


def test_a_set_holds_each_id_once() -> None:
    assert sets(Ragged.of([[3, 1, 3], [], [2]])).values.tolist() == [1, 3, 2]
    assert sets(Ragged.of([[3, 1, 3], [], [2]])).start.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize(("form", "width"), [("input", 16), ("add", 16), ("concat", 32)])
def test_an_items_vector_has_three_forms(form: str, width: int) -> None:
    model = item2vec(form)
    u, v = model.words.input[5], model.words.output[5]
    wanted = {"input": u, "add": u + v, "concat": torch.cat([u, v])}[form]
    assert torch.equal(model.items(torch.tensor([5]))[0], wanted)
    assert torch.equal(formed(model.words, torch.tensor(5), form), wanted)
    assert model.queries(asked([[1, 2], []])).shape == (2, 1, width)


def test_item2vec_recommends_from_the_history_and_never_what_is_cold() -> None:
    model = item2vec()
    assert isinstance(model, Retriever)
    lists = Retrieve(model, 31).recommend(asked([[1, 5], [12], [29, 22, 0]]), 8).ids
    assert ((lists - 1) // 10 == torch.tensor([[0], [1], [2]])).all()
    assert model.items(torch.tensor([0, 31])).abs().max() == 0
    assert isinstance(model(asked([[1]]), torch.arange(4)), Encoded)


def test_a_history_asks_by_its_mean_its_cold_items_and_its_past_left_out() -> None:
    model = item2vec()
    mean = (model.words.input[3] + model.words.input[4]) / 2
    assert model.queries(asked([[3, 31, 4, 0]]))[0, 0] == pytest.approx(mean, abs=1e-6)
    model.length = 1
    assert model.queries(asked([[3, 4]]))[0, 0] == pytest.approx(model.words.input[4])
    assert model.queries(asked([[], [31]])).abs().max() == 0


def two_cliques() -> Graph:
    """Nodes 0-7 and 8-15 all joined, one edge between; node 16 alone."""
    near = np.zeros((17, 17), bool)
    near[:8, :8] = near[8:16, 8:16] = True
    near[0, 8] = near[8, 0] = True
    np.fill_diagonal(near, False)
    indptr = np.concatenate([[0], near.sum(1).cumsum()])
    key = ("node", "edge", "node")
    return Graph({"node": 17}, (Relation(key, indptr, np.nonzero(near)[1].astype(np.int32), 17),))


HOW = replace(SMALL, epochs=2)
NODES = {
    "deepwalk": lambda: deepwalk(17, 16, DeepWalks(30, 10)),
    "deepwalk, negatives": lambda: deepwalk(17, 16, DeepWalks(30, 10), HOW),
    "node2vec": lambda: node2vec(17, 16, Node2VecWalks(0.5, 2.0, 30, 10), HOW),
    "line2": lambda: line2(17, 16, Edges(300)),
}


@pytest.mark.parametrize("name", NODES)
def test_nodes_of_one_clique_lie_together_and_the_lonely_one_is_cold(name: str) -> None:
    model: NodeVectors = NODES[name]()
    model.solve(two_cliques(), Progress(seed=2))
    assert model.vectors.shape == (17, 16)
    assert model.words.cold.nonzero().flatten().tolist() == [0, 17]
    alike = cosines(model.vectors[:16])
    same = (np.arange(16) // 8)[:, None] == np.arange(16) // 8
    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_line2_draws_edges_in_proportion_to_their_weight() -> None:
    relation = Relation(
        ("a", "to", "a"), np.array([0, 2, 2, 2]), np.array([1, 2], np.int32), 3,
        np.array([3.0, 1.0], np.float32),
    )  # fmt: skip
    pairs = Edges(4_000)(Graph({"a": 3}, (relation,)), 1).values.view(-1, 2)
    assert (pairs[:, 0] == 0).all()
    assert (pairs[:, 1] == 1).float().mean() == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("make", [metapath2vec, metapath2vec_apart])
def test_metapaths_bring_people_and_their_items_together(make) -> None:
    bought = Relation(
        ("user", "bought", "item"), np.arange(0, 25, 4),
        np.concatenate([np.arange(4) + 4 * (user // 3) for user in range(6)]).astype(np.int32), 8,
    )  # fmt: skip
    graph = Graph({"item": 8, "user": 6}, (bought,)).with_reverses()
    path = ("bought", "rev_bought")
    model = make(14, path, 16, MetapathWalks(path, 60, 9), replace(SMALL, epochs=3))
    model.solve(graph, Progress(seed=1))
    side = np.array([0] * 4 + [1] * 4 + [0] * 3 + [1] * 3)
    alike = cosines(model.vectors)
    same = side[:, None] == side
    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_a_graph_of_another_size_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="cold_start"):
        deepwalk(9).solve(two_cliques(), Progress())
