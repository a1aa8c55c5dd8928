"""Semantic ids in the one loop: an autoencoder that makes them, a head that guesses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from polyrec.data import AllCuts, Vocab
from polyrec.data.events import Events
from polyrec.losses import sampled_softmax
from polyrec.models import ComiRecSA, GRU4Rec, SolveCodes
from polyrec.negatives import All
from polyrec.nn import Interests
from polyrec.nn.quantize import RQVAE, CodedTable, CodeHead, Codes, residual_kmeans, utilisation
from polyrec.progress import Alone
from polyrec.run import Run
from polyrec.train import (
    AdamW,
    Constant,
    Epochs,
    Interrupted,
    Options,
    Rank,
    Solve,
    Stage,
    Steps,
    Task,
    fit,
)
from polyrec.train.objective.codes import Reconstruct, WithCodes, item_rows, rqvae_stages
from polyrec.types import Losses, Progress, Ragged, Requests

ITEMS, WIDTH = 120, 10
KEYS = Vocab.of([str(item) for item in range(ITEMS)])


def evaluate(model: nn.Module, progress: Progress) -> dict[str, float]:
    return {}


def vectors() -> Tensor:
    """[n + 1, d] in twelve clusters; item 5 has none."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, WIDTH, generator=generator)[torch.arange(ITEMS + 1) % 12] * 2
    x += 0.3 * torch.randn(ITEMS + 1, WIDTH, generator=generator)
    x[0] = x[5] = 0
    return x


@dataclass(frozen=True)
class Recorded:
    """AdamW that remembers what it was given."""

    given: list[nn.Parameter] = field(default_factory=list)

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        self.given.extend(parameters)
        return AdamW().build(self.given)


def autoencoder() -> RQVAE:
    torch.manual_seed(2)
    return RQVAE(WIDTH, (16, 4), levels=2, size=8)


def trained(
    run: Run | None = None, report: Callable[..., Any] | None = None, steps: int = 40
) -> RQVAE:
    model = autoencoder()
    stages = rqvae_stages(model, vectors(), KEYS, Steps(steps), batch_size=20)
    options = Options(log_every=5, **({} if report is None else {"report": report}))
    fit(model, stages, evaluate, Progress(seed=4), run, options)
    return model


def test_items_without_a_vector_are_in_no_batch():
    stream = item_rows(vectors(), KEYS, 20)
    seen = [stream.batch(1, 0, step) for step in range(stream.steps)]
    rows = torch.cat([batch.rows for batch in seen])
    assert sorted(rows.tolist()) == [item for item in range(1, ITEMS + 1) if item != 5]
    assert torch.equal(seen[0].features["vector"], vectors()[seen[0].rows])


def test_training_lowers_what_the_codes_lose():
    x = vectors()
    start = autoencoder()
    start.start(x, torch.Generator().manual_seed(1))
    before = utilisation(start.codes(x), x).unexplained
    after = utilisation(trained(steps=300).codes(x), x).unexplained
    assert after < 0.5 * before


def test_the_codebook_is_one_parameter_and_the_optimiser_has_it():
    model = autoencoder()
    codebook, place = model.codebook, model.codebook.data_ptr()
    solve, stage = rqvae_stages(model, vectors(), KEYS, Steps(10), batch_size=20)
    assert isinstance(stage, Stage)
    optim = Recorded()
    fit(model, [solve, replace(stage, optim=optim)], evaluate, Progress(seed=4))
    assert model.codebook is codebook
    assert model.codebook.data_ptr() == place
    assert any(weight is codebook for weight in optim.given)


def test_the_loss_is_the_sum_of_its_terms():
    model, progress = autoencoder(), Progress()
    model.start(vectors(), torch.Generator().manual_seed(1))
    batch = item_rows(vectors(), KEYS, 20).batch(1, 0, 0)
    loss = Reconstruct()(model, batch, progress).values["rqvae"]
    terms = model(batch.features["vector"])
    by_hand = terms.reconstruction + terms.codebook + 0.25 * terms.commitment
    assert torch.allclose(loss, by_hand.mean())
    noted = sum(progress.notes[f"rqvae/{name}"] for name in ("reconstruction", "codebook"))
    assert noted + progress.notes["rqvae/commitment"] == pytest.approx(loss.item(), rel=1e-5)


