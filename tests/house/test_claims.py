"""What the docs say of a measured claim is what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = json.loads((ROOT / "benchmarks" / "results" / "claims.json").read_text())
PAGE = (ROOT / "docs" / "claims.md").read_text()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_stands_on_the_page_with_its_verdict(name: str) -> None:
    verdict = f"**{CLAIMS[name]['verdict']}**"
    (line,) = [line for line in PAGE.splitlines() if f"`{name}`: " in line]
    assert verdict in line.partition(f"`{name}`: ")[2]
