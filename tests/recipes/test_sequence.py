"""The sequence recipe: what its settings become, and what they refuse."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from polyrec import data
from polyrec.experiment.stored import fresh_model
from polyrec.models import popularity
from polyrec.negatives import All, Curriculum, HardWindow, MaskKnown, Mixed, Popular, Varying
from polyrec.nn.features import EventFeatures, Tower, UserTower
from polyrec.nn.quantize import CodedTable, CodeHead
from polyrec.recipes import all_read, parts, sequence
from polyrec.recipes.sequence import Config
from polyrec.train import Rank, Scalable, Solve, Stage
from polyrec.train.objective.codes import WithCodes
from polyrec.types import Progress, Ragged, Requests

TINY = Config(world="retail_tiny", dim=8, batch=64, count=20, code_size=8, epochs=4, hard_last=40)
UNREAD = (
    ("cut", Config(cut=0.5)),
    ("min_users", Config(k_core=5, min_users=3)),
    ("min_items", Config(k_core=5, min_items=3)),
    ("ties", Config(split="by-user", ties="shuffle")),
    ("heads", Config(model="gru", heads=2)),
    ("norm", Config(model="ligr", norm="original")),
    ("neighbours", Config(neighbours=9)),
    ("shrink", Config(shrink=1.0)),
    ("l2", Config(l2=9.0)),
    ("ids", Config(ids="without")),
    ("combine", Config(combine="concat")),
    ("activation", Config(activation="relu")),
    ("bags", Config(bags="sum")),
    ("quantizer", Config(quantizer="rq_vae")),
    ("code_source", Config(code_source="content")),
    ("code_levels", Config(code_levels=2)),
    ("code_size", Config(code_size=16)),
    ("code_epochs", Config(codes="features", code_epochs=5)),
    ("code_weight", Config(codes="features", code_weight=0.1)),
    ("code_warm_up", Config(codes="features", code_warm_up=5)),
    ("scale", Config(scale="learned")),
    ("temperature", Config(similarity="dot", temperature=0.1)),
    ("tau", Config(similarity="dot", tau="learned")),
    ("score_heads", Config(score_heads=2)),
    ("margin", Config(margin=0.1)),
    ("gbce_t", Config(gbce_t=0.5)),
    ("remi_beta", Config(remi_beta=0.5)),
    ("places", Config(model="hstu", places="rotary")),
    ("hardest", Config(loss="scalable", hardest=3)),
    ("negatives", Config(loss="scalable", negatives="hard")),
    ("count", Config(negatives="all", count=9)),
    ("draw_from", Config(negatives="popular", draw_from="all")),
    ("in_batch_most", Config(negatives="uniform", in_batch_most=9)),
    ("share", Config(negatives="in_batch", share="row")),
    ("count_last", Config(negatives="hard", count_last=9)),
    ("reject_seen", Config(negatives="all", reject_seen=True)),
    ("reject_known", Config(loss="scalable", reject_known=True)),
    ("popular_alpha", Config(popular_alpha=0.5)),
    ("hard", Config(hard=0.4)),
    ("random", Config(random=0.4)),
    ("hard_first", Config(hard_first=5)),
    ("hard_last", Config(hard_last=50)),
    ("hard_query", Config(hard_query="mean_items")),
    ("hard_every", Config(hard_every=2)),
    ("hard_correction", Config(negatives="hard", hard_correction="none")),
    ("phase", Config(negatives="mixed", phase=2)),
    ("k_core", Config(split="kept", k_core=3)),
    ("kinds", Config(split="kept", kinds="click")),
    ("positives", Config(split="kept", positives="rating>=4")),
    ("dedup", Config(split="kept", dedup="last")),
)


def built(**settings: object) -> tuple[nn.Module, tuple[Solve | Stage, ...], object]:
    config = dataclasses.replace(TINY, **settings)  # type: ignore[arg-type]
    split = sequence.data(config)
    model = fresh_model(sequence, config, split.facts)
    return model, tuple(sequence.plan(config, split, model).stages), split


def objective(stages: tuple[Solve | Stage, ...]) -> object:
    last = stages[-1]
    assert isinstance(last, Stage)
    return last.tasks[0].objective


@pytest.mark.parametrize(("key", "config"), UNREAD, ids=[key for key, _ in UNREAD])
def test_a_setting_that_nothing_reads_is_refused(key: str, config: Config) -> None:
    with pytest.raises(ValueError, match=f"{key}=.*changes nothing here: only .* reads it"):
        all_read(sequence, config, [key])


def test_every_rule_is_tried() -> None:
    known = {key for _, config in UNREAD for key in sequence.idle(config)}
    assert known == {key for key, _ in UNREAD}


@pytest.mark.parametrize("variant", sequence.VARIANTS)
def test_a_variant_sets_nothing_in_vain(variant: str) -> None:
    settings = sequence.VARIANTS[variant]
    all_read(sequence, dataclasses.replace(Config(), **settings), settings)


@pytest.mark.parametrize(
    ("negatives", "kind"),
    [
        ("all", All),
        ("uniform", Popular),  # uniform over what train has seen
        ("uniform_in_batch", Mixed),
        ("hard", HardWindow),
        ("mixed", Curriculum),
        ("curriculum", Curriculum),
    ],
)
def test_negatives_are_those_of_the_setting(negatives: str, kind: type) -> None:
    rank = objective(built(negatives=negatives)[1])
    assert isinstance(rank, Rank)
    assert isinstance(rank.negatives, kind)


def test_hard_windows_are_kept_and_refreshed() -> None:
    stage = built(negatives="mixed", hard_every=2)[1][-1]
    assert isinstance(stage, Stage)
    assert set(stage.keeps) == {"hard"}
    assert [hook.span.steps(10) for hook in stage.hooks] == [20]


def test_the_number_of_negatives_grows_to_its_last_in_the_last_epoch() -> None:
    rank = objective(built(negatives="uniform", count=1, count_last=5, epochs=15)[1])
    assert isinstance(rank, Rank)
    assert isinstance(rank.negatives, Varying)
    counts = [rank.negatives.make(Progress(epoch=epoch)).count for epoch in (0, 7, 14)]  # type: ignore[attr-defined]
    assert counts == [1, 3, 5]


def test_a_curriculum_has_three_phases() -> None:
    rank = objective(built(negatives="curriculum", phase=5, count=10)[1])
    assert isinstance(rank, Rank)
    sampler = rank.negatives
    assert isinstance(sampler, Curriculum)
    shares = [
        [source.count for source in sampler.at(Progress(epoch=epoch)).sources]  # type: ignore[attr-defined]
        for epoch in (0, 5, 10)
    ]
    assert shares == [[1, 8, 1], [3, 6, 1], [6, 4]]


def test_items_that_train_never_saw_are_no_negatives() -> None:
    _, stages, split = built(negatives="uniform", world="retail_fresh", count=500)
    rank = objective(stages)
    stage = stages[-1]
    assert isinstance(stage, Stage)
    assert isinstance(rank, Rank)
    counts = split.facts.counts  # type: ignore[attr-defined]
    assert bool((counts[1:] == 0).any())
    batch = stage.tasks[0].stream.batch(1, 0, 0)
    for step in range(5):
        drawn = rank.negatives.sample(batch, Progress(step=step)).draws[0].ids
        assert bool((counts[drawn] > 0).all())


def test_what_is_known_of_items_people_and_events_is_read() -> None:
    model, _, split = built(
        features="category,content", user_features="all", event_features="add", kinds=""
    )
    assert isinstance(model.table, Tower)
    assert isinstance(model.users, UserTower)
    assert isinstance(model.events, EventFeatures)
    assert split.test.columns == ("kind", "time")  # type: ignore[attr-defined]


def test_features_start_where_ids_alone_would() -> None:
    plain, beside = built()[0].eval(), built(features="all")[0].eval()
    ids = torch.arange(1, 50)
    assert torch.equal(plain.items(ids), beside.items(ids))  # type: ignore[operator]


def test_codes_come_before_ranking() -> None:
    model, stages, _ = built(codes="both")
    assert [stage.name for stage in stages] == ["codes", "train"]
    assert isinstance(model.table, CodedTable)
    assert isinstance(model.code_head, CodeHead)
    assert isinstance(objective(stages), WithCodes)


def test_an_autoencoder_is_trained_first_and_left_alone_after() -> None:
    _, stages, _ = built(codes="features", quantizer="rq_vae")
    assert [stage.name for stage in stages] == ["codebooks", "rqvae", "codes", "train"]
    last, before = stages[-1], stages[1]
    assert isinstance(last, Stage)
    assert isinstance(before, Stage)
    assert before.trains == ["quantizer"]
    assert "quantizer" not in (last.trains or ())


def test_shares_that_sum_to_one_but_for_rounding_are_taken() -> None:
    rank = objective(built(negatives="mixed", hard=0.8, random=0.2)[1])
    assert isinstance(rank, Rank)


def test_hstu_reads_times_without_event_features() -> None:
    model, stages, split = built(model="hstu")
    assert split.test.columns == ("time",)  # type: ignore[attr-defined]
    stage = stages[-1]
    assert isinstance(stage, Stage)
    batch = stage.tasks[0].stream.batch(1, 0, 0)
    model(batch.requests, torch.arange(5)).queries.sum().backward()
    assert model.blocks[0].gap_bias.grad.abs().max() > 0  # type: ignore[index,union-attr]


def test_known_positives_can_be_masked() -> None:
    rank = objective(built(reject_known=True)[1])
    assert isinstance(rank, Rank)
    assert isinstance(rank.negatives, MaskKnown)


def test_buckets_choose_their_own_negatives() -> None:
    assert isinstance(objective(built(loss="scalable")[1]), Scalable)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": "colour"}, "no column 'colour'"),
        ({"codes": "features", "code_source": "price"}, "holds no vectors"),
        ({"similarity": "mlp", "diversity": 0.1}, "scored exactly"),
        ({"negatives": "mixed", "hard": 0.9, "random": 0.3}, "need each >= 0"),
        ({"negatives": "mixed", "count": 1}, "all are hard ones"),
        ({"negatives": "curriculum", "count": 1}, "all are hard ones"),
        ({"hardest": 5}, "no log Q"),
        ({"loss": "gbce"}, "beta is"),
        ({"loss": "gbce", "negatives": "all"}, "beta is"),
        ({"loss": "scalable", "similarity": "mlp"}, "no vectors to find buckets"),
        ({"negatives": "log_uniform", "count_last": 400}, "unique negatives"),
        ({"features": "all", "ids": "without", "codes": "features"}, "codes stand beside the ids"),
        ({"hard_first": 50, "negatives": "hard"}, "ranks"),
        ({"heads": 3}, "heads=3"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_number(
    settings: dict[str, object], said: str
) -> None:
    with pytest.raises((ValueError, KeyError), match=said):
        built(**settings)


def test_tables_of_features_need_a_log_that_has_them() -> None:
    split = sequence.data(TINY)
    bare = dataclasses.replace(split.facts, tables={})
    with pytest.raises(
        ValueError, match=r"no table of items; leave features out, or bring .*NAME\.item"
    ):
        sequence.model(dataclasses.replace(TINY, features="all"), bare)
    assert len(popularity(split.facts.counts)) == split.facts.items + 1


def test_what_follows_in_a_sequence_is_a_false_negative() -> None:
    batch = data.Pairs(
        Requests(torch.tensor([1, 2]), Ragged.of([[1, 2, 3], [7]])).asked_throughout(),
        torch.tensor([2, 3, 4, 8]),
        torch.ones(4),
    )
    later = parts.Later(sequence.data(TINY).train)(batch)
    assert [later.select(torch.tensor([row])).values.tolist() for row in range(4)] == [
        [3, 4],
        [4],
        [],
        [],
    ]


def test_what_a_resumed_run_may_change_shapes_nothing_and_holds_every_number_of_a_loss() -> None:
    shaping = {"dim", "length", "blocks", "model", "data", "world", "split", "seed", "init",
               "similarity", "hard_first", "hard_last"}  # fmt: skip
    assert not sequence.TRAINING & shaping
    assert {"loss", "margin", "gbce_t", "remi_beta", "hardest"} <= sequence.TRAINING


def test_a_log_that_no_flag_would_mend_is_not_told_of_flags(tmp_path: Path) -> None:
    bare, other = tmp_path / "bare.csv", tmp_path / "other.csv"
    bare.write_text("")
    other.write_text("who,item,time\na,b,1700000000\n")
    with pytest.raises(ValueError, match="0 bytes") as told:
        sequence.data(Config(data=str(bare)))
    assert "flags" not in str(told.value)
    with pytest.raises(ValueError, match=r"--actor NAME \(such flags belong to `polyrec data"):
        sequence.data(Config(data=str(other)))
