"""Numbering packed keys agrees with a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.keys import Packed, find, gather, nothing_seen, see, table_of


def pack(keys: list[bytes]) -> Packed:
    data = np.frombuffer(b"".join(keys), np.uint8)
    return Packed(data, np.cumsum([0, *map(len, keys)], dtype=np.int64))


def unpack(keys: Packed) -> list[bytes]:
    return [keys.data[a:b].tobytes() for a, b in zip(keys.at[:-1], keys.at[1:], strict=True)]


@given(st.lists(st.lists(st.binary(max_size=4), max_size=40), max_size=4))
def test_keys_are_numbered_by_first_appearance_across_chunks(chunks: list[list[bytes]]) -> None:
    seen, known = nothing_seen(), dict[bytes, int]()
    for chunk in chunks:
        seen, codes = see(seen, pack(chunk))
        assert codes.tolist() == [known.setdefault(key, len(known)) for key in chunk]
    assert unpack(Packed(seen.data, seen.at[: seen.size + 1])) == list(known)


def test_the_table_grows_and_keeps_every_key() -> None:
    keys = pack([str(i).encode() for i in range(20_000)])
    assert find(table_of(keys), keys).tolist() == list(range(20_000))


@given(st.sets(st.binary(max_size=3)), st.lists(st.binary(max_size=3)))
def test_a_key_never_seen_is_not_found(held: set[bytes], asked: list[bytes]) -> None:
    place = {key: i for i, key in enumerate(sorted(held))}
    found = find(table_of(pack(sorted(held))), pack(asked))
    assert found.tolist() == [place.get(key, -1) for key in asked]


@given(st.lists(st.binary(max_size=4), min_size=1), st.data())
def test_gathering_packs_the_named_keys(keys: list[bytes], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(keys) - 1)))
    gathered = gather(pack(keys), np.array(rows, np.int64))
    assert unpack(gathered) == [keys[row] for row in rows]