def test_the_log_says_which_codes_were_dead(tmp_path):
    run = Run.create(tmp_path / "run")
    trained(run, steps=13)
    assert [line["step"] for line in run.lines("refresh")] == [0, 6, 12]
    assert {"dead_1", "dead_2"} <= run.lines("refresh")[0].keys()
    assert run.lines("train")[0]["rqvae"]["unique"] > 0


def test_a_stopped_training_goes_on_bit_for_bit(tmp_path):
    whole = trained(Run.create(tmp_path / "whole"), steps=15)
    for stop in (3, 7):
        run = Run.create(tmp_path / str(stop))
        with pytest.raises(Interrupted):
            trained(run, lambda progress, tick, stop=stop: progress.step == stop, steps=15)
        again = trained(run, steps=15)
        for name, value in whole.state_dict().items():
            assert torch.equal(value, again.state_dict()[name]), name


class Parts(nn.Module):
    """An autoencoder inside something larger."""

    def __init__(self) -> None:
        super().__init__()
        self.quantiser = autoencoder()
        self.other = nn.Linear(2, 2)

    def prepare(self) -> Parts:
        return self


def test_an_autoencoder_trains_as_part_of_a_model():
    model = Parts()
    other = model.other.weight.detach().clone()
    stages = rqvae_stages(model.quantiser, vectors(), KEYS, Epochs(2), 20, part="quantiser")
    before = model.quantiser.encoder[0].weight.detach().clone()
    fit(model, stages, evaluate, Progress(seed=4))
    assert not torch.equal(model.quantiser.encoder[0].weight, before)
    assert torch.equal(model.other.weight, other)


def events() -> Events:
    """Sixty people, eight events each, who stay inside one cluster of items."""
    rng = np.random.default_rng(0)
    people, of = np.arange(1, 61), 8
    target = 12 * rng.integers(0, 9, (60, of)) + people[:, None] % 12 + 1
    return Events(
        actor=np.repeat(people, of).astype(np.int32),
        target=target.ravel().astype(np.int32),
        time=np.arange(60 * of),
        kind=np.zeros(60 * of, np.int8),
        start=np.concatenate([[0], np.arange(61) * of]),
    )


def with_codes(multi: int = 1) -> nn.Module:
    """A recurrent (or multi-interest) model with codes as features and to guess."""
    torch.manual_seed(6)
    if multi > 1:
        model: nn.Module = ComiRecSA(ITEMS, 8, Interests(length=5, count=multi))
    else:
        model = GRU4Rec(ITEMS, 8, length=5)
        model.table = CodedTable(ITEMS, 8, levels=2, size=4)
    model.code_head = CodeHead(ITEMS, 2, 4, 8)
    return model


def filled(model: nn.Module) -> nn.Module:
    make = SolveCodes(model, vectors, lambda x, g: residual_kmeans(x, g, levels=2, size=4))
    make(Progress(seed=1))
    return model


RANK = Rank(sampled_softmax, All(ITEMS))
WITH = WithCodes(RANK, Constant(0.5))


def first_batch() -> Any:
    return AllCuts(events(), 16, history=5).batch(1, 0, 0)


def test_the_head_is_an_extra_term_beside_ranking():
    model, batch, progress = filled(with_codes()), first_batch(), Progress()
    losses = WITH(model, batch, progress)
    plain = RANK(model, batch, Progress())
    assert torch.equal(losses.values["rank"], plain.values["rank"])
    has = model.code_head.known(batch.positives)
    query = model.queries(batch.requests)[:, 0]
    by_hand = model.code_head.loss(query, batch.positives)[has].mean()
    assert losses.extra["codes"].item() == pytest.approx(0.5 * by_hand.item(), rel=1e-5)
    assert progress.notes["codes/weight"] == 0.5
    assert progress.notes["codes/loss"] == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_weight_warms_up():
    model, batch, progress = filled(with_codes()), first_batch(), Progress(step=499)
    WithCodes(RANK)(model, batch, progress)
    assert progress.notes["codes/weight"] == pytest.approx(0.01)


