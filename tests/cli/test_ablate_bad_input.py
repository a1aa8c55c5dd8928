"""What `polyrec ablate` refuses: exit 2, one line with value, limit and remedy, nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiment.orders import TINY, say, train

from polyrec.recipes import comirec

ORDERS = [
    (("comirek",), ("comirek", "did you mean 'comirec'")),
    (("comirec", "los"), ("no factor 'los'", "did you mean 'loss'", "similarity")),
    (("comirec", "loss=bcee"), ("no change 'bcee'", "did you mean 'bce'", "--try loss=bcee")),
    (("comirec", "dimm=8"), ("no factor or setting 'dimm'", "did you mean 'dim'")),
    (("comirec", "dim=wide"), ("dim='wide'", "whole number")),
    (("comirec", "loss", "--seeds", "0"), ("--seeds 0", "at least 1")),
    (("comirec", "loss", "--budget", "0"), ("--budget 0", "above 0")),
    (("comirec", "loss", "--budget", "-1"), ("--budget -1", "above 0")),
    (("comirec", "loss=bce", "--budget", "1e-9"), ("--budget 1e-09", "even loss alone", "hours")),
    (("comirec", "loss", "--jobs", "0"), ("--jobs 0", "at least 1")),
    (("comirec", "loss", "--rates", "fast"), ("--rates 'fast'", "comma-separated")),
    (("comirec", "loss", "--rates", "0"), ("--rates 0:", "above 0")),
    (("comirec", "loss", "--rates=-.1,.2"), ("--rates -0.1,0.2:", "above 0")),
    (("comirec", "loss", "--anchor", "drr"), ("no anchor 'drr'", "did you mean 'dr'")),
    (("comirec", "loss", "--variant", "drr"), ("no variant 'drr'", "did you mean 'dr'")),
    (("comirec", "loss", "--variant", "dr", "--anchor", "dr"), ("--anchor dr", "--variant dr")),
    (("comirec", "loss", "--primary", "ndcg@7"), ("'ndcg@7'", "ndcg@20", "select_by")),
    (("comirec", "--try", "batch"), ("'batch' has no value",)),
    (("comirec", "--try", "bach=8"), ("'bach'", "did you mean 'batch'")),
    (("comirec", "--try", "dim=8"), ("nothing left to try", "dim=8: the anchor's own setting")),
    (("comirec", "--try", "margin=.1"), ("nothing left to try", "read only with loss=margin")),
    (("comirec", "count=20"), ("nothing left to try", "320 unique negatives")),
    (("comirec", "init", "margin=.1"), ("margin=0.1", "no run of this ablation reads it")),
    (("comirec", "loss", "--config", "nowhere.toml"), ("nowhere.toml", "TOML")),
    (("comirec", "loss", "--data", "nowhere.csv"), ("nowhere.csv",)),
]  # fmt: skip


@pytest.mark.parametrize(("order", "words"), ORDERS, ids=lambda x: " ".join(x)[:40])
def test_a_question_that_cannot_be_asked_leaves_nothing(
    order: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = say("ablate", *order, *TINY, "--out", out)
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1, said.err
    assert all(word in said.err for word in words), said.err
    assert not out.exists()


def test_a_recipe_without_factors_says_how_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comirec, "FACTORS", ())
    said = say("ablate", "comirec", *TINY, "--out", tmp_path)
    assert said.code == 2
    assert "proposes no factors" in said.err
    assert "--try" in said.err


def test_runs_of_other_data_are_not_mixed_in(tmp_path: Path) -> None:
    train(tmp_path / "runs" / "dr" / "anchor")
    said = say("ablate", "comirec", "scale", *TINY, "cut=0.7", "--out", tmp_path, "--dry-run")
    assert said.code == 2
    assert "the data are not those of the run" in said.err
    assert "--out" in said.err


def test_a_damaged_record_says_what_to_remove(tmp_path: Path) -> None:
    (tmp_path / "ablation.json").write_text("{")
    said = say("ablate", "comirec", "scale", "--anchor", "dr", *TINY, "--out", tmp_path)
    assert said.code == 2
    assert "ablation.json is damaged" in said.err
