"""Popularity on the published sequence logs: the anchor that every figure on them hangs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiment.orders import say

from polyrec.recipes import sequence

FILES = {"beauty-seq": "Beauty.txt.gz", "sports-seq": "Sports_and_Outdoors.txt.gz"}
PEOPLE = {"beauty-seq": 22_363, "sports-seq": 35_598}


@pytest.mark.parametrize("log", FILES)
def test_popularity_by_leave_one_out_is_what_was_measured(
    log: str, real_data: Path, tmp_path: Path
) -> None:
    file = real_data / "amazon_seq" / FILES[log]
    said = say(
        "run", "sequence", "--variant", "popular", "--data", file, "--out", tmp_path, "--json"
    )
    assert said.code == 0, said.err
    found = said.json["metrics"]
    rows = [row for row in sequence.EXPECTED if (row.variant, row.data) == ("popular", log)]
    assert len(rows) == 4
    for row in rows:
        assert found[row.metric]["n"] == PEOPLE[log]
        assert found[row.metric]["value"] == pytest.approx(row.value, abs=row.tolerance)
