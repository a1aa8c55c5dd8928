"""Every stream of the catalogue is random access: same arguments, same batch; nothing is saved."""

from typing import Any

import numpy as np
import pytest
import torch

from polyrec.data import (
    STREAMS,
    AllCuts,
    Dense,
    Labelled,
    Log,
    RandomCut,
    Rows,
    Sequences,
    Source,
    build,
    tables,
)


def stream(name: str, batch: int = 8) -> RandomCut | AllCuts | Sequences | Rows:
    rng = np.random.default_rng(0)
    log = Log(rng.integers(0, 60, 900), rng.integers(0, 40, 900), rng.permutation(900))
    events = build(log, Source()).events
    table = tables.build(np.arange(60), {"x": Dense.of(rng.normal(size=60))})
    made = {
        "random-cut": lambda: RandomCut(events, batch, history=5, minimum=2),
        "all-cuts": lambda: AllCuts(events, batch, history=5, minimum=2),
        "sequences": lambda: Sequences(events, batch, history=5),
        "rows": lambda: Rows(
            Labelled(table, {"click": np.append(0, rng.integers(0, 2, 60))}),
            np.arange(1, 61),
            batch,
        ),
    }
    return made[name]()


def content(batch: Any) -> list[tuple[int, ...]]:
    """What a batch holds, row by row."""
    if not hasattr(batch, "positives"):
        return [(row,) for row in batch.rows.tolist()]
    padded = batch.requests.history.padded(5).tolist()
    if batch.requests.asked is not None:
        lengths = batch.requests.history.lengths.tolist()
        answers = (tuple(part.tolist()) for part in batch.positives.split(lengths))
        return [
            (a, *h, *p)
            for a, h, p in zip(batch.requests.actor.tolist(), padded, answers, strict=True)
        ]
    rows = zip(batch.requests.actor.tolist(), batch.positives.tolist(), padded, strict=True)
    return [(actor, target, *history) for actor, target, history in rows]


each = pytest.mark.parametrize("name", STREAMS)


@each
def test_a_stream_has_a_doc_line(name: str) -> None:
    assert (STREAMS[name].__doc__ or "").strip()


@each
def test_the_same_arguments_give_the_same_batch_in_any_order(name: str) -> None:
    here = stream(name)
    ahead = {step: content(here.batch(1, 2, step)) for step in reversed(range(here.steps))}
    again = stream(name)
    assert all(content(again.batch(1, 2, step)) == ahead[step] for step in range(again.steps))


@each
@pytest.mark.parametrize("other", [(2, 0, 0), (1, 1, 0), (1, 0, 1)])
def test_another_seed_epoch_or_step_gives_another_batch(
    name: str, other: tuple[int, int, int]
) -> None:
    here = stream(name)
    assert content(here.batch(1, 0, 0)) != content(here.batch(*other))


@each
@pytest.mark.parametrize("size", [2, 3])
def test_the_parts_are_the_batch(name: str, size: int) -> None:
    here = stream(name)
    for step in (0, here.steps - 1):
        parts = (content(here.batch(1, 0, step, (rank, size))) for rank in range(size))
        assert [row for part in parts for row in part] == content(here.batch(1, 0, step))


@each
def test_an_epoch_holds_no_unit_twice(name: str) -> None:
    here = stream(name)
    rows = [row for step in range(here.steps) for row in content(here.batch(1, 0, step))]
    units = [row[0] for row in rows] if name != "all-cuts" else rows
    if name != "all-cuts":
        assert len(set(units)) == len(units)
    assert len(rows) > (here.steps - 1) * 8


@each
def test_a_batch_does_not_depend_on_the_number_of_threads(name: str) -> None:
    here = stream(name)
    one = content(here.batch(1, 0, 0))
    torch.set_num_threads(2)
    two = content(here.batch(1, 0, 0))
    torch.set_num_threads(1)
    assert one == two


@each
@pytest.mark.parametrize(("step", "part"), [(-1, (0, 1)), (10_000, (0, 1)), (0, (2, 2))])
def test_a_batch_that_does_not_exist_is_refused(
    name: str, step: int, part: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="both count from 0"):
        stream(name).batch(0, 0, step, part)


@each
def test_an_empty_batch_size_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="batch_size=0"):
        stream(name, batch=0)


@each
def test_drawing_leaves_the_global_generator_alone(name: str) -> None:
    here = stream(name)
    before = torch.get_rng_state()
    here.batch(1, 0, 0)
    assert torch.equal(before, torch.get_rng_state())


pairs = pytest.mark.parametrize("name", ["random-cut", "all-cuts", "sequences"])


@pairs
def test_targets_come_as_often_as_their_probability_says(name: str) -> None:
    here = stream(name, batch=64)
    epochs = 300 if name == "random-cut" else 1
    drawn = np.zeros(41)
    for epoch in range(epochs):
        for step in range(here.steps):
            drawn += np.bincount(here.batch(3, epoch, step).positives, minlength=41)
    expected = here.target_probability(40).numpy() * drawn.sum()  # type: ignore[union-attr]
    assert expected.sum() == pytest.approx(drawn.sum())
    if name != "random-cut":
        assert drawn == pytest.approx(expected)
        return
    real = expected > 0
    chi = ((drawn - expected)[real] ** 2 / expected[real]).sum()
    assert chi < real.sum() + 4 * np.sqrt(2 * real.sum())


@pairs
@pytest.mark.parametrize("steps", [0, 1, 5, 30])
def test_coverage_marks_what_was_target_or_history(name: str, steps: int) -> None:
    here = stream(name)
    assert not isinstance(here, Rows)
    events = here.events
    # times are distinct, so history and target name their events
    used = np.zeros(len(events), bool)
    for step in range(steps):
        batch = here.batch(4, step // here.steps, step % here.steps)
        for row in range(len(batch.requests.history)):
            actor, asked = int(batch.requests.actor[row]), int(batch.requests.time[row])
            length = int(batch.requests.history.lengths[row])
            cut = int(np.flatnonzero((events.actor == actor) & (events.time == asked))[0])
            used[cut - length : cut + 1] = True
    bits = np.unpackbits(here.coverage(4, steps), count=len(events))
    assert bits.tolist() == used.astype(int).tolist()
