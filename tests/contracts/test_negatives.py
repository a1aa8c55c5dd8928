"""Every sampler of the catalogue keeps the promises of a sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from polyrec.negatives import (
    SAMPLERS,
    All,
    Curriculum,
    HardCache,
    HardWindow,
    InBatch,
    InBatchStreaming,
    LogUniform,
    MaskKnown,
    Mixed,
    Popular,
    Uniform,
    Unseen,
    Varying,
    masks,
)
from polyrec.types import Draw, Negatives, PairBatch, Progress, Ragged, Requests, Sampler

ITEMS, ROWS, COUNT = 400, 24, 40
COUNTS = (2000 / torch.arange(0, ITEMS + 1).clamp(min=1)).ceil()[torch.randperm(
    ITEMS + 1, generator=torch.Generator().manual_seed(0)
)]  # fmt: skip
COUNTS[0] = 0
STREAM = COUNTS.double() / COUNTS.sum()

NOBODY = Ragged.of([[]] * (ROWS + 1))  # what each actor knows


def cache() -> HardCache:
    """Windows of 30 for every actor, as a search would leave them."""
    found = HardCache(ITEMS, NOBODY, ranks=(10, 40))
    draw = torch.Generator().manual_seed(6)
    window = torch.rand(ROWS + 1, ITEMS, generator=draw).argsort(1)[:, :30].sort(1).values + 1
    found.load_state_dict({**found.state_dict(), "window": window, "refreshed": torch.ones(2)})
    return found


BUILD: dict[str, Callable[..., Sampler]] = {
    "uniform": lambda **k: Uniform(ITEMS, COUNT, **k),
    "log_uniform": lambda **k: LogUniform(ITEMS, COUNTS, COUNT, **k),
    "popular": lambda **k: Popular(ITEMS, COUNTS, COUNT, **k),
    "in_batch": lambda **k: InBatch(STREAM, **k),
    "in_batch_streaming": lambda **k: InBatchStreaming(ITEMS, rate=0.02, **k),
    "mixed": lambda **k: Mixed((Uniform(ITEMS, 20, **k), InBatch(STREAM, **k))),
    "all": lambda **k: All(ITEMS, **k),
    "hard_window": lambda **k: HardWindow(cache(), COUNT, **k),
    "mask_known": lambda **k: MaskKnown(Uniform(ITEMS, COUNT, **k), NOBODY),
    "unseen": lambda **k: Unseen(ITEMS, NOBODY, COUNT, **k),
    "varying": lambda **k: Varying(lambda _: Popular(ITEMS, COUNTS, COUNT, **k)),
    "curriculum": lambda **k: Curriculum(
        (HardWindow(cache(), 1, **k), Uniform(ITEMS, 1, **k), Popular(ITEMS, COUNTS, 1, **k)),
        lambda _: (0.5, 0.3, 0.2),
        COUNT,
    ),
}
every = pytest.mark.parametrize("name", SAMPLERS)
sharing = pytest.mark.parametrize("share", ["batch", "sequence", "row"])
shared = pytest.mark.parametrize("name", ["uniform", "log_uniform", "popular"])
drawing = pytest.mark.parametrize(
    "name", ["uniform", "log_uniform", "popular", "hard_window", "curriculum", "unseen"]
)


def batch(seed: int = 0) -> PairBatch:
    """Positives as the stream draws them, histories of three."""
    draw = torch.Generator().manual_seed(seed)
    positives = torch.multinomial(STREAM, ROWS, replacement=True, generator=draw)
    history = torch.randint(1, ITEMS + 1, (3 * ROWS,), generator=draw)
    requests = Requests(torch.arange(1, ROWS + 1), Ragged(history, 3 * torch.arange(ROWS + 1)))
    return SimpleNamespace(requests=requests, positives=positives, weight=torch.ones(ROWS))


def met(negatives: Negatives) -> tuple[Tensor, Tensor, Tensor]:
    """[B, all N]: ids, log_q and valid as each row meets them."""
    ids = torch.cat([draw.ids[draw.row] for draw in negatives.draws], 1)
    log_q = torch.cat([as_met(draw) for draw in negatives.draws], 1)
    valid = torch.cat([draw.valid.expand(ROWS, draw.ids.shape[1]) for draw in negatives.draws], 1)
    return ids, log_q, valid


def as_met(draw: Draw) -> Tensor:
    """[B, N]: log_q of each row's set; of a shared set it may differ by row."""
    by_row = len(draw.ids) == 1 and len(draw.log_q) == ROWS
    return draw.log_q if by_row else draw.log_q.expand(draw.ids.shape)[draw.row]


def sources(sampler: Any) -> Sequence[Any]:
    """Whoever draws: a mixture's sources, what a wrapper holds, or the sampler itself."""
    if isinstance(sampler, MaskKnown):
        return sources(sampler.of)
    if isinstance(sampler, Varying):
        return sources(sampler.make(Progress()))
    if isinstance(sampler, Curriculum):
        return sources(sampler.at(Progress()))
    return sampler.sources if isinstance(sampler, Mixed) else (sampler,)


def same(a: Negatives, b: Negatives) -> bool:
    return all(torch.equal(x, y) for x, y in zip(met(a), met(b), strict=True))


