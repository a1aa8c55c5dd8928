"""Every recipe that is listed keeps its promises, in every variant."""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path

import pytest
from tests.experiment.orders import TINY, read, say

from polyrec.recipes import RECIPES, Factor, compose, reasons, recipe, study

# Settings that make a variant small enough for a test; what the variant is about stays.
SMALL = {
    "comirec": (*TINY, "max_steps=1", "eval_every=1", "k=20", "select_by=recall@20"),
    "embeddings": ("world=retail_tiny", "dim=8", "epochs=1", "k=20"),
    "sequence": ("world=retail_tiny", "dim=8", "batch=512", "epochs=1", "k=20"),
    "graphs": ("world=retail_tiny", "dim=8", "batch=512", "epochs=1", "k=20"),
    "nodes": ("world=papers_tiny", "hidden=4", "epochs=2"),
}
JUDGED = {"nodes": "accuracy"}  # by what; recall@20 elsewhere
OWN = {
    "sa_b1024": ("negatives=uniform",),  # 1,024 rows ask for more unique ones than there are
    "sasrec_ss3000": ("count=100",),
    "gsasrec": ("count=100",),  # fewer than the tiny shop's items
    "rp3beta": ("neighbours=100",),
    "ials": ("sweeps=2",),
    "item2vec_bars": ("split=leave-one-out",),  # the shop's log does not come split
    "pinsage": ("negatives=50", "neighbours=10"),
    "majority": ("world=papers_tiny",),  # nothing is trained, so no length is read
    "codes": ("code_size=8",),
    "codes_task": ("code_size=8",),
    "codes_vae": ("code_size=8", "code_epochs=1"),
}


def variants() -> list[tuple[str, str]]:
    return [(name, variant) for name in RECIPES for variant in recipe(name).VARIANTS]


def test_every_recipe_has_a_small_order_here() -> None:
    assert set(SMALL) == set(RECIPES)


@pytest.mark.parametrize(("name", "variant"), variants())
def test_a_variant_runs_one_step_on_a_simulated_world(
    name: str, variant: str, tmp_path: Path
) -> None:
    flags = OWN[variant] if variant == "majority" else (*SMALL[name], *OWN.get(variant, ()))
    said = say("run", name, "--variant", variant, "--out", tmp_path, "--json", *flags)
    assert said.code == 0, said.err
    assert 0 <= said.json["metrics"][JUDGED.get(name, "recall@20")]["value"] <= 1
    assert read(Path(said.json["runs"][0]), "run.json")["variant"] == variant


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_has_a_reason(name: str) -> None:
    assert not [key for key, why in reasons(recipe(name).Config).items() if not why.strip()]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_frozen(name: str) -> None:
    params = recipe(name).Config.__dataclass_params__
    assert params.frozen


@pytest.mark.parametrize("name", RECIPES)
def test_numbers_have_limits(name: str) -> None:
    hints = {"int", "float"}
    numbers = [f for f in fields(recipe(name).Config) if f.type in hints]
    bare = [f.name for f in numbers if f.metadata["least"] is None and f.metadata["above"] is None]
    assert not bare


@pytest.mark.parametrize(("name", "variant"), variants())
def test_a_variant_sets_what_exists_within_limits(name: str, variant: str) -> None:
    of = recipe(name)
    found = compose(of.Config, of.VARIANTS, variant)
    assert {k for k, who in found.origin.items() if who == "variant"} == set(of.VARIANTS[variant])


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_expected_names_its_variant_and_source(name: str) -> None:
    of = recipe(name)
    for row in of.EXPECTED:
        assert row.variant in of.VARIANTS, row
        assert row.source, row
        assert row.tolerance > 0, row
        assert "@" in row.metric or row.metric == JUDGED.get(name), row


@pytest.mark.parametrize("name", RECIPES)
def test_defaults_and_rivals_are_variants(name: str) -> None:
    of = recipe(name)
    assert {of.DEFAULT, *of.RIVALS} <= set(of.VARIANTS)


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_resume_may_change_exists(name: str) -> None:
    of = recipe(name)
    assert not of.TRAINING - set(reasons(of.Config))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_what_it_is(name: str) -> None:
    assert RECIPES[name]
    assert (importlib.import_module(f"polyrec.recipes.{name}").__doc__ or "").strip()


def proposals() -> list[tuple[str, str, str]]:
    return [
        (name, anchor, factor.name)
        for name in RECIPES
        for anchor in study(recipe(name)).anchors
        for factor in study(recipe(name)).factors.values()
    ]


@pytest.mark.parametrize(("name", "anchor", "factor"), proposals())
def test_what_a_recipe_proposes_to_try_exists_within_limits(
    name: str, anchor: str, factor: str
) -> None:
    of, known = recipe(name), study(recipe(name))
    state = known.anchors[anchor]
    for change in known.factors[factor].changes:
        told = {**state.settings, **change.settings}
        flags = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in told.items()]
        config = compose(of.Config, of.VARIANTS, state.variant, None, flags).config
        assert {k: getattr(config, k) for k in told} == told


@pytest.mark.parametrize("name", RECIPES)
def test_factors_come_in_the_order_of_their_priorities(name: str) -> None:
    factors: tuple[Factor, ...] = getattr(recipe(name), "FACTORS", ())
    assert [f.priority for f in factors] == sorted(f.priority for f in factors)
    assert all(f.why.strip() for f in factors)
