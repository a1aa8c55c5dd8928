"""The keyed shuffle is a bijection that looks random and needs no list."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.shuffle import shuffled, words


@given(st.integers(1, 3_000), st.integers(0, 2**63 - 1))
def test_every_place_is_taken_once(size: int, seed: int) -> None:
    assert sorted(shuffled(np.arange(size), size, seed)) == list(range(size))


@given(st.integers(2, 10**12), st.integers(0, 2**63 - 1), st.data())
def test_a_place_asked_for_alone_is_the_same(size: int, seed: int, data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20)))
    together = shuffled(places, size, seed)
    assert together.tolist() == [
        int(shuffled(places[i : i + 1], size, seed)[0]) for i in range(len(places))
    ]
    assert ((together >= 0) & (together < size)).all()


def test_first_places_are_uniform_over_seeds() -> None:
    size, seeds = 10, 4_000
    landed = np.array([shuffled(np.arange(2), size, seed) for seed in range(seeds)])
    pairs = np.bincount(landed[:, 0] * size + landed[:, 1], minlength=100).reshape(size, size)
    expected = seeds / 90
    chi = ((pairs - expected) ** 2 / expected)[~np.eye(size, dtype=bool)].sum()
    assert np.diag(pairs).sum() == 0
    assert chi < 89 + 4 * np.sqrt(2 * 89)


def test_words_are_pure_in_seed_and_number() -> None:
    assert words(3, np.array([5, 9, 5])).tolist()[0] == words(3, np.array([5])).tolist()[0]
    assert words(3, np.array([5]))[0] != words(4, np.array([5]))[0]


def test_words_are_uniform() -> None:
    share = words(1, np.arange(40_000)) / 2.0**64
    counts = np.histogram(share, 20, (0, 1))[0]
    assert ((counts - 2_000) ** 2 / 2_000).sum() < 19 + 4 * np.sqrt(38)
