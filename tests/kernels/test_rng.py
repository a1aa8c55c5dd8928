"""Counter-based random numbers: known answers, uniform, and blind to threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from polyrec.kernels.graphs.rng import below, purpose, stream_key, unit_float, word, words_of

MASK = 2**64 - 1


def plain_mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def test_key_zero_gives_the_published_first_word_of_splitmix64() -> None:
    assert word(np.uint64(0), 0) == 0xE220A8397B1DCDAF


def test_the_hash_of_a_purpose_is_fnv_1a() -> None:
    assert purpose("") == 0xCBF29CE484222325
    assert purpose("foobar") == 0x85944171F73967E8


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
@pytest.mark.parametrize("unit", [0, 3, 2**40])
def test_words_equal_the_definition_in_plain_integers(seed: int, unit: int) -> None:
    what = purpose("walks")
    inner = plain_mix(seed ^ int(what))
    key = plain_mix(plain_mix(inner + 5 & MASK) + unit & MASK)
    assert stream_key(seed, what, 5, unit) == key
    expected = [plain_mix(key + (t + 1) * 0x9E3779B97F4A7C15 & MASK) for t in range(4)]
    assert words_of(seed, what, np.array([unit]), 4, epoch=5)[0].tolist() == expected


def test_a_million_draws_are_uniform() -> None:
    drawn = words_of(1, purpose("uniform"), np.arange(2**10), 2**10).ravel()
    for bits in (drawn >> np.uint64(56), drawn & np.uint64(255)):
        counts = np.bincount(bits.astype(np.int64), minlength=256)
        chi = ((counts - 2**12) ** 2 / 2**12).sum()
        assert abs(chi - 255) < 4 * np.sqrt(2 * 255)


def test_neighbouring_streams_are_not_alike() -> None:
    drawn = words_of(1, purpose("apart"), np.arange(2**9), 2**9) / 2.0**64
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.01


def test_floats_and_bounded_integers_keep_their_ranges() -> None:
    key = stream_key(3, purpose("range"), 0, 0)
    floats = np.array([unit_float(key, t) for t in range(5_000)])
    whole = np.array([below(key, t, 7) for t in range(5_000)])
    assert (floats == floats.astype(np.float32)).all()
    assert floats.min() >= 0
    assert floats.max() < 1
    assert set(whole.tolist()) == set(range(7))
    assert below(key, 0, 2**31 - 1) == (word(key, 0) >> 32) * (2**31 - 1) >> 32


def test_words_do_not_depend_on_threads() -> None:
    have = numba.get_num_threads()
    drawn = []
    for threads in {1, have}:
        numba.set_num_threads(threads)
        drawn.append(words_of(1, purpose("threads"), np.arange(1_000), 8))
    numba.set_num_threads(have)
    assert all((one == drawn[0]).all() for one in drawn)
