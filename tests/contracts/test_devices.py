"""What is computed on an accelerator is what the processor computes, up to rounding."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.contracts.test_recipes import OWN, SMALL, variants
from tests.experiment.orders import lines, read, say

from polyrec.experiment.stored import made
from polyrec.recipes import all_read, compose, processor_only, recipe
from polyrec.train import Adam

CLOSE = 2e-3  # of a loss: sums in another order, products in another precision
FOUND = torch.accelerator.current_accelerator(check_available=True)
NONE = "no accelerator here: the processor is the only device"
needed = pytest.mark.skipif(FOUND is None, reason=NONE)


def first_losses(name: str, variant: str, out: Path, device: str) -> tuple[dict, str]:
    flags = [*SMALL[name], *OWN.get(variant, ())]
    if "dropout" in recipe(name).Config.__dataclass_fields__:
        flags += _if_read(name, variant, tuple(flags), "dropout=0")
    order = ("--variant", variant, "--out", out, "--json", "--device", device, *flags)
    said = say("run", name, *order)
    assert said.code == 0, said.err
    run = Path(said.json["runs"][0])
    trained = lines(run, "train")
    return trained[0]["batch_loss"] if trained else {}, read(run, "run.json")["environment"][
        "device"
    ]


def movable() -> list[tuple[str, str]]:
    return [one for one in variants() if not processor_only(recipe(one[0]))]


def _if_read(name: str, variant: str, flags: tuple[str, ...], more: str) -> list[str]:
    of = recipe(name)
    config = compose(of.Config, of.VARIANTS, variant, None, (*flags, more)).config
    try:
        all_read(of, config, [more.partition("=")[0]])
    except ValueError:
        return []
    return [more]


@needed
@pytest.mark.parametrize(("name", "variant"), movable() if FOUND else [("sequence", "default")])
def test_the_first_loss_is_the_processors(name: str, variant: str, tmp_path: Path) -> None:
    here, _ = first_losses(name, variant, tmp_path / "here", "cpu")
    there, device = first_losses(name, variant, tmp_path / "there", str(FOUND))
    assert device.startswith(str(FOUND)) or not here  # closed forms stay on the processor
    assert here.keys() == there.keys()
    for task, value in here.items():
        assert math.isclose(value, there[task], rel_tol=CLOSE), task


@needed
def test_a_table_that_decays_moves_as_on_the_processor() -> None:
    found = []
    for device in ("cpu", str(FOUND)):
        start = torch.randn(12, 5, generator=torch.Generator().manual_seed(1)).to(device)
        table = torch.nn.Parameter(start)
        optimiser = Adam(table_decay=0.1).build([table])
        optimiser.param_groups[0]["lr"] = 0.02
        for _ in range(3):
            rows = torch.tensor([3, 1, 3], device=device)
            F.embedding(rows, table, sparse=True).square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
        found.append(table.detach().cpu())
    assert torch.allclose(*found, atol=1e-5)


@needed
def test_a_recipe_of_the_processor_alone_refuses(tmp_path: Path) -> None:
    order = ("--out", tmp_path, "--device", str(FOUND), *SMALL["nodes"])
    said = say("run", "nodes", *order)
    assert said.code == 2
    assert "leave --device out" in said.err


def test_no_model_is_built_for_a_device_that_its_recipe_has_no_use_for() -> None:
    of = recipe("nodes")
    config = compose(of.Config, of.VARIANTS, of.DEFAULT, None, ()).config
    with pytest.raises(ValueError, match="leave --device out"):
        made(of, config, of.data(config), torch.device("cuda"))


def test_a_run_says_what_computed_it(tmp_path: Path) -> None:
    _, device = first_losses("sequence", "small", tmp_path, "cpu")
    assert device == "cpu"


@pytest.mark.parametrize("name", ["quantum", "meta", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(name: str, tmp_path: Path) -> None:
    said = say("run", "sequence", "--device", name, "--out", tmp_path / "runs")
    assert said.code == 2
    assert f"--device {name}" in said.err
    assert "use" in said.err
    assert not (tmp_path / "runs").exists()
