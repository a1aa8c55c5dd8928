"""Models that read a sequence once: what they see, where they stand, what they compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.models import HSTU, GRUSequence, LiGR, Reading, SASRec
from polyrec.nn.sequences import Ends, lay
from polyrec.types import Ragged, Requests

KINDS = (SASRec, LiGR, HSTU, GRUSequence)
PLACES = ("last", "first", "rotary", "none")
every = pytest.mark.parametrize("kind", KINDS)
CPU = torch.device("cpu")


def made(kind, length=8, places="last", **rest):
    torch.manual_seed(3)
    reading = Reading(length, heads=2, dropout=0.0, places=places, **rest)
    return kind(30, 16, reading).eval()


def asking(rows: list[list[int]], throughout: bool = True, **more) -> Requests:
    plain = Requests(torch.arange(1, len(rows) + 1), Ragged.of(rows), **more)
    return plain.asked_throughout() if throughout else plain


def answers(model, requests) -> Tensor:
    with torch.no_grad():
        return model.queries(requests)[:, 0]


@every
@pytest.mark.parametrize("places", PLACES)
def test_a_later_event_leaves_earlier_answers_alone(kind, places):
    model = made(kind, places=places)
    for at in range(1, 6):
        rows = [[4, 9, 2, 7, 5, 1]]
        changed = [row.copy() for row in rows]
        changed[0][at] = 20
        before, after = answers(model, asking(rows)), answers(model, asking(changed))
        assert torch.allclose(before[:at], after[:at], atol=1e-6)
        assert not torch.allclose(before[at], after[at], atol=1e-3)


@every
@pytest.mark.parametrize("norm", ["pre", "original"])
@pytest.mark.parametrize("places", PLACES)
def test_serving_answers_as_training_does_after_the_last_event(kind, places, norm):
    """Serving lets only the ends of rows through the last block."""
    draw = np.random.default_rng(2)
    rows = [draw.integers(1, 31, n).tolist() for n in (5, 1, 8, 3, 0, 14, 2, 1, 7)]
    time = {"time": torch.arange(sum(map(len, rows))) ** 2 * 60_000}
    model = made(kind, places=places, norm=norm)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.2)
    along = answers(model, asking(rows, aligned=time))
    ends = torch.tensor([len(row) for row in rows]).cumsum(0) - 1
    served = answers(model, asking(rows, throughout=False, aligned=time))
    some = torch.tensor([bool(row) for row in rows])
    assert torch.allclose(served[some], along[ends[some]], atol=1e-5)
    assert not served[~some].any()
    assert not torch.allclose(served[0], along[0], atol=1e-3)


@every
def test_the_last_event_has_one_place_however_long_the_window(kind):
    rows = [np.random.default_rng(1).integers(1, 31, 30).tolist()]
    short, long = made(kind, length=50), made(kind, length=200)
    weights = short.state_dict()
    for name, weight in long.state_dict().items():
        if weight.shape != weights[name].shape:  # a number a place: the near ones are shared
            at = (slice(0, 50),) if name == "place" else (slice(None), slice(0, 50))
            wide = weight.clone()
            wide[at] = weights[name]
            weights[name] = wide
    long.load_state_dict(weights)
    ask = asking(rows, throughout=False)
    assert torch.allclose(answers(short, ask), answers(long, ask), atol=1e-5)


@every
@pytest.mark.parametrize("places", PLACES)
def test_rows_longer_than_the_window_are_asked_one_by_one(kind, places):
    model = made(kind, length=4, places=places)
    row = [3, 8, 1, 7, 9, 2]
    together = answers(model, asking([row]))
    prefixes = asking([row[: n + 1] for n in range(6)], throughout=False)
    assert torch.allclose(together, answers(model, prefixes), atol=1e-6)


@every
def test_unknown_events_are_skipped_where_a_row_asks_along_them(kind):
    model = made(kind, places="first")
    with_gap = answers(model, asking([[0, 3, 0, 5]]))
    assert with_gap[0].abs().max() == 0  # nothing known yet
    assert torch.allclose(with_gap[[1, 3]], answers(model, asking([[3, 5]])), atol=1e-6)
    assert torch.equal(with_gap[1], with_gap[2])


@every
def test_groups_of_other_lengths_change_nothing(kind):
    model = made(kind, length=50)
    rng = np.random.default_rng(2)
    rows = [rng.integers(1, 31, n).tolist() for n in (1, 2, 3, 5, 9, 17, 33, 50, 4, 4)]
    together = answers(model, asking(rows)).split([len(row) for row in rows])
    for row, found in zip(rows, together, strict=True):
        assert torch.allclose(found, answers(model, asking([row])), atol=1e-5)


def test_padding_is_a_small_part_of_what_attention_reads():
    rng = np.random.default_rng(5)
    rows = [rng.integers(1, 31, n).tolist() for n in 3 + rng.geometric(0.2, 128).clip(max=47)]
    layout = lay(asking(rows), 50, CPU)
    padded = sum(group.at.numel() for group in layout.groups)
    assert padded < 1.5 * len(layout.ids)
    assert padded < 0.35 * 128 * 50
    assert len(layout.groups) <= 12


def test_what_goes_into_groups_comes_back():
    layout = lay(asking([[1, 2, 3], [4], [5, 6, 7, 8, 9]]), 50, CPU)
    x = torch.randn(len(layout.ids), 4)
    assert torch.equal(layout.packed(layout.padded(x)), x)


def test_ends_are_the_last_events_of_rows_that_have_any():
    layout = lay(asking([[1, 2, 3], [4], [], [5, 6, 7, 8, 9]], throughout=False), 50, CPU)
    ends = Ends(layout)
    events = torch.arange(9.0)[:, None]
    assert sorted(ends.of(events)[:, 0].tolist()) == [2, 3, 8]
    assert ends.answers(ends.of(events))[[0, 1, 3], 0].tolist() == [2, 3, 8]
    assert torch.equal(ends.packed(ends.padded(ends.of(events))), ends.of(events))


def test_attention_equals_a_loop_over_prefixes():
    """The published block, written out event by event."""
    model = made(SASRec, norm="original", blocks=1)
    row = [5, 2, 9, 4]
    block, h = model.blocks[0], model.table(torch.tensor(row)) * 4.0
    h = (h + model.place[torch.tensor([3, 2, 1, 0])]).detach()
    found = []
    for at in range(4):
        query = block.before(h[at])
        q = block.attention.query(query).view(2, 8)
        k, v = block.attention.key_value(h[: at + 1]).view(at + 1, 2, 2, 8).unbind(1)
        weight = torch.einsum("hc,thc->ht", q, k).div(8**0.5).softmax(1)
        seen = block.attention.out(torch.einsum("ht,thc->hc", weight, v).flatten())
        x = block.between(query + seen)
        found.append(model.norm(x + block.feed(x)))
    assert torch.allclose(torch.stack(found), answers(model, asking([row])), atol=1e-5)


def test_pre_norm_leaves_the_stream_itself_alone():
    model = made(SASRec, blocks=1)
    for name, weight in model.blocks.named_parameters():
        if "attention.out" in name or "feed.3" in name:
            nn.init.zeros_(weight)
    h = model.table(torch.tensor([5, 2])) * 4.0 + model.place[torch.tensor([1, 0])]
    assert torch.allclose(answers(model, asking([[5, 2]])), model.norm(h), atol=1e-6)


def test_closed_gates_leave_the_stream_itself_alone():
    model = made(LiGR)
    for gate in (gate for block in model.blocks for gate in block.gates):
        nn.init.constant_(gate.bias, -100.0)
        nn.init.zeros_(gate.weight)
    h = model.table(torch.tensor([5, 2])) * 4.0 + model.place[torch.tensor([1, 0])]
    assert torch.allclose(answers(model, asking([[5, 2]])), model.norm(h), atol=1e-6)


def test_hstu_counts_how_often_something_matched():
    """Without a softmax two matching events weigh twice one; a softmax cannot tell them apart."""
    torch.manual_seed(0)
    block = made(HSTU, places="none").blocks[0]
    layout = lay(asking([[1, 1, 1]]), 8, CPU)
    h = torch.randn(1, 16).expand(3, 16)
    mixed = F.silu(block.mix(block.before(h)))
    (query,), (told,) = layout.padded(mixed[:, 16:32]), layout.padded(mixed[:, 32:])
    place = torch.arange(3)[None, None]
    seen = block._look(query, told, place, None)
    assert torch.allclose(seen[0, 0], seen[0, 2], atol=1e-5)
    block.gap_bias.data += 3.0
    later = block._look(query, told, place, torch.zeros(1, 3, 3, dtype=torch.int64))
    assert not torch.allclose(later, seen)


def test_times_reach_hstu_where_the_request_tells_them():
    model = made(HSTU)
    with torch.no_grad():
        for block in model.blocks:
            block.gap_bias.normal_()
    near, far = torch.tensor([0, 1_000, 2_000]), torch.tensor([0, 1_000, 10**9])
    rows = [[3, 8, 5]]
    told = [answers(model, asking(rows, aligned={"time": t})) for t in (near, far)]
    assert torch.allclose(told[0][:2], told[1][:2], atol=1e-6)
    assert not torch.allclose(told[0][2], told[1][2], atol=1e-4)
    assert answers(model, asking(rows)).isfinite().all()


def test_rotary_places_see_distances_alone():
    model = made(SASRec, places="rotary", blocks=1)
    attention = model.blocks[0].attention
    from polyrec.nn.attention import _turned

    x = torch.randn(1, 2, 6, 8)
    place = torch.arange(6)[None, None]
    scores = _turned(x, place) @ _turned(x, place).transpose(2, 3)
    same = x[:, :, :1].expand(-1, -1, 6, -1)
    turned = _turned(same, place) @ _turned(same, place).transpose(2, 3)
    assert attention.places == "rotary"
    assert torch.allclose(turned[0, 0].diagonal(-1), turned[0, 0].diagonal(-1)[:1].expand(5))
    assert scores.shape == (1, 2, 6, 6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"length": 0}, "length=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"places": "middle"}, "last, first, rotary, none"),
    ],
)
def test_a_reading_that_makes_no_sense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Reading(**settings)


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="heads=3"):
        SASRec(9, 16, Reading(heads=3))
    with pytest.raises(ValueError, match="norm"):
        SASRec(9, 16, Reading(norm="post"))


@every
def test_the_work_of_a_batch_does_not_grow_with_prefixes(kind):
    """One row a person goes in, whatever the number of questions."""
    layout = lay(asking([list(range(1, 9))] * 5), 8, CPU)
    assert len(layout.ids) == 40
    assert len(layout.last) == 40
    assert len(made(kind).queries(asking([list(range(1, 9))] * 5))) == 40
