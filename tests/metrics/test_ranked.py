"""Lists held against what was wanted."""

import pytest
import torch

from polyrec.metrics import RANKING, hits, match
from polyrec.metrics.ranked import duplicates, tied
from polyrec.types import Ragged


def of(lists, truth):
    rows = torch.arange(len(truth))
    return match(rows, rows, torch.tensor(lists), Ragged.of(truth))


def test_a_hit_names_its_first_place_in_the_truth_list():
    assert of([[5, 9, 7]], [[7, 7, 5]]).truth_at.tolist() == [[3, 0, 1]]


def test_id_zero_never_counts_even_where_the_truth_is_unknown():
    ranked = of([[0, 0]], [[0, 4]])
    assert ranked.truth_at.tolist() == [[0, 0]]


def test_each_unknown_wanted_item_stays_wanted():
    assert of([[4, 1]], [[0, 4, 0, 4]]).wanted.tolist() == [3]


def test_repeats_are_wanted_once_and_listed_twice():
    ranked = of([[4, 1]], [[4, 4, 2]])
    assert ranked.wanted.tolist() == [2]
    assert ranked.listed.tolist() == [3]


def test_a_duplicate_in_a_list_counts_at_its_first_place_only():
    ranked = of([[4, 4, 2]], [[4]])
    assert ranked.truth_at.tolist() == [[1, 0, 0]]
    assert duplicates(ranked.ids).tolist() == [True]


def test_places_without_an_item_are_no_duplicates():
    assert duplicates(torch.tensor([[3, 0, 0]])).tolist() == [False]


def test_no_truth_at_all_is_no_hit():
    assert of([[1, 2]], [[]]).truth_at.tolist() == [[0, 0]]


def test_cutting_a_longer_list_equals_asking_for_a_shorter_one():
    draw = torch.Generator().manual_seed(0)
    lists = torch.stack([torch.randperm(30, generator=draw)[:10] + 1 for _ in range(50)])
    truth = [[1 + r % 30, 2 + r % 5] for r in range(50)]
    for metric in RANKING.values():
        assert torch.equal(
            metric(of(lists.tolist(), truth), 4), metric(of(lists[:, :4].tolist(), truth), 4)
        )


@pytest.mark.parametrize("k", [0, 3])
def test_a_k_outside_the_lists_is_an_error(k):
    with pytest.raises(ValueError, match="2 places"):
        hits(of([[1, 2]], [[1]]), k)


@pytest.mark.parametrize(
    ("scores", "truth", "tie"),
    [
        ([4, 3, 2, 1], [1], False),
        ([4, 4, 2, 1], [1], True),  # touches the wanted item
        ([4, 4, 2, 1], [3], False),  # two misses
        ([4, 3, 2, 2], [9], True),  # touches the border
        ([4, 3, float("-inf"), float("-inf")], [9], False),  # nothing there
    ],
)
def test_a_tie_counts_where_it_touches_a_wanted_item_or_the_border(scores, truth, tie):
    ranked = of([[1, 2, 3]], [truth])
    assert tied(ranked, torch.tensor([scores], dtype=torch.float32), 3).tolist() == [tie]


def test_tied_lists_reach_the_expected_metric_over_tie_orders():
    from polyrec.index import top

    ids, _ = top(torch.ones(1, 1, 2), torch.ones(101, 2), 10)
    lists = ids.expand(100, 10).tolist()
    ranked = of(lists, [[i] for i in range(1, 101)])
    assert float(RANKING["hit_rate"](ranked, 10).mean()) == pytest.approx(0.1)
    assert float(RANKING["ndcg"](ranked, 10).mean()) == pytest.approx(0.045436, abs=1e-6)
