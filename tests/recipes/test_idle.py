"""A setting made by hand is read by something, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.experiment.orders import say

from polyrec.recipes import all_read, comirec
from polyrec.recipes.comirec import Config

UNREAD = (
    ("temperature", Config(temperature=0.1)),
    ("scale", Config(similarity="cosine", scale="learned")),
    ("popular_alpha", Config(popular_alpha=0.5)),
    ("negatives_per_positive", Config(negatives="in_batch", negatives_per_positive=5)),
    ("margin", Config(margin=0.1)),
    ("remi_beta", Config(remi_beta=1.0)),
    ("neighbours", Config(neighbours=9)),
    ("shrink", Config(shrink=1.0)),
    ("l2", Config(l2=9.0)),
    ("hidden", Config(hidden=32)),
    ("interests", Config(model="gru4rec", interests=2)),
    ("adapt", Config(model="youtube_dnn", interests=1, adapt="log2")),
    ("rr_weight", Config(model="youtube_dnn", interests=1, rr_weight=1.0)),
    ("cut", Config(split="time", cut=0.5)),
    ("min_users", Config(k_core=5, min_users=3)),
    ("min_items", Config(k_core=5, min_items=3)),
)


@pytest.mark.parametrize(("key", "config"), UNREAD, ids=[key for key, _ in UNREAD])
def test_a_setting_that_nothing_reads_is_refused(key: str, config: Config) -> None:
    with pytest.raises(ValueError, match=f"{key}=.*changes nothing here: only .* reads it"):
        all_read(comirec, config, [key])


def test_every_rule_is_tried() -> None:
    known = {key for _, config in UNREAD for key in comirec.idle(config)}
    assert known == {key for key, _ in UNREAD}


@pytest.mark.parametrize("variant", comirec.VARIANTS)
def test_a_variant_sets_nothing_in_vain(variant: str) -> None:
    settings = comirec.VARIANTS[variant]
    all_read(comirec, dataclasses.replace(Config(), **settings), settings)


def test_the_command_line_refuses_it_before_anything_is_read(tmp_path: Path) -> None:
    answer = say("run", "comirec", "--out", tmp_path, "world=retail_tiny", "temperature=0.1")
    assert answer.code == 2
    assert "only similarity=cosine reads it" in answer.err
    assert not list(tmp_path.iterdir())
