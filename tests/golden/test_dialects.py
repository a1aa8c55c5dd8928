"""Three people, one set of lists, thirteen dialects: the published table to six digits."""

import pytest
import torch

from polyrec.metrics import DIALECTS, dialect, match
from polyrec.types import Ragged

K = 10
STANDARD = {
    "ndcg": 0.293711,
    "recall": 0.383333,
    "precision": 0.133333,
    "hit_rate": 0.666667,
    "map": 0.172222,
    "mrr": 0.444444,
}
TABLE = {
    "polyrec": STANDARD,
    "recbole": STANDARD,
    "replay": STANDARD,
    "cornac": {n: STANDARD[n] for n in ("ndcg", "recall", "precision", "hit_rate")},
    "implicit": {"ndcg": 0.293711, "precision": 0.25, "map": 0.172222},
    "torch-rechub": {
        "ndcg": 0.293711,
        "recall": 0.383333,
        "precision": 0.133333,
        "hit_rate": 0.153846,
    },
    "rectools": {**STANDARD, "ndcg": 0.163727, "map": 0.141667},
    "rectools-achievable": {**STANDARD, "map": 0.141667},
    "rectools-map-k": {**STANDARD, "map": 0.072222},
    "librecommender": {
        "ndcg": 0.437551,
        "recall": 0.383333,
        "precision": 0.133333,
        "map": 0.314815,
    },
    "comirec-master": {"ndcg": 0.437551, "recall": 0.383333, "hit_rate": 0.666667},
    "comirec-paper": {"ndcg": 0.666667, "recall": 0.383333, "hit_rate": 0.666667},
    "ndcg-all-wanted": {"ndcg": 0.248657},
}


def three_people(first_truth):
    """1 wants 20 items and gets three, at ranks 1, 4, 9; 2 wants 1, at rank 3; 3 none of 5."""
    wanted = list(range(1, 21))
    truth = [*first_truth, *(i for i in wanted if i not in first_truth)]
    one = [101 + j for j in range(K)]
    one[0], one[3], one[8] = 1, 2, 3
    two = [201 + j for j in range(K)]
    two[2] = 50
    lists = torch.tensor([one, two, [301 + j for j in range(K)]])
    return match(torch.arange(3), torch.arange(3), lists, Ragged.of([truth, [50], range(60, 65)]))


RANKED = three_people([1, 2, 3])


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [(d, m, v) for d, row in TABLE.items() for m, v in row.items()],
)
def test_each_dialect_gives_its_published_value(name, metric, value):
    each = dialect(name).formula(metric)(RANKED, K)
    assert float(each.mean()) == pytest.approx(value, abs=1e-6)


def test_the_table_covers_every_dialect_and_every_metric_it_offers():
    extra = {"recall_capped", "sequence_score"}
    assert {d: set(x.formulas) - extra for d, x in DIALECTS.items()} == {
        d: set(row) for d, row in TABLE.items()
    }


def test_ndcg_of_each_person_is_the_worked_one():
    each = dialect("polyrec").formula("ndcg")(RANKED, K)
    assert each.tolist() == pytest.approx([0.381134, 0.5, 0.0], abs=1e-6)


def test_the_paper_dialect_follows_the_order_of_the_truth_list_not_the_ranking():
    wanted = list(range(4, 21))
    moved = match(
        torch.arange(3),
        torch.arange(3),
        RANKED.ids,
        Ragged.of([[*wanted, 1, 2, 3], [50], range(60, 65)]),
    )
    paper = dialect("comirec-paper").formula("ndcg")
    assert float(paper(moved, K).mean()) == pytest.approx(0.441965, abs=1e-6)
    ours = dialect("polyrec").formula("ndcg")
    assert torch.equal(ours(moved, K), ours(RANKED, K))


@pytest.mark.parametrize(
    ("listed", "values"),
    [("xybza", (1.0, 0.5438, 0.4162)), ("xcyzb", (0.6934, 0.6241, 0.4776))],
)
def test_worked_examples_of_three_wanted_items_in_a_list_of_five(listed, values):
    ids = {"a": 1, "b": 2, "c": 3, "x": 4, "y": 5, "z": 6}
    lists = torch.tensor([[ids[c] for c in listed]])
    ranked = match(torch.tensor([0]), torch.tensor([0]), lists, Ragged.of([[1, 2, 3]]))
    names = ("comirec-paper", "comirec-master", "polyrec")
    got = [float(dialect(name).formula("ndcg")(ranked, 5)[0]) for name in names]
    assert got == pytest.approx(values, abs=5e-5)


def random_ranked(seed):
    draw = torch.Generator().manual_seed(seed)
    lists = torch.stack([torch.randperm(40, generator=draw)[:12] + 1 for _ in range(200)])
    truth = [(torch.randperm(40, generator=draw)[: 1 + r % 9] + 1).tolist() for r in range(200)]
    return match(torch.arange(200), torch.arange(200), lists, Ragged.of(truth)), truth


def test_the_standard_form_never_exceeds_the_one_over_hits():
    ranked, _ = random_ranked(0)
    standard = dialect("polyrec").formula("ndcg")(ranked, 12)
    assert (standard <= dialect("comirec-master").formula("ndcg")(ranked, 12) + 1e-12).all()


def test_over_hits_is_one_when_the_hits_come_first():
    ranked = match(
        torch.arange(1), torch.arange(1), torch.tensor([[7, 8, 1, 2]]), Ragged.of([[7, 9, 8]])
    )
    assert float(dialect("comirec-master").formula("ndcg")(ranked, 4)) == pytest.approx(1)


def test_the_paper_dialect_is_one_when_the_first_wanted_are_found_at_any_rank():
    ranked = match(
        torch.arange(1), torch.arange(1), torch.tensor([[1, 2, 8, 7]]), Ragged.of([[7, 8, 9]])
    )
    assert float(dialect("comirec-paper").formula("ndcg")(ranked, 4)) == pytest.approx(1)


def test_repeats_in_the_truth_list_count_only_where_the_dialect_says_so():
    ranked = match(
        torch.arange(1), torch.arange(1), torch.tensor([[7, 1, 2]]), Ragged.of([[7, 7, 9, 8]])
    )
    assert float(dialect("polyrec").formula("recall")(ranked, 3)) == pytest.approx(1 / 3)
    assert float(dialect("comirec-master").formula("recall")(ranked, 3)) == pytest.approx(1 / 4)


def test_a_definition_nobody_has_read_is_refused():
    with pytest.raises(KeyError, match="not verified"):
        dialect("cornac").formula("map")
