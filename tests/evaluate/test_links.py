"""Links kept away and foretold: what leaves the graph, what is no edge, what vectors are worth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from polyrec.evaluate.links import (
    OPERATORS,
    Links,
    Operator,
    foretold,
    foretold_by,
    hold_out,
    training_pairs,
)
from polyrec.graph import Relation
from polyrec.graph.edges import Edges, relation_of

KEY = ("paper", "cites", "paper")


def planted(groups: int = 4, each: int = 12, strangers: float = 0.0) -> Relation:
    """Groups whose members are linked with chance .6, and nobody else but by `strangers`."""
    n = groups * each
    draw, group = np.random.default_rng(3), np.arange(n) // each
    chance = np.where(group[:, None] == group, 0.6, strangers)
    linked = np.triu(draw.random((n, n)) < chance, 1)
    row, column = (linked | linked.T).nonzero()
    return relation_of(KEY, Edges(row, column), (n, n))[0]


def pairs(relation: Relation) -> set[tuple[int, int]]:
    return set(zip(relation.row.tolist(), relation.indices.tolist(), strict=True))


WHOLE = planted()
LINKS = hold_out(WHOLE, 0.2, seed=1)


def test_held_edges_leave_in_both_directions_and_nothing_else_does() -> None:
    held = {tuple(pair) for of in LINKS.edges.values() for pair in of.tolist()}
    both = held | {(v, u) for u, v in held}
    assert len(held) == round(0.2 * WHOLE.edges / 2)
    assert pairs(LINKS.relation) == pairs(WHOLE) - both
    assert both <= pairs(WHOLE)


def test_valid_and_test_share_no_pair_and_hold_as_many_edges_as_non_edges() -> None:
    every = [tuple(p) for of in (LINKS.edges, LINKS.others) for part in of.values() for p in part]
    assert len(set(every)) == len(every)
    for part in ("valid", "test"):
        assert len(LINKS.edges[part]) == len(LINKS.others[part]) > 0


def test_a_non_edge_is_linked_nowhere_in_the_whole_graph() -> None:
    others = np.concatenate(list(LINKS.others.values()))
    assert not {tuple(pair) for pair in others.tolist()} & pairs(WHOLE)
    assert (others[:, 0] < others[:, 1]).all()


def test_a_node_may_lose_all_its_edges() -> None:
    hub, leaves = np.zeros(6, np.int64), np.arange(1, 7)
    edges = Edges(np.concatenate([hub, leaves]), np.concatenate([leaves, hub]))
    star = relation_of(KEY, edges, (8, 8))[0]
    lost = [(hold_out(star, 0.5, seed).relation.degree[:7] == 0).any() for seed in range(5)]
    assert all(lost)


def test_the_same_seed_holds_the_same_pairs() -> None:
    def told(links: Links) -> list[list[list[int]]]:
        return [part.tolist() for of in (links.edges, links.others) for part in of.values()]

    assert told(hold_out(WHOLE, 0.2, seed=1)) == told(LINKS)
    assert told(hold_out(WHOLE, 0.2, seed=2)) != told(LINKS)


def test_vectors_of_the_planted_groups_foretell_and_random_ones_do_not() -> None:
    group = torch.nn.functional.one_hot(torch.arange(48) // 12).float()
    truth = foretold(group, LINKS, "test")
    # edges lie within groups; of non-edges so does a known share, and such pairs are ties
    within = np.mean(np.diff(LINKS.others["test"] // 12, axis=1) == 0)
    assert truth["link_auc"].value == pytest.approx(1 - within / 2)
    noise = torch.randn(48, 8, generator=torch.Generator().manual_seed(0))
    guess = foretold(noise, LINKS, "test")
    assert abs(guess["link_auc"].value - 0.5) < 0.15
    for name, value in truth.items():
        assert value.value > guess[name].value


def test_auc_and_average_precision_are_those_of_another_library() -> None:
    vectors = torch.randn(48, 8, generator=torch.Generator().manual_seed(1))
    every = np.concatenate([LINKS.edges["test"], LINKS.others["test"]])
    label = np.repeat([1, 0], len(every) // 2)
    score = (vectors[every[:, 0]] * vectors[every[:, 1]]).sum(1)
    found = foretold(vectors, LINKS, "test")
    assert found["link_auc"].value == pytest.approx(roc_auc_score(label, score), abs=1e-6)
    assert found["link_ap"].value == pytest.approx(average_precision_score(label, score), abs=1e-6)


def test_ranks_pass_over_neighbours_and_the_node_itself() -> None:
    vectors = torch.randn(48, 8, generator=torch.Generator().manual_seed(2))
    score, known = (vectors @ vectors.T).numpy(), pairs(WHOLE)
    found = []
    for edge in LINKS.edges["test"].tolist():
        both = []
        for u, v in (edge, edge[::-1]):
            rivals = [w for w in range(48) if w not in (u, v) and (u, w) not in known]
            both.append(1 + sum(score[u, w] > score[u, v] for w in rivals))
        found.append(both)
    ranks = np.array(found)
    told = foretold(vectors, LINKS, "test")
    assert told["link_mrr"].value == pytest.approx((1 / ranks).mean(), abs=1e-6)
    assert told["link_hits@10"].value == pytest.approx((ranks <= 10).mean(), abs=1e-6)


def test_the_passport_names_candidates_seed_and_share() -> None:
    passport = foretold(torch.randn(48, 2), LINKS, "valid")["link_auc"].passport
    assert (passport.name, passport.candidate_seed) == ("link_auc[non-edges]", 1)
    assert passport.part == "valid"
    assert "20% of edges kept away" in passport.split


def test_operators_are_those_of_the_table() -> None:
    u, v = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 2.0]])
    told = {name: made(u, v)[0].tolist() for name, made in OPERATORS.items()}
    assert told == {"average": [2, 0], "hadamard": [3, -4], "l1": [2, 4], "l2": [4, 16]}
    assert all(torch.equal(made(u, v), made(v, u)) for made in OPERATORS.values())


def test_lines_are_learnt_from_no_pair_that_is_judged() -> None:
    edges, others = training_pairs(LINKS)
    learnt = [tuple(pair) for part in (edges, others) for pair in part.tolist()]
    judged = {tuple(p) for of in (LINKS.edges, LINKS.others) for part in of.values() for p in part}
    assert len(set(learnt)) == len(learnt) == 2 * len(edges)
    assert not set(learnt) & judged
    assert {tuple(pair) for pair in edges.tolist()} <= pairs(LINKS.relation)
    assert not {tuple(pair) for pair in others.tolist()} & pairs(WHOLE)


def test_many_edges_are_thinned_to_a_bound() -> None:
    edges, others = training_pairs(LINKS, most=10)
    assert len(edges) == len(others) == 10
    assert edges.tolist() == training_pairs(LINKS, most=10)[0].tolist()


def test_which_pairs_are_edges_is_learnt_of_no_judged_one() -> None:
    """Edges and non-edges of both parts change places: each line stays, so its AUC turns over."""
    turned = Links(LINKS.relation, WHOLE, LINKS.others, LINKS.edges, LINKS.share, LINKS.seed)
    vectors = torch.randn(48, 8, generator=torch.Generator().manual_seed(3))
    straight, over = (
        foretold_by(tuple(OPERATORS), vectors, links, "test") for links in (LINKS, turned)
    )
    for name in OPERATORS:
        auc = f"link_auc_{name}"
        assert straight[auc].value == pytest.approx(1 - over[auc].value)


@pytest.mark.parametrize("name", OPERATORS)
def test_lines_on_pairs_are_those_of_another_library(name: Operator) -> None:
    vectors = torch.randn(48, 8, generator=torch.Generator().manual_seed(1))

    def made(pairs: np.ndarray) -> np.ndarray:
        return OPERATORS[name](vectors[pairs[:, 0]], vectors[pairs[:, 1]]).double().numpy()

    edges, others = training_pairs(LINKS)
    x, y = made(np.concatenate([edges, others])), np.repeat([1, 0], len(edges))
    theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10_000)
    theirs.fit((x - x.mean(0)) / x.std(0), y)
    every = np.concatenate([LINKS.edges["test"], LINKS.others["test"]])
    score = theirs.decision_function((made(every) - x.mean(0)) / x.std(0))
    label = np.repeat([1, 0], len(every) // 2)
    found = foretold_by((name,), vectors, LINKS, "test")
    assert found[f"link_auc_{name}"].value == pytest.approx(roc_auc_score(label, score), abs=1e-3)


def test_products_and_distances_find_the_planted_groups_and_averages_cannot() -> None:
    group = torch.nn.functional.one_hot(torch.arange(48) // 12).float()
    found = foretold_by(tuple(OPERATORS), group, LINKS, "test")
    best = foretold(group, LINKS, "test")["link_auc"].value
    for name in ("hadamard", "l1", "l2"):
        assert found[f"link_auc_{name}"].value > best - 0.1 > 0.75
    assert abs(found["link_auc_average"].value - 0.5) < 0.15


def test_the_length_of_vectors_moves_no_line() -> None:
    vectors = torch.randn(48, 8, generator=torch.Generator().manual_seed(4))
    short, long = (
        foretold_by(("l1",), scale * vectors, LINKS, "test")["link_ap_l1"].value
        for scale in (0.01, 100)
    )
    assert short == pytest.approx(long, abs=1e-3)


def test_a_line_says_what_it_was_learnt_from() -> None:
    value = foretold_by(("l2",), torch.randn(48, 2), LINKS, "valid")["link_auc_l2"]
    assert value.passport.name == "link_auc_l2[non-edges]"
    assert "logistic regression on" in value.passport.note
    assert value.unit == "pairs"


def test_a_number_that_never_changes_says_nothing_and_breaks_nothing() -> None:
    found = foretold_by(tuple(OPERATORS), torch.ones(48, 3), LINKS, "test")
    assert {value.value for name, value in found.items() if "auc" in name} == {0.5}


def test_a_line_with_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(KeyError, match="no operator 'sum'"):
        foretold_by(("sum",), torch.zeros(48, 2), LINKS, "test")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="9 vectors"):
        foretold_by(("l1",), torch.zeros(9, 2), LINKS, "test")
    bare = relation_of(KEY, Edges(np.empty(0, np.int64), np.empty(0, np.int64)), (48, 48))[0]
    with pytest.raises(ValueError, match="inner product alone"):
        training_pairs(Links(bare, WHOLE, LINKS.edges, LINKS.others, 0.2, 1))


def test_what_cannot_be_held_is_refused() -> None:
    one_way = relation_of(KEY, Edges(np.array([0, 1]), np.array([1, 2])), (3, 3))[0]
    with pytest.raises(ValueError, match="needs its opposite"):
        hold_out(one_way, 0.5)
    for share in (0.0, 0.95, 0.001):
        with pytest.raises(ValueError, match="at least 2 edges"):
            hold_out(WHOLE, share)
    full = np.argwhere(~np.eye(6, dtype=bool))
    clique = relation_of(KEY, Edges(full[:, 0], full[:, 1]), (6, 6))[0]
    with pytest.raises(ValueError, match="hold fewer edges"):
        hold_out(clique, 0.5)
    with pytest.raises(ValueError, match="9 vectors"):
        foretold(torch.zeros(9, 2), LINKS, "test")
