"""The page about numbers names every metric and every dialect."""

from pathlib import Path

import pytest

from polyrec.metrics import DIALECTS, LABEL, RANKING, SYSTEM

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "trust.md").read_text()


@pytest.mark.parametrize("name", [*RANKING, *SYSTEM, *LABEL, *DIALECTS])
def test_the_page_names_it(name):
    assert f"`{name}`" in PAGE
