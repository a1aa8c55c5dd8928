"""Bad input: exit 2, one line on stderr with value, limit and remedy, and nothing left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.experiment.orders import TINY, Said, clicks, read, say


def refused(said: Said, *words: str) -> None:
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1, said.err
    assert "Traceback" not in said.out + said.err
    for word in words:
        assert word in said.err, said.err


ORDERS = [
    (("comirek",), ("comirek", "did you mean 'comirec'")),
    (("comirec", "--variant", "drr"), ("drr", "did you mean 'dr'")),
    (("comirec", "intrests=3"), ("intrests", "did you mean 'interests'")),
    (("comirec", "dim=wide"), ("dim='wide'", "whole number")),
    (("comirec", "dim=8.5"), ("dim='8.5'", "whole number")),
    (("comirec", "lr=fast"), ("lr='fast'", "a number")),
    (("comirec", "lr=nan"), ("lr='nan'", "finite")),
    (("comirec", "lr=inf"), ("lr='inf'", "finite")),
    (("comirec", "loss=softmax"), ("loss='softmax'", "sampled_softmax")),
    (("comirec", "dim"), ("dim", "=VALUE")),
    (("comirec", "--data", "nowhere.csv"), ("nowhere.csv",)),
    (("comirec", "--config", "nowhere.toml"), ("nowhere.toml", "TOML")),
    (("comirec", "interests=0"), ("interests=0", "at least 1", "default is 4")),
    (("comirec", "interests=-4"), ("interests=-4", "at least 1")),
    (("comirec", "length=0"), ("length=0", "at least 1")),
    (("comirec", "dim=0"), ("dim=0", "at least 1")),
    (("comirec", "dim=999999999"), ("dim=999999999", "below 65,536")),
    (("comirec", "hidden=0"), ("hidden=0", "at least 1")),
    (("comirec", "batch=0"), ("batch=0", "at least 1")),
    (("comirec", "lr=0"), ("lr=0.0", "above 0")),
    (("comirec", "lr=-1"), ("lr=-1.0", "above 0")),
    (("comirec", "patience=0"), ("patience=0", "at least 1")),
    (("comirec", "eval_every=0"), ("eval_every=0", "at least 1")),
    (("comirec", "max_steps=0"), ("max_steps=0", "at least 1")),
    (("comirec", "log_every=0"), ("log_every=0", "at least 1")),
    (("comirec", "min_history=0"), ("min_history=0", "at least 1")),
    (("comirec", "cut=1"), ("cut=1.0", "below 1")),
    (("comirec", "cut=0"), ("cut=0.0", "above 0")),
    (("comirec", "k=0"), ("k=0", "at least 1")),
    (("comirec", "k=100000"), ("k=100000", "150 items")),
    (("comirec", "clip=-1"), ("clip=-1.0", "at least 0")),
    (("comirec", "seed=-1"), ("seed=-1", "at least 0")),
    (("comirec", "diversity=-1"), ("diversity=-1.0", "at least 0")),
    (("comirec", "diversity=1", "category=colour"), ("colour", "category")),
    (("comirec", "similarity=cosine", "temperature=0"), ("temperature=0.0", "0.005")),
    (("comirec", "select_by=auc@50"), ("auc@50", "recall@K")),
    (("comirec", "select_by=recall"), ("'recall'", "recall@50")),
    (("comirec", "select_by=recall@500"), ("recall@500", "150 items")),
    (("comirec", "negatives_per_positive=10"), ("160 unique negatives", "150 items", "149")),
    (("comirec", "kinds=clicked"), ("clicked",)),
    (("comirec", "min_users=100000"), ("min_count",)),
    (("comirec", "world=moon"), ("world='moon'", "retail_tiny")),
    (("comirec", "split=given"), ("given",)),
    (("comirec", "min_history=400"), ("400",)),
    (("comirec", "--from", "train"), ("--from", "--resume")),
    (("comirec", "--seeds", "0"), ("--seeds",)),
    (("dim=8",), ("which recipe",)),
]


@pytest.mark.parametrize(("order", "words"), ORDERS, ids=lambda x: " ".join(x)[:40])
def test_an_order_that_cannot_be_carried_out_leaves_nothing(
    order: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    said = say("run", order[0], *TINY, *order[1:], "--out", out)
    refused(said, *words)
    assert not list(out.glob("*"))


TOMLS = [
    ("lr = [1, 2]", "lr=[1, 2]"),
    ("lr = ", "not TOML"),
    ("dim = inf", "dim=inf"),
    ("dim = true", "dim=True"),
    ("[model]\nname = 'dr'", "model="),
    ("data = {a = 1}", "data="),
]


@pytest.mark.parametrize(("text", "word"), TOMLS)
def test_a_settings_file_is_checked_as_flags_are(text: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    refused(say("run", "comirec", "--config", file, "--out", tmp_path / "runs"), word)


def test_a_settings_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(b"\xff\xfe\x00")
    refused(say("run", "comirec", "--config", file, "--out", tmp_path / "runs"), "settings.toml")


QUESTIONS = [
    (("judge", "RUN", "--k", "0"), ("--k='0'", "at least 1")),
    (("judge", "RUN", "--k", "ten"), ("--k='ten'", "whole numbers")),
    (("judge", "RUN", "--k", "100000"), ("100000", "150")),
    (("judge", "RUN", "--dialect", "comirec"), ("comirec", "did you mean")),
    (("judge", "RUN", "--metrics", "recal"), ("recal", "recall")),
    (("judge", "RUN", "--slices", "colour"), ("colour", "activity")),
    (("judge", "RUN", "--candidates", "100"), ("'100'", "u100")),
    (("judge", "RUN", "--part", "train"), ("'train'", "valid or test")),
    (("judge", "nowhere"), ("nowhere", "run.json")),
    (("compare", "RUN", "nowhere"), ("nowhere",)),
    (("compare", "RUN", "RUN", "--metrics", "auc"), ("auc", "recall@50")),
    (("recommend", "RUN", "--history", "i9999"), ("'i9999'", "150")),
    (("recommend", "RUN", "--history", "", "--k", "0"), ("--k",)),
    (("recommend", "RUN", "--history", "", "--k", "151"), ("151", "150")),
    (("recommend", "RUN", "--history", "", "--diversity", "-1"), ("--diversity",)),
    (("recommend", "RUN"), ("--history",)),
    (("recommend", "nowhere", "--history", ""), ("nowhere", "run.json")),
    (("run", "--resume", "nowhere"), ("nowhere", "run.json")),
    (("run", "--resume", "RUN", "dim=16"), ("dim", "polyrec run")),
    (("run", "--resume", "RUN", "length=5", "k=10"), ("k, length",)),
    (("run", "--resume", "RUN", "patience=0"), ("patience=0", "at least 1")),
    (("run", "--resume", "RUN", "patince=3"), ("patince", "did you mean 'patience'")),
    (("run", "--resume", "RUN", "negatives_per_positive=10"), ("160 unique negatives", "149")),
    (("run", "--resume", "RUN", "--from", "trains"), ("trains", "stages/train")),
    (("run", "--resume", "RUN", "--from", "train", "lr=0.1"), ("--from train", "last stage")),
    (("run", "--resume", "RUN", "--variant", "sa"), ("--variant", "--resume")),
    (("run", "--resume", "RUN", "--seeds", "3"), ("--seeds", "--resume")),
    (("show", "comirek"), ("comirek", "did you mean 'comirec'")),
    (("show", "comirec", "--variant", "drr"), ("drr", "did you mean 'dr'")),
    (("list", "losess"), ("losess", "did you mean 'losses'")),
    (("metrics", "explain", "recal@5"), ("recal", "did you mean 'recall'")),
    (("metrics", "explain", "ndcg@5", "--dialect", "polyrek"), ("polyrek", "polyrec")),
    (("data", "get", "moon"), ("moon",)),
    (("frobnicate",), ("frobnicate",)),
    (("run", "--frobnicate"), ("--frobnicate",)),
]


def snapshot(run: Path) -> dict[str, bytes]:
    return {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("question", "words"), QUESTIONS, ids=lambda x: " ".join(x)[:40])
def test_a_question_that_cannot_be_answered_changes_nothing(
    question: tuple[str, ...], words: tuple[str, ...], dr: Path
) -> None:
    before, beside = snapshot(dr), sorted(dr.parent.iterdir())
    refused(say(*(dr if word == "RUN" else word for word in question)), *words)
    assert snapshot(dr) == before
    assert sorted(dr.parent.iterdir()) == beside


def test_a_folder_that_is_no_run_says_which_runs_it_holds(dr: Path) -> None:
    refused(say("judge", dr.parent), str(dr.parent), dr.name)


@pytest.fixture
def copy(dr: Path, tmp_path: Path) -> Path:
    """A run to damage."""
    return Path(shutil.copytree(dr, tmp_path / "run"))


def test_damaged_weights_are_named_with_their_hash(copy: Path) -> None:
    expected = read(copy, "best/checkpoint.json")["sha256"]
    (file,) = (copy / "best").glob("*.safetensors")
    held = bytearray(file.read_bytes())
    held[-1] ^= 1
    file.write_bytes(held)
    refused(say("recommend", copy, "--history", ""), file.name, expected)


DAMAGE = [
    ("run.json", ("judge",), b"{"),
    ("run.json", ("judge",), b"{}"),
    ("run.json", ("show",), b"[]"),
    ("config.json", ("judge",), b'{"dim": 3}'),
    ("config.json", ("judge",), b"\xff"),
    ("report.json", ("judge",), b"{"),
    ("best/checkpoint.json", ("recommend", "--history", ""), b"{"),
    ("facts/counts.npy", ("recommend", "--history", ""), b"\x93NUMPY"),
    ("facts/facts.json", ("recommend", "--history", ""), b"{"),
    ("facts/target.keys.npy", ("recommend", "--history", ""), b""),
]


@pytest.mark.parametrize(("name", "verb", "held"), DAMAGE)
def test_a_damaged_file_is_named(name: str, verb: tuple[str, ...], held: bytes, copy: Path) -> None:
    (copy / name).write_bytes(held)
    refused(say(verb[0], copy, *verb[1:]), Path(name).name)


def test_damaged_lists_are_named(copy: Path) -> None:
    for file in (copy / "values").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    refused(say("judge", copy), "test@", "damaged")


def test_a_run_whose_data_changed_is_not_resumed(tmp_path: Path) -> None:
    log = clicks(tmp_path / "log.csv")
    settings = ("k=10", "select_by=recall@10", "dim=8", "batch=4", "max_steps=2", "eval_every=1",
                "negatives_per_positive=2")  # fmt: skip
    said = say("run", "comirec", "--data", log, "--out", tmp_path / "runs", "--json", *settings)
    run = Path(said.json["runs"][0])
    before = snapshot(run)
    clicks(log, people=70, shift=1)
    refused(say("run", "--resume", run, "max_steps=4"), str(run), "hash")
    assert snapshot(run) == before
    log.unlink()
    refused(say("run", "--resume", run, "max_steps=4"), "log.csv")


def test_a_warning_is_one_line_without_the_place_in_the_code(tmp_path: Path) -> None:
    flags = ["world=retail_tiny", "dim=8", "epochs=1", "batch=128", "count=20", "hard_last=400"]
    command = [sys.executable, "-m", "polyrec", "run", "sequence", "negatives=hard", *flags]
    done = subprocess.run(
        [*command, "--out", str(tmp_path), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith("polyrec: hard window:")]
    assert not [line for line in said if "Warning" in line or ".py:" in line]
