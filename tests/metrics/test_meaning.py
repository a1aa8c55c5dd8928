"""Passports, slices, sampled candidates, the words of each metric."""

import pytest
import torch

from polyrec.metrics import DIALECTS, LABEL, RANKING, SYSTEM, Passport, explain, match
from polyrec.metrics.passport import as_fraction, comparable, differing
from polyrec.metrics.ranking import GradedNDCG
from polyrec.metrics.sampled import expected
from polyrec.metrics.slices import (
    by_activity,
    by_edges,
    by_pair,
    by_popularity,
    item_groups,
    too_small,
)
from polyrec.types import Ragged


def test_every_field_changes_the_id_of_a_passport():
    from dataclasses import fields, replace

    ours = Passport("ndcg", 10)
    for field in fields(ours):
        old = getattr(ours, field.name)
        other = {str: "x", int: 99, float: 0.9, tuple: (("a", 1),)}.get(type(old), 5)
        assert replace(ours, **{field.name: other}).id != ours.id


def test_a_passport_survives_json():
    ours = Passport("ndcg", 10, dropped=(("cold", 3),), seeds=(1, 2), tied=0.25)
    assert Passport.from_json(ours.to_json()) == ours


def test_sampled_candidates_are_never_shown_bare():
    assert Passport("ndcg", 10).name == "ndcg@10"
    assert Passport("ndcg", 10, candidates="pop100").name == "ndcg@10[pop100]"


def test_a_choice_on_test_is_printed_as_an_upper_bound():
    assert "upper bound" in Passport("ndcg", 10, selected_on="test").short()


def test_the_differing_field_and_both_values_are_named():
    a, b = Passport("ndcg", 10), Passport("ndcg", 20)
    assert differing(a, b) == {"k": (10, 20)}
    with pytest.raises(ValueError, match=r"k: 10 and 20.*judge both runs alike"):
        comparable(a, b)


def test_percent_is_told_from_a_fraction():
    assert as_fraction("recall", 0.0618) == 0.0618
    with pytest.raises(ValueError, match="looks like percent: divide by 100"):
        as_fraction("recall", 6.18)
    with pytest.raises(ValueError, match="0 to 1"):
        as_fraction("recall", float("nan"))


@pytest.mark.parametrize(
    ("rank", "hit", "ndcg"), [(501, 0.971812, 0.372391), (101, 1.000, 0.724998)]
)
def test_a_hundred_candidates_give_the_worked_expectation(rank, hit, ndcg):
    at = torch.tensor([rank])
    assert float(expected(at, 10_001, 100, 10, "hit_rate")) == pytest.approx(hit, abs=5e-7 + 5e-5)
    assert float(expected(at, 10_001, 100, 10, "ndcg")) == pytest.approx(ndcg, abs=5e-7)


def test_an_item_that_is_never_listed_is_no_hit_among_samples_either():
    assert float(expected(torch.tensor([0]), 1000, 100, 10, "mrr")) == 0


def test_the_best_item_is_first_among_any_candidates():
    assert float(expected(torch.tensor([1]), 1000, 100, 10, "mrr")) == pytest.approx(1)


def test_more_places_than_candidates_is_an_error():
    with pytest.raises(ValueError, match="k=20 but only 11"):
        expected(torch.tensor([1]), 1000, 10, 20, "mrr")


def test_edges_make_bins_that_name_themselves():
    got = by_edges("queries", torch.tensor([0, 1, 2, 3, 10, 11, 101]), [1, 3, 11, 101])
    assert [got.names[i] for i in got.label] == [
        "0",
        "1-2",
        "1-2",
        "3-10",
        "3-10",
        "11-100",
        ">=101",
    ]


def test_edges_that_do_not_rise_are_an_error():
    with pytest.raises(ValueError, match="must rise"):
        by_edges("x", torch.tensor([1]), [5, 5])


def test_head_and_tail_hold_a_fifth_of_the_events_each():
    counts = torch.tensor([0, 10, 5, 1, 1, 1, 1, 1, 0])
    # 20 events: the head is the first 4 of them, the tail the last 4
    assert item_groups(counts).tolist() == [3, 0, 1, 1, 2, 2, 2, 2, 3]


def test_a_request_lies_in_the_group_of_all_it_wants_or_in_mixed():
    counts = torch.tensor([0, 10, 5, 1, 1, 1, 1, 1, 0])
    got = by_popularity(Ragged.of([[1, 1], [2], [7], [8, 0], [1, 7]]), counts)
    assert [got.names[i] for i in got.label] == ["head", "middle", "tail", "unseen", "mixed"]


def test_people_without_train_events_are_new():
    got = by_activity(torch.tensor([0, 3]))
    assert [got.names[i] for i in got.label] == ["0", "1-4"]


def test_a_pair_of_counts_is_unordered():
    a, b = torch.tensor([5, 5, 30, 60, 60]), torch.tensor([5, 70, 5, 30, 60])
    got = by_pair("activity", a, b)
    want = ["both <20", "one <20", "one <20", "both >=20", "both >=50"]
    assert [got.names[i] for i in got.label] == want


@pytest.mark.parametrize(
    ("n", "hits", "small"), [(100, 20, False), (99, 50, True), (500, 19, True)]
)
def test_small_slices_prove_nothing(n, hits, small):
    assert too_small(n, hits) is small


@pytest.mark.parametrize("name", [*RANKING, *SYSTEM, *LABEL])
def test_every_metric_explains_itself(name):
    assert len(explain(f"{name}@10").splitlines()) >= 2


def test_an_explanation_names_the_dialects_that_differ():
    text = explain("ndcg@10")
    for name, kind in DIALECTS.items():
        assert (f"dialect {name}:" in text) == ("ndcg" in kind.own)


def test_an_unknown_metric_is_explained_by_its_nearest():
    with pytest.raises(KeyError, match="did you mean 'ndcg'"):
        explain("ndgc@10")


def test_graded_gain_rewards_the_better_item_first():
    truth, rel = Ragged.of([[1, 2]]), Ragged(torch.tensor([1.0, 2.5]), torch.tensor([0, 2]))
    rows = torch.arange(1)
    first = GradedNDCG(rel, 2)(match(rows, rows, torch.tensor([[2, 1]]), truth))
    second = GradedNDCG(rel, 2)(match(rows, rows, torch.tensor([[1, 2]]), truth))
    assert float(first) == pytest.approx(1)
    g = 1 / torch.log2(torch.tensor(3.0)).item()
    big, small = 2**2.5 - 1, 1
    assert float(second) == pytest.approx((small + big * g) / (big + small * g), abs=1e-6)
