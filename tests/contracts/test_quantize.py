"""Every quantiser of the catalogue gives codes that keep their promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from polyrec.nn.quantize import QUANTIZERS, Codes, encode, summed, utilisation

ITEMS, WIDTH, LEVELS, SIZE = 300, 12, 3, 8


def seeded(seed: int = 1) -> Generator:
    return torch.Generator().manual_seed(seed)


def vectors() -> Tensor:
    """Six clusters; item 7 has no vector, items 8 and 9 the same."""
    generator = seeded(0)
    centres = 4 * torch.randn(6, WIDTH, generator=generator)
    x = torch.zeros(ITEMS + 1, WIDTH)
    x[1:] = centres[torch.arange(ITEMS) % 6] + torch.randn(ITEMS, WIDTH, generator=generator)
    x[7] = 0
    x[9] = x[8]
    return x


def rq_kmeans(x: Tensor, seed: int) -> Codes:
    return QUANTIZERS["rq_kmeans"](x, seeded(seed), levels=LEVELS, size=SIZE)


def rq_vae(x: Tensor, seed: int) -> Codes:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = QUANTIZERS["rq_vae"](WIDTH, (16, 5), LEVELS, SIZE)
    model.start(x, seeded(seed))
    return model.codes(x)


MAKE: dict[str, Callable[[Tensor, int], Codes]] = {"rq_kmeans": rq_kmeans, "rq_vae": rq_vae}
each = pytest.mark.parametrize("name", QUANTIZERS)


@each
def test_real_codes_are_one_to_size(name):
    codes = MAKE[name](vectors(), 1)
    assert codes.ids.shape == (ITEMS + 1, LEVELS)
    assert codes.ids.dtype == torch.int64
    assert codes.ids[codes.coded].min() >= 1
    assert codes.ids.max() <= SIZE


@each
def test_nothing_and_items_without_a_vector_have_no_codes(name):
    codes = MAKE[name](vectors(), 1)
    assert (~codes.coded).nonzero()[:, 0].tolist() == [0, 7]
    assert not codes.ids[[0, 7]].any()
    assert not codes.reconstruction[[0, 7]].any()


@each
def test_one_seed_gives_one_set_of_codes(name):
    x = vectors()
    assert torch.equal(MAKE[name](x, 1).ids, MAKE[name](x, 1).ids)
    assert not torch.equal(MAKE[name](x, 1).ids, MAKE[name](x, 2).ids)


@each
def test_the_collision_token_tells_all_items_apart(name):
    codes = MAKE[name](vectors(), 1)
    tokens = codes.tokens[codes.coded]
    assert len(torch.unique(tokens, dim=0)) == len(tokens)
    assert len(torch.unique(tokens[:, :-1], dim=0)) < len(tokens)


@each
def test_unique_tuples_have_token_zero(name):
    codes = MAKE[name](vectors(), 1)
    _, group, counts = torch.unique(codes.ids, dim=0, return_inverse=True, return_counts=True)
    assert not codes.token[counts[group] == 1].any()


@each
def test_equal_vectors_have_equal_codes(name):
    codes = MAKE[name](vectors(), 1)
    assert torch.equal(codes.ids[8], codes.ids[9])


@each
def test_the_levels_and_what_is_left_make_the_vector(name):
    codes = MAKE[name](vectors(), 1)
    z = 3 * torch.randn(50, codes.centres.shape[2], generator=seeded())
    ids, left = encode(z, codes.centres, codes.kept)
    assert (summed(ids, codes.centres) + left - z).abs().max() <= 1e-5


@each
def test_codes_do_not_depend_on_the_batch(name):
    codes = MAKE[name](vectors(), 1)
    z = 3 * torch.randn(200, codes.centres.shape[2], generator=seeded())
    parts = [codes.encoded(part) for part in z.split(7)]
    assert torch.equal(torch.cat(parts), codes.encoded(z))


@each
def test_the_report_counts_what_there_is(name):
    codes = MAKE[name](vectors(), 1)
    report = utilisation(codes, vectors())
    assert (report.items, report.without, report.size) == (ITEMS - 1, 1, SIZE)
    assert report.unique * report.items == pytest.approx(
        len(torch.unique(codes.ids[codes.coded], dim=0))
    )
    for level, used in enumerate(report.usage):
        found = torch.unique(codes.ids[codes.coded, level])
        assert used == len(found) / SIZE
        assert report.perplexity[level] <= len(found) + 1e-6
