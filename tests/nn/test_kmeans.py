"""k-means and its residual form: as good as the reference, and honest about bad input."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import Generator, Tensor

from polyrec.nn.quantize import kmeans, nearest, residual_kmeans, room, spread, utilisation
from polyrec.nn.quantize.kmeans import apart


def seeded(seed: int = 1) -> Generator:
    return torch.Generator().manual_seed(seed)


def blobs(rows: int, centres: int, width: int = 16, noise: float = 0.5) -> tuple[Tensor, Tensor]:
    """Vectors [rows, width] around planted centres, and whose they are."""
    generator = seeded(0)
    planted = 2 * torch.randn(centres, width, generator=generator)
    of = torch.randint(0, centres, (rows,), generator=generator)
    return planted[of] + noise * torch.randn(rows, width, generator=generator), of


def rows_of(x: Tensor) -> Tensor:
    """[n, d] -> [n + 1, d]: row 0 is nothing."""
    return torch.cat([torch.zeros(1, x.shape[1]), x])


def inertia(x: Tensor, centres: Tensor) -> float:
    return float(apart(x, nearest(x, centres), centres).double().sum())


@pytest.mark.parametrize("size", [8, 40])
def test_inertia_is_that_of_scikit_learn(size):
    x, _ = blobs(2_000, 20)
    starts = range(8)  # one start ends in one local minimum: the mean over starts is compared
    peer = [KMeans(size, n_init=1, random_state=s).fit(x.numpy()).inertia_ for s in starts]
    ours = [inertia(x, kmeans(x, size, seeded(s))) for s in starts]
    assert np.mean(ours) <= 1.03 * np.mean(peer)


def test_nearest_is_the_nearest_by_definition():
    x, _ = blobs(500, 5)
    centres = torch.randn(7, 16, generator=seeded())
    direct = (x[:, None].double() - centres.double()).square().sum(2).argmin(1)
    assert torch.equal(nearest(x, centres), direct)


def test_planted_clusters_are_found():
    x, of = blobs(2_000, 12, noise=0.2)
    ids = nearest(x, kmeans(x, 12, seeded()))
    largest = sum(int(torch.bincount(of[ids == code]).max()) for code in ids.unique())
    assert largest / len(x) > 0.99


def test_vectors_far_from_the_origin_are_told_apart():
    x, of = blobs(1_000, 6, noise=0.1)
    ids = nearest(x + 1_000, kmeans(x + 1_000, 6, seeded()))
    largest = sum(int(torch.bincount(of[ids == code]).max()) for code in ids.unique())
    assert largest / len(x) > 0.99


def test_no_centre_stays_empty_while_vectors_differ():
    x = torch.cat([torch.zeros(500, 2), torch.randn(40, 2, generator=seeded())])
    ids = nearest(x, kmeans(x, 30, seeded()))
    assert len(ids.unique()) == 30


def test_there_are_no_more_centres_than_distinct_vectors():
    x = torch.randn(5, 4, generator=seeded())[torch.arange(200) % 5]
    centres = kmeans(x, 16, seeded())
    assert centres.shape == (5, 4)
    assert inertia(x, centres) < 1e-8


def test_the_number_of_threads_changes_nothing():
    x = rows_of(blobs(3_000, 30, width=64)[0])
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(residual_kmeans(x, seeded(), size=32).ids)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_the_error_falls_with_every_level():
    x = rows_of(blobs(2_000, 50)[0])
    lost = [
        utilisation(residual_kmeans(x, seeded(), levels=levels, size=16), x).error
        for levels in (1, 2, 3, 4)
    ]
    assert lost == sorted(lost, reverse=True)
    assert lost[2] < 0.7 * lost[0]


def test_the_report_has_the_error_by_definition():
    x = rows_of(blobs(400, 10)[0])
    codes = residual_kmeans(x, seeded(), size=8)
    report = utilisation(codes, x)
    away = (x - codes.reconstruction)[1:].double().square().sum(1).mean()
    around = (x[1:] - x[1:].mean(0)).double().square().sum(1).mean()
    assert report.error == pytest.approx(float(away), rel=1e-4)
    assert report.unexplained == pytest.approx(float(away / around), rel=1e-4)


def test_a_report_reads_as_a_sentence_and_as_json():
    x = rows_of(torch.eye(4)[[0, 0, 1, 2]])
    with pytest.warns(UserWarning, match="distinct"):
        report = utilisation(residual_kmeans(x, seeded(), levels=1, size=4), x)
    assert str(report) == (
        "4 items with codes, 0 without; 75.0% unique tuples, 50.0% of the items share theirs "
        "(at most 2); levels use 75% of 4 (perplexity 3); 0.0% of the variance is lost"
    )
    assert report.as_json()["usage"] == [0.75]
    assert report.notes()["codes/perplexity_1"] == pytest.approx(np.exp(1.0397), rel=1e-4)


def test_few_vectors_give_few_codes_and_a_warning():
    x = rows_of(torch.randn(10, 4, generator=seeded()))
    with pytest.warns(UserWarning, match=r"10 vectors are only \[10, 1, 1\] distinct ones"):
        codes = residual_kmeans(x, seeded())
    assert codes.kept == (10, 1, 1)
    assert codes.centres.shape == (3, 256, 4)
    assert not codes.token.any()


def test_centres_from_a_sample_serve_all_vectors():
    x = rows_of(blobs(4_000, 16)[0])
    whole = utilisation(residual_kmeans(x, seeded(), size=16), x)
    some = utilisation(residual_kmeans(x, seeded(), size=16, sample=1_000), x)
    assert some.items == 4_000
    assert some.error < 1.1 * whole.error


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 400), size=st.integers(1, 60), seed=st.integers(0, 99))
def test_no_centre_takes_more_than_it_has_room_for(rows, size, seed):
    x = torch.randn(rows, 3, generator=seeded(seed)).abs()
    ids = spread(x, torch.randn(size, 3, generator=seeded(seed + 1)), seeded(seed))
    assert torch.bincount(ids, minlength=size).max() <= room(rows, size)


def test_who_fits_keeps_the_nearest_centre_and_the_rest_take_the_next():
    centres = torch.tensor([[0.0], [10.0], [100.0]])
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [9.0], [10.0]])
    ids = spread(x, centres, seeded())
    assert room(6, 3) == 2
    assert ids.tolist() == [0, 0, 2, 2, 1, 1]


def test_balanced_codes_are_more_and_evener():
    x = rows_of(torch.randn(3_000, 8, generator=seeded()) ** 3)
    free = utilisation(residual_kmeans(x, seeded(), levels=2, size=32), x)
    even = utilisation(residual_kmeans(x, seeded(), levels=2, size=32, balance="capacity"), x)
    assert even.unique > free.unique
    assert even.largest < free.largest
    assert min(even.perplexity) > max(free.perplexity)


def calls_of(rows: int) -> int:
    """Python and C calls of one balanced assignment, all of whose rounds are needed."""
    x = torch.randn(rows, 4, generator=seeded()) * 0.01
    centres = torch.randn(60, 4, generator=seeded())
    counted = [0]

    def count(*_: object) -> None:
        counted[0] += 1

    sys.setprofile(count)
    try:
        spread(x, centres, seeded())
    finally:
        sys.setprofile(None)
    return counted[0]


def test_balancing_has_no_loop_over_items():
    calls_of(100)
    assert calls_of(4_000) < 1.5 * calls_of(400)


@pytest.mark.parametrize(
    ("x", "wrong", "said"),
    [
        (torch.ones(3, 2), {"levels": 0}, "levels=0"),
        (torch.ones(3, 2), {"size": 8, "sample": 4}, "sample=4"),
        (torch.ones(3, 2), {"balance": "even"}, "there are: none, capacity"),
        (torch.zeros(3, 2), {}, "none of 2 items has a vector"),
        (torch.tensor([[0.0], [float("nan")]]), {}, "row 1 is not finite"),
    ],
)
def test_bad_input_is_named(x, wrong, said):
    with pytest.raises(ValueError, match=said):
        residual_kmeans(x, seeded(), **wrong)