def test_the_term_moves_the_head_and_the_encoder():
    model = filled(with_codes())
    WITH(model, first_batch(), Progress()).extra["codes"].backward()
    assert model.code_head.layer.weight.grad.any()
    assert model.extract.cell.weight_ih_l0.grad.any()


def test_without_codes_the_term_is_absent():
    losses = WITH(with_codes(), first_batch(), Progress())
    assert "codes" not in losses.extra


def test_of_several_interests_the_answering_one_guesses():
    model, batch = filled(with_codes(3)), first_batch()
    losses = WITH(model, batch, Progress())
    queries = losses.meet[0]
    chosen = model.similarity(queries, model.items(batch.positives)[:, None])[..., 0].argmax(1)
    assert len(chosen.unique()) > 1
    query = queries[torch.arange(len(chosen)), chosen]
    has = model.code_head.known(batch.positives)
    by_hand = 0.5 * model.code_head.loss(query, batch.positives)[has].mean()
    assert losses.extra["codes"].item() == pytest.approx(by_hand.item(), rel=1e-5)


@dataclass(frozen=True)
class Half(Alone):
    """As if this process held a half of the weight of two."""

    size: int = 2

    def share(self, weight: Tensor) -> float:
        return 0.5


def test_the_term_counts_by_this_process_part():
    model, batch = filled(with_codes()), first_batch()
    whole = WITH(model, batch, Progress()).extra["codes"]
    part = WITH(model, batch, Progress(ranks=Half())).extra["codes"]
    assert torch.allclose(part, whole / 2)


def test_codes_are_solved_then_learnt_then_served(tmp_path):
    model = with_codes()
    make = SolveCodes(model, vectors, lambda x, g: residual_kmeans(x, g, levels=2, size=4))
    stream = AllCuts(events(), 32, history=5)
    stage = Stage("train", [Task(stream, WITH)], Epochs(6), lr=0.02)
    run = Run.create(tmp_path / "run")
    fit(model, [Solve("codes", make), stage], evaluate, Progress(seed=2), run)
    said = [line["codes"]["loss"] for line in run.lines("train")]
    batch = first_batch()
    progress = Progress()
    WITH(model, batch, progress)
    assert progress.notes["codes/loss"] < 0.8 * said[0]
    assert run.lines("solve")[0]["codes"]["items"] == ITEMS - 1
    again = with_codes()
    again.load_state_dict(model.state_dict())
    asked = Requests(torch.tensor([1]), Ragged(torch.tensor([3, 4]), torch.tensor([0, 2])))
    again.eval()
    assert torch.equal(again.queries(asked), model.queries(asked))


def test_a_model_without_the_head_is_refused():
    model = GRU4Rec(ITEMS, 8)
    with pytest.raises(KeyError, match="no code head 'code_head'"):
        WITH(model, first_batch(), Progress())


def test_an_objective_without_queries_is_refused():
    def blind(model: nn.Module, batch: Any, progress: Progress) -> Losses:
        return Losses({"rank": torch.zeros(())})

    with pytest.raises(ValueError, match=r"queries \[B, K, D\] first"):
        WithCodes(blind)(filled(with_codes()), first_batch(), Progress())


def test_codes_of_an_autoencoder_fill_a_model():
    model, rqvae = with_codes(), autoencoder()
    model.code_head = CodeHead(ITEMS, 2, 8, 8)
    model.table = CodedTable(ITEMS, 8, 2, 8)
    rqvae.start(vectors(), torch.Generator().manual_seed(1))

    def make(x: Tensor, generator: torch.Generator) -> Codes:
        return rqvae.codes(x)

    SolveCodes(model, vectors, make)(Progress())
    assert torch.equal(model.code_head.codes, rqvae.codes(vectors()).ids)
