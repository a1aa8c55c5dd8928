"""Settings: parsed from text, kept within limits, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from polyrec.recipes import changed, compose, near, setting, typed


@dataclass(frozen=True)
class Config:
    name: str = setting("a", "text")
    count: int = setting(3, "a count", least=1)
    share: float = setting(0.5, "a share", above=0, below=1)
    kind: Literal["one", "two"] = setting("one", "a choice")
    on: bool = setting(False, "a switch")


VARIANTS = {"plain": {}, "many": {"count": 9}}


def test_flags_win_over_the_file_over_the_variant_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('name = "file"\nkind = "two"\n')
    found = compose(Config, VARIANTS, "many", file, ["kind=one"])
    assert found.config == Config(name="file", count=9, kind="one")
    assert found.origin == {
        "name": "file", "count": "variant", "share": "default", "kind": "flag", "on": "default",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("count", "7", 7), ("share", "1e-1", 0.1), ("on", "true", True), ("name", "3", "3"),
     ("count", "1_000", 1000)],
)  # fmt: skip
def test_text_becomes_the_type_of_its_field(key: str, text: str, value: object) -> None:
    found = typed(Config, key, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("count=0", "count=0: must be at least 1; the default is 3"),
        ("share=0", "share=0.0: must be above 0; the default is 0.5"),
        ("share=1", "share=1.0: must be below 1; the default is 0.5"),
    ],
)
def test_a_number_outside_its_limits_is_refused(flag: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compose(Config, VARIANTS, None, None, [flag])


def test_a_changed_config_keeps_its_limits() -> None:
    with pytest.raises(ValueError, match="count=0"):
        changed(Config(), ["count=0"])


def test_only_what_differs_counts_as_changed() -> None:
    assert changed(Config(), ["count=3", "on=true"])[1] == {"on": True}


@pytest.mark.parametrize("value", [1.5, "1.5", True, float("inf"), float("nan"), [1], "", None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="count="):
        typed(Config, "count", value)


@pytest.mark.parametrize(("name", "options"), [("device", ["code_size"]), ("nonsense", ["loss"])])
def test_what_is_not_near_is_not_offered(name: str, options: list[str]) -> None:
    assert near(name, options) == ""


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'count'"):
        typed(Config, "cuont", "1")
