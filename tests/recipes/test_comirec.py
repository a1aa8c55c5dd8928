"""The ComiRec recipe: its choices are those that its sources give."""

from __future__ import annotations

import pytest

from polyrec import data
from polyrec.recipes import comirec, compose, parts


def config(variant: str, *flags: str) -> comirec.Config:
    return compose(comirec.Config, comirec.VARIANTS, variant, None, flags).config


@pytest.mark.parametrize(
    ("key", "value"),
    [("dim", 64), ("interests", 4), ("length", 20), ("batch", 128), ("negatives_per_positive", 10),
     ("loss", "sampled_softmax"), ("pick", "nearest"), ("examples", "random_cut")],
)  # fmt: skip
def test_the_books_variant_holds_upstreams_settings(key: str, value: object) -> None:
    assert getattr(config("books_dr"), key) == value


@pytest.mark.parametrize(("variant", "lr"), [("dr", 0.005), ("sa", 0.001), ("mind", 0.001)])
def test_each_model_has_its_published_rate(variant: str, lr: float) -> None:
    assert config(variant).lr == lr


def test_the_low_recall_run_differs_from_the_books_run_in_its_rate_alone() -> None:
    ours, theirs = vars(config("c_run")), vars(config("books_dr"))
    assert {key for key in ours if ours[key] != theirs[key]} == {"lr"}


def test_the_faulty_readout_differs_from_the_right_one_in_nothing_else() -> None:
    ours, theirs = vars(config("dummy_readout")), vars(config("dr"))
    assert {key for key in ours if ours[key] != theirs[key]} == {"pick"}


def test_ndcg_of_the_paper_is_never_expected_in_another_formula() -> None:
    told = [e for e in comirec.EXPECTED if "Cen et al." in e.source and e.metric[:4] == "ndcg"]
    assert told
    assert {entry.dialect for entry in told} == {"comirec-paper"}


def test_what_a_resumed_run_may_change_shapes_nothing() -> None:
    shaping = {"dim", "hidden", "interests", "length", "model", "data", "world", "split", "cut",
               "seed", "init", "similarity"}  # fmt: skip
    assert not comirec.TRAINING & shaping


def test_the_later_choices_of_a_row_s_person_follow_its_time() -> None:
    split = comirec.data(comirec.Config(world="retail_tiny"))
    batch = data.RandomCut(split.train, 16, 20).batch(1, 0, 0)
    later = parts.Later(split.train)(batch)
    for row, person in enumerate(batch.requests.actor.tolist()):
        own = slice(split.train.start[person], split.train.start[person + 1])
        after = split.train.time[own] > int(batch.requests.time[row])
        found = later.values[later.start[row] : later.start[row + 1]]
        assert found.tolist() == split.train.target[own][after].tolist()
