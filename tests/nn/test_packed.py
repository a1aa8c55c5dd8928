"""Packed histories hold what padded ones hold."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyrec.nn import known, pack
from polyrec.types import Ragged, Requests

HOST = torch.device("cpu")


def requests(rows: list[list[int]], asked: list[int] | None = None) -> Requests:
    places = None if asked is None else torch.tensor(asked)
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows), asked=places)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 9), max_size=7), max_size=6), st.integers(1, 5))
def test_a_packed_batch_unfolds_to_the_last_events_of_each_row(rows, length):
    packed = pack(requests(rows), length, HOST)
    grid = packed.padded(packed.ids[:, None].float())[..., 0]
    assert grid.tolist() == [
        row[-length:] + [0] * (packed.width - len(row[-length:])) for row in rows
    ]


def test_events_of_a_place_lie_together_longest_rows_first():
    packed = pack(requests([[1], [2, 3, 4], [], [5, 6]]), 20, HOST)
    assert packed.ids.tolist() == [2, 5, 1, 3, 6, 4]
    assert packed.counts.tolist() == [3, 2, 1]
    assert packed.starts.tolist() == [0, 3, 5]
    assert packed.order.tolist() == [1, 3, 0, 2]


def test_unknown_items_are_left_out():
    packed = pack(requests([[0, 7, 0, 8], [0, 0]]), 20, HOST)
    assert packed.ids.tolist() == [7, 8]
    assert packed.empty.tolist() == [False, True]


def test_asking_after_an_event_reads_up_to_that_event():
    asked = requests([[1, 2, 3], [], [4, 0, 5]], asked=[0, 2, 5])
    packed = pack(asked, 2, HOST)
    assert packed.padded(packed.ids[:, None].float())[..., 0].tolist() == [[1, 0], [2, 3], [4, 5]]


def test_known_items_of_asked_places_are_their_whole_past():
    found = known(requests([[1, 2, 3], [4, 0, 5]], asked=[1, 2, 4, 5]))
    assert [part.tolist() for part in found.values.split(found.lengths.tolist())] == [
        [1, 2],
        [1, 2, 3],
        [4],
        [4, 5],
    ]


def test_known_items_of_plain_requests_are_the_history():
    assert known(requests([[1, 0, 2], []])).values.tolist() == [1, 2]
