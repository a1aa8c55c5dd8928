"""The autoencoder of semantic ids: faults of public skeletons, each held by a test."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor, nn

from polyrec.nn.quantize import RQVAE, rotated, straight, summed

WIDTH, CODE, LEVELS, SIZE = 10, 4, 3, 6


def seeded(seed: int = 1) -> Generator:
    return torch.Generator().manual_seed(seed)


def vectors(rows: int = 200) -> Tensor:
    """[n + 1, d], row 0 zero."""
    x = torch.randn(rows + 1, WIDTH, generator=seeded(0))
    x[0] = 0
    return x


def started(through: str = "straight", size: int = SIZE) -> RQVAE:
    torch.manual_seed(3)
    model = RQVAE(WIDTH, (16, CODE), LEVELS, size, through=through)
    model.start(vectors(), seeded())
    return model


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("through", ["straight", "rotation"])
def test_the_encoder_learns_from_the_reconstruction_alone(through):
    model = started(through)
    model(vectors()[1:]).reconstruction.mean().backward()
    for layer in model.encoder:
        if isinstance(layer, nn.Linear):
            assert layer.weight.grad.abs().max() > 1e-6


def test_the_reconstruction_does_not_move_the_codebook():
    model = started()
    model(vectors()[1:]).reconstruction.mean().backward()
    assert model.codebook.grad is None or not model.codebook.grad.any()


def test_a_forward_pass_makes_no_codebook_and_changes_none():
    model = started()
    place, before = model.codebook.data_ptr(), snapshot(model)
    first, second = model(vectors()[1:]), model(vectors()[1:])
    assert model.codebook.data_ptr() == place
    assert torch.equal(first.ids, second.ids)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_ids_and_sums_come_from_one_codebook():
    model = started()
    z = model.encoder(vectors()[1:])
    found = model.quantise(z)
    assert torch.allclose(found.total, summed(found.ids, model.codebook), atol=1e-6)


def test_the_levels_and_the_last_residual_make_z():
    model = started()
    z = model.encoder(vectors()[1:])
    found = model.quantise(z)
    assert (found.total + found.left - z).abs().max() <= 1e-5


def test_each_level_has_a_codebook_of_its_own():
    model = started()
    books = [book.detach().clone() for book in model.codebook]
    assert not torch.allclose(books[0], books[1])
    with torch.no_grad():
        model.codebook[0] += 1
    assert torch.equal(model.codebook[1], books[1])
    assert torch.equal(model.codebook[2], books[2])


def test_a_level_starts_at_the_residuals_of_the_levels_before():
    model = started()
    z = model.encoder(vectors()[1:]).detach()
    left, lost = z, []
    for book in model.codebook.detach():
        lost.append(float(left.square().sum()))
        left = left - book[torch.cdist(left, book).argmin(1)]
    lost.append(float(left.square().sum()))
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 0.5 * lost[0]


def test_deeper_levels_do_not_pull_on_earlier_codebooks():
    model = started()
    left = model.encoder(vectors()[1:])
    first = model.quantise(left)
    deep = (left - model.codebook[0][first.ids[:, 0] - 1].detach()).detach()
    second = model.codebook[1][first.ids[:, 1] - 1]
    (deep - second).square().sum().backward()
    wanted = model.codebook.grad[1].clone()
    model.zero_grad()
    model.quantise(model.encoder(vectors()[1:])).codebook.sum().backward()
    alone = model.codebook.grad.clone()
    assert torch.allclose(alone[1], wanted, atol=1e-4)
    model.zero_grad()
    model.quantise(model.encoder(vectors()[1:])).commitment.sum().backward()
    assert model.codebook.grad is None or not model.codebook.grad.any()


def test_outputs_may_be_negative_on_both_sides():
    model = started()
    z = model.encoder(vectors()[1:])
    assert (z < 0).any()
    assert (model.decoder(z) < 0).any()
    assert isinstance(model.encoder[-1], nn.Linear)
    assert isinstance(model.decoder[-1], nn.Linear)


def test_ids_do_not_depend_on_the_batch():
    model = started()
    z = model.encoder(vectors()[1:]).detach()
    parts = torch.cat([model.quantise(part).ids for part in z.split(7)])
    assert torch.equal(parts, model.quantise(z).ids)


def test_codes_are_those_that_training_sees():
    model = started()
    assert torch.equal(model.codes(vectors()).ids[1:], model(vectors()[1:]).ids)


def test_later_training_leaves_codes_as_they_were():
    model = started()
    codes = model.codes(vectors())
    before = codes.centres.clone()
    with torch.no_grad():
        model.codebook += 1
    assert torch.equal(codes.centres, before)


def test_dead_codes_are_revived_and_the_living_stay():
    model = started()
    with torch.no_grad():
        model.codebook[0, 2:4] = 1e3
    dead = model.restart(vectors(), seeded())
    assert dead["dead_1"] == 2
    assert (model.codebook[0].abs() < 100).all()
    ids = model.quantise(model.encoder(vectors()[1:])).ids
    assert len(ids[:, 0].unique()) == SIZE


def test_a_restart_draws_from_its_generator_alone():
    def revived(seed: int) -> Tensor:
        model = started()
        with torch.no_grad():
            model.codebook[0, 2:4] = 1e3
        model.restart(vectors(), seeded(seed))
        return model.codebook[0].detach()

    assert torch.equal(revived(1), revived(1))
    assert not torch.equal(revived(1), revived(2))


def test_codebooks_larger_than_the_data_start_whole():
    model = RQVAE(WIDTH, (16, CODE), LEVELS, 40)
    model.start(vectors(12), seeded())
    assert model.codebook.isfinite().all()
    assert len(torch.unique(model.codebook[0].detach(), dim=0)) == 40


def test_codebooks_that_never_started_are_refused():
    with pytest.raises(ValueError, match="never started"):
        RQVAE(WIDTH, (16, CODE))(vectors())


@pytest.mark.parametrize("through", [straight, rotated])
def test_what_passes_is_the_chosen_sum(through):
    z, total = torch.randn(50, 5, generator=seeded()), torch.randn(50, 5, generator=seeded(2))
    assert torch.allclose(through(z, total), total, atol=1e-5)


def test_rotation_keeps_the_angle_between_gradient_and_code():
    z = torch.randn(50, 5, generator=seeded()).requires_grad_()
    total, grad = torch.randn(50, 5, generator=seeded(2)), torch.randn(50, 5, generator=seeded(3))
    rotated(z, total).backward(grad)
    before = torch.cosine_similarity(grad, total)
    after = torch.cosine_similarity(z.grad, z)
    assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"levels": 0}, {"widths": ()}, {"beta": -1.0}, {"through": "ema"}]
)
def test_bad_settings_are_named(wrong):
    with pytest.raises(ValueError, match=r"need|there are: straight, rotation"):
        RQVAE(WIDTH, **wrong)