@pytest.fixture(params=[masks.TABLE, 0], ids=["by a table", "by a search"])
def places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to find what is masked: the table serves small catalogues alone."""
    monkeypatch.setattr(masks, "TABLE", request.param)


@every
def test_a_sampler_has_a_line_of_documentation(name: str) -> None:
    assert (SAMPLERS[name].__doc__ or "").splitlines()[0].endswith(".")


@pytest.mark.usefixtures("places")
@every
def test_padding_and_the_own_positive_are_never_negatives(name: str) -> None:
    sampler = BUILD[name]()
    for step in range(20):
        ids, _, valid = met(sampler.sample(batch(step), Progress(step=step)))
        assert bool((ids[valid] > 0).all())
        assert bool((ids[valid] <= ITEMS).all())
        assert not bool((valid & (ids == batch(step).positives[:, None])).any())


@pytest.mark.usefixtures("places")
@every
def test_every_id_that_is_not_the_own_positive_stays_valid(name: str) -> None:
    ids, _, valid = met(BUILD[name]().sample(batch(), Progress()))
    assert torch.equal(valid, ids != batch().positives[:, None])


@every
def test_log_q_is_known_and_finite_for_everything_drawn_and_every_positive(name: str) -> None:
    negatives = BUILD[name]().sample(batch(), Progress())
    assert bool(torch.isfinite(met(negatives)[1]).all())
    assert bool(torch.isfinite(negatives.pos_log_q.expand(ROWS)).all())
    assert negatives.pos_log_q.dtype == torch.float32


@every
def test_a_row_without_a_positive_meets_nobody(name: str) -> None:
    padded = batch()
    padded.positives[5] = 0
    negatives = BUILD[name]().sample(padded, Progress())
    assert not bool(met(negatives)[2][5].any())
    assert bool(torch.isfinite(negatives.pos_log_q).all())


@every
def test_the_same_step_gives_the_same_draw(name: str) -> None:
    first = BUILD[name]().sample(batch(), Progress(seed=4, step=9))
    assert same(first, BUILD[name]().sample(batch(), Progress(seed=4, step=9)))


@drawing
def test_another_step_gives_another_draw(name: str) -> None:
    first = BUILD[name]().sample(batch(), Progress(step=1))
    assert not same(first, BUILD[name]().sample(batch(), Progress(step=2)))


@every
def test_the_number_of_threads_changes_nothing(name: str) -> None:
    one = BUILD[name]().sample(batch(), Progress())
    torch.set_num_threads(2)
    try:
        assert same(one, BUILD[name]().sample(batch(), Progress()))
    finally:
        torch.set_num_threads(1)


@pytest.mark.usefixtures("places")
@every
def test_masked_history_is_exactly_what_leaves(name: str) -> None:
    plain = met(BUILD[name]().sample(batch(), Progress()))
    ids, _, valid = met(BUILD[name](mask_history=True).sample(batch(), Progress()))
    history = batch().requests.history.padded(3)
    seen = (ids[:, :, None] == history[:, None, :]).any(2)
    assert torch.equal(valid, plain[2] & ~seen)


@shared
@sharing
def test_a_set_is_shared_as_asked(name: str, share: str) -> None:
    negatives = BUILD[name](share=share).sample(batch(), Progress())
    assert negatives.draws[0].ids.shape == (1 if share == "batch" else ROWS, COUNT)


@shared
def test_rows_of_a_sequence_share_its_set(name: str) -> None:
    asked = torch.tensor([0, 2, 3, 4, 5])
    requests = Requests(
        torch.arange(2), Ragged(torch.arange(1, 7), torch.tensor([0, 3, 6])), asked=asked
    )
    three = SimpleNamespace(requests=requests, positives=torch.arange(7, 12), weight=torch.ones(5))
    draw = BUILD[name](share="sequence").sample(three, Progress()).draws[0]
    assert draw.ids.shape[0] == 2
    assert draw.row.tolist() == [0, 0, 1, 1, 1]


@shared
def test_processes_share_a_batch_s_set_and_draw_their_rows_own(name: str) -> None:
    class Second:
        rank, size = 1, 2

        def gather(self, x: Tensor) -> Tensor:
            return torch.cat([x, x])

    def drawn(share: str, progress: Progress) -> Tensor:
        return BUILD[name](share=share).sample(batch(), progress).draws[0].ids

    here, there = Progress(), Progress(ranks=Second())  # type: ignore[arg-type]
    assert torch.equal(drawn("batch", here), drawn("batch", there))
    assert not torch.equal(drawn("row", here), drawn("row", there))


@every
def test_log_q_is_the_observed_frequency(name: str) -> None:
    """Observed over expected in bins of equal expectation, within 3.5 standard errors."""
    sampler = BUILD[name]()
    seen, hoped = torch.zeros(ITEMS + 1).double(), torch.zeros(ITEMS + 1).double()
    steps = 1200 if name == "in_batch_streaming" else 400
    for step in range(steps):
        progress, now = Progress(step=step), batch(step)
        if step < steps - 400:  # the streaming estimate first has to learn
            sampler.sample(now, progress)
            continue
        for place, source in enumerate(sources(sampler)):
            one = source.draw(now, progress, f"negatives/{place}")
            others = one.ids[0, isinstance(source, InBatch | InBatchStreaming) :]  # met by row 0
            seen += torch.bincount(others, minlength=ITEMS + 1)
            hoped[1:] += one.expected(torch.arange(1, ITEMS + 1)[None], torch.zeros(1, 1).long())[0]
    order = COUNTS[1:].argsort(descending=True) + 1
    bins = (hoped[order].cumsum(0) / hoped.sum() * 12).long().clamp(max=11)
    saw = torch.zeros(12).double().index_add_(0, bins, seen[order])
    want = torch.zeros(12).double().index_add_(0, bins, hoped[order])
    slack = 0.2 if name == "in_batch_streaming" else 0.0  # an estimate, not a law
    assert bool(((saw - want).abs() < 3.5 * want.sqrt() + slack * want + 1e-6).all())
