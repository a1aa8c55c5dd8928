"""The graphs recipe learns from what it says it learns from, and a stored run answers alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from polyrec.data import Facts
from polyrec.data.splits.questions import Split
from polyrec.experiment.stored import fresh_model
from polyrec.recipes import all_read, compose, graphs, recipe
from polyrec.train import Adam, Linear, Stage, fit
from polyrec.train.stage import describe
from polyrec.trust.doctor import collapse
from polyrec.trust.probe import probe
from polyrec.types import Progress

SMALL = ("world=retail_tiny", "dim=8", "batch=512", "epochs=1")


def order(variant: str, *flags: str) -> graphs.Config:
    of = recipe("graphs")
    config: graphs.Config = compose(of.Config, of.VARIANTS, variant, None, [*SMALL, *flags]).config
    return config


def edges(split: Split) -> set[tuple[int, int]]:
    graph = split.facts.graph.only  # type: ignore[attr-defined]
    return set(zip((graph.row + 1).tolist(), (graph.indices + 1).tolist(), strict=True))


def answers(split: Split, part: str) -> set[tuple[int, int]]:
    asked = split.valid if part == "valid" else split.test
    actor = torch.repeat_interleave(asked.cluster, asked.truth.lengths)
    return set(zip(actor.tolist(), asked.truth.values.tolist(), strict=True))


def test_the_graph_holds_no_answer_of_validation_or_test() -> None:
    split = graphs.data(order("default"))
    assert edges(split) == set(
        zip(split.train.actor.tolist(), split.train.target.tolist(), strict=True)
    )
    assert not edges(split) & (answers(split, "valid") | answers(split, "test"))


def test_fit_all_learns_validation_too_and_asks_the_same() -> None:
    some, every = (graphs.data(order("default", f"fit={fit}")) for fit in ("train", "all"))
    assert edges(every) == edges(some) | answers(some, "valid")
    assert not edges(every) & answers(every, "test")
    assert every.test.hash == some.test.hash
    assert int(every.facts.counts.sum()) == len(every.train) > len(some.train)
    assert every.how["fit"] == "train and validation"


def test_ultragcn_is_moved_as_its_authors_sum_over_a_batch_moves_it() -> None:
    config = order("ultragcn", "batch=256", "decay=0.01")
    split = graphs.data(config)
    stage = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stages[0]
    assert isinstance(stage, Stage)
    assert stage.optim == Adam(eps=1e-8 / 256, table_decay=0.01 / 256)


def test_a_member_s_loss_moves_no_other_member() -> None:
    config = order("ultragcn_committee", "members=2", "negatives=50", "parts=2")
    of, split = recipe("graphs"), graphs.data(order("ultragcn_committee"))
    model = fresh_model(of, config, split.facts)
    stage = graphs.plan(config, split, model).stages[0]
    assert isinstance(stage, Stage)
    progress = Progress(seed=1, stage="train")
    batches = [task.stream.batch(number, 0, 0) for number, task in enumerate(stage.tasks)]
    losses = stage.tasks[1].objective(model.prepare(), batches[1], progress)
    assert list(losses.values) == ["edge 2"]
    assert "'count': 50" in str(describe(stage.tasks))
    losses.values["edge 2"].backward()
    assert model.members[0].table.weight.grad is None
    assert model.members[1].table.weight.grad.abs().sum() > 0


def test_members_learn_other_batches_and_answer_by_their_mean() -> None:
    config = order("ultragcn_committee", "members=2", "negatives=50", "parts=2")
    split = graphs.data(config)
    model = fresh_model(recipe("graphs"), config, split.facts)
    one, other = model.members
    assert torch.equal(one.table.weight, other.table.weight)  # the spectrum's
    assert torch.equal(one.near.neighbour, other.near.neighbour)
    stage = graphs.plan(config, split, model).stages[0]
    assert isinstance(stage, Stage)
    fit(model, (stage,), lambda *_: {}, Progress(seed=1))
    assert not torch.equal(one.table.weight, other.table.weight)
    people, ids = stage.tasks[0].stream.batch(0, 0, 0).requests, torch.arange(1, 9)
    scores = [(m.queries(people)[:, 0] @ m.items(ids).T).detach() for m in model.members]
    found = (model.queries(people)[:, 0] @ model.items(ids).T).detach()
    assert torch.allclose(found, (scores[0] + scores[1]) / 2, atol=1e-5)


def test_members_who_agree_have_not_run_together() -> None:
    config = order("ultragcn_committee", "members=3")
    split = graphs.data(config)
    model = fresh_model(recipe("graphs"), config, split.facts).eval()
    found = probe(model.prepare(), split.test, split.facts.counts)
    assert found["member_width"] == 8
    told = {"item_pair_cosine": 0.5, "effective_rank": 20.0, "singular_values": [1.0] * 768}
    assert collapse(told | {"member_width": 256}) == ()
    assert collapse(told)


def test_members_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError, match="members=2 changes nothing here: only model=ultragcn"):
        all_read(recipe("graphs"), order("lightgcn", "members=2"), ("members",))


def test_a_rate_that_falls_is_whole_at_first_and_its_share_at_last() -> None:
    config = order("ultragcn", "lr=0.01", "lr_end=0.1", "epochs=3")
    split = graphs.data(config)
    stage = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stages[0]
    assert isinstance(stage, Stage)
    assert isinstance(stage.lr, Linear)
    last = 3 * -(-len(split.train) // 512) - 1
    assert stage.lr(Progress(step=0)) == pytest.approx(0.01)
    assert stage.lr(Progress(step=last)) == pytest.approx(0.001)


def test_fit_all_trains_its_epochs_and_chooses_nothing() -> None:
    config = order("lightgcn", "epochs=3")
    split = graphs.data(config)
    stage = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stages[0]
    assert isinstance(stage, Stage)
    assert (stage.judge, stage.select, stage.stop) == (None, None, None)
    assert stage.steps == 3 * -(-len(split.train) // config.batch)  # an epoch of edges


@pytest.mark.parametrize("examples", ["edges", "people"])
def test_the_epoch_that_is_logged_is_the_one_that_is_asked_for(examples: str) -> None:
    config = order("lightgcn", "epochs=2", f"examples={examples}")
    split, progress = graphs.data(config), Progress(seed=1)
    model = fresh_model(recipe("graphs"), config, split.facts)
    fit(model, graphs.plan(config, split, model).stages, lambda *_: {}, progress)
    assert progress.epoch == 2


def test_fit_train_chooses_on_validation() -> None:
    config = order("default")
    split = graphs.data(config)
    stage = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stages[0]
    assert isinstance(stage, Stage)
    assert stage.select == "ndcg@20"


@pytest.mark.parametrize(
    "variant", ["gf_cf", "slim", "ials", "mf", "lightgcn_softmax", "sgl", "simplex"]
)
def test_weights_alone_bring_the_graph_back(variant: str) -> None:
    config = order(variant, *(["sweeps=2"] if variant == "ials" else []))
    split = graphs.data(config)
    of = recipe("graphs")
    model = fresh_model(of, config, split.facts)
    fit(model, graphs.plan(config, split, model).stages, lambda *_: {}, Progress(seed=1))
    bare: Facts = dataclasses.replace(split.facts, graph=None)
    again = fresh_model(of, config, bare)
    again.load_state_dict(model.state_dict())
    asked = split.test.requests(torch.arange(20))
    lists = [
        graphs.serve(config, one.eval(), bare).recommend(asked, 10, asked.history)
        for one in (model, again)
    ]
    assert torch.equal(lists[0].ids, lists[1].ids)
    assert torch.equal(lists[0].scores, lists[1].scores)


def test_negatives_of_training_are_never_train_positives() -> None:
    config = order("lightgcn")
    split = graphs.data(config)
    task = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stages[0]
    assert isinstance(task, Stage)
    stream, objective = task.tasks[0].stream, task.tasks[0].objective
    known, drawn = edges(split), set()
    for step in range(stream.steps):
        batch = stream.batch(1, 0, step)
        draw = objective.rank.negatives.sample(batch, Progress(step=step)).draws[0]  # type: ignore[attr-defined]
        drawn |= set(zip(batch.requests.actor.tolist(), draw.ids[:, 0].tolist(), strict=True))
    assert drawn
    assert not drawn & known


@pytest.mark.parametrize(
    ("flags", "tau", "shared"),
    [
        (("model=mf",), None, False),
        (("model=lightgcn", "loss=softmax", "temperature=0.2", "negatives=50"), 0.2, True),
        (("model=mf", "loss=ccl", "negatives=50"), 1.0, True),
        (("model=simplex", "loss=softmax", "negatives=50"), 0.1, True),
        (("model=simplex", "loss=bpr"), None, False),
    ],
)
def test_the_loss_decides_what_is_compared_and_with_whom(flags, tau, shared) -> None:
    """Cosines and one set of negatives for a batch, or inner products and one for each edge."""
    config = order("default", *flags)
    split = graphs.data(config)
    model = fresh_model(recipe("graphs"), config, split.facts)
    assert getattr(model.similarity, "tau", None) == tau
    stage = graphs.plan(config, split, model).stages[0]
    assert isinstance(stage, Stage)
    objective, batch = stage.tasks[0].objective, stage.tasks[0].stream.batch(1, 0, 0)
    rank = getattr(objective, "rank", objective)
    (draw,) = rank.negatives.sample(batch, Progress(step=0)).draws
    assert draw.ids.shape[0] == (1 if shared else len(batch.positives))
    assert torch.isfinite(objective(model, batch, Progress(step=0)).values["edge"])


def test_an_epoch_meets_every_edge_once() -> None:
    config = order("default")
    split = graphs.data(config)
    stream = graphs.plan(config, split, fresh_model(recipe("graphs"), config, split.facts)).stream
    assert stream is not None
    met = [
        pair
        for step in range(stream.steps)
        for batch in [stream.batch(3, 0, step)]
        for pair in zip(batch.requests.actor.tolist(), batch.positives.tolist(), strict=True)
    ]
    assert sorted(met) == sorted(edges(split))


def test_the_two_ways_to_split_are_the_files_or_at_random() -> None:
    assert graphs.data(order("default")).how["how"] == "random"
    with pytest.raises(ValueError, match="given"):
        graphs.data(order("default", "split=given"))
    with pytest.raises(ValueError, match="split=kept"):
        graphs.data(order("default", "split=kept"))


def test_a_graph_of_repeats_has_each_edge_once() -> None:
    split = graphs.data(order("default", "dedup=all"))
    pairs = np.stack([split.train.actor, split.train.target], 1)
    assert len(edges(split)) == len(np.unique(pairs, axis=0))


def test_vectors_begin_where_the_setting_says() -> None:
    def spread(model: str, start: str) -> float:
        config = order("default", f"model={model}", f"start={start}")
        made = fresh_model(recipe("graphs"), config, graphs.data(config).facts)
        return float(made.state_dict()["weight"][1:].std())

    assert spread("lightgcn", "own") == spread("lightgcn", "normal") == pytest.approx(0.1, rel=0.1)
    assert spread("lightgcn", "xavier") != spread("lightgcn", "normal")
    with pytest.raises(ValueError, match="start=tiny changes nothing here: only model=ultragcn"):
        all_read(recipe("graphs"), order("default", "model=lightgcn", "start=tiny"), ("start",))
    stored = dataclasses.replace(order("default", "model=lightgcn"), start="tiny")
    old = fresh_model(recipe("graphs"), stored, graphs.data(stored).facts)
    assert float(old.state_dict()["weight"][1:].std()) == spread("lightgcn", "own")
    for model, start, known in (
        ("lightgcn", "spectral", "normal, xavier"),
        ("ultragcn", "xavier", "tiny or spectral"),
    ):
        with pytest.raises(ValueError, match=known):
            spread(model, start)
