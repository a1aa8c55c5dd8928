"""The run folder: whole or not at all, and readable after any accident."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch

from polyrec.run import LOG, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run")


def test_a_folder_in_use_is_not_created_again(run: Run) -> None:
    run.write_json("config.json", {})
    with pytest.raises(FileExistsError, match="resume it"):
        Run.create(run.path)


def test_opening_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run folder"):
        Run.open(tmp_path / "none")


def test_documents_come_back_and_what_is_not_finite_is_null(run: Run) -> None:
    run.write_json("a.json", {"x": [1, float("nan"), torch.tensor(2.0)], "p": Path("q")})
    assert run.read_json("a.json") == {"x": [1, None, 2.0], "p": "q"}


def test_a_damaged_document_is_named(run: Run) -> None:
    (run.path / "a.json").write_text('{"x": ')
    with pytest.raises(ValueError, match=r"a\.json is damaged"):
        run.read_json("a.json")


def test_a_broken_last_line_is_skipped_with_its_number(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.log("train", {"step": 1})
    with (run.path / LOG).open("a") as file:
        file.write('{"kind": "tra')
    with caplog.at_level(logging.WARNING):
        assert [line["step"] for line in run.lines()] == [1]
    assert "line 2 is broken" in caplog.text


def test_an_earlier_broken_line_is_an_error(run: Run) -> None:
    (run.path / LOG).write_text('{"kind": "tra\n{"kind": "train"}\n')
    with pytest.raises(ValueError, match="line 1 is broken"):
        run.lines()


def test_writing_on_after_a_crash_cuts_the_half_line(run: Run) -> None:
    (run.path / LOG).write_text('{"kind": "train", "step": 1}\n{"kind": "tra')
    Run.open(run.path).log("train", {"step": 2})
    assert [line["step"] for line in run.lines()] == [1, 2]


def test_cutting_the_log_keeps_what_will_not_come_again(run: Run) -> None:
    run.log("train", {"step": 1})
    size = run.log_size()
    run.log("train", {"step": 2})
    run.log("read", {"part": "test"})
    run.cut_log(size, lambda line: line["kind"] == "train")
    assert [line["kind"] for line in run.lines()] == ["train", "read"]


def test_a_log_shorter_than_the_checkpoint_knows_is_an_error(run: Run) -> None:
    run.log("train", {"step": 1})
    with pytest.raises(ValueError, match="the log was changed"):
        run.cut_log(10_000, lambda line: False)


def test_tensors_come_back_bit_for_bit(run: Run) -> None:
    shared = torch.randn(4, 3)
    tensors = {"a": shared, "b": shared, "c": shared.T, "d": torch.zeros(0), "e": torch.tensor(3)}
    run.save("last", tensors, {"step": 7})
    loaded, meta = run.load("last")
    assert meta["step"] == 7
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_a_checkpoint_is_replaced_in_one_act(run: Run) -> None:
    run.save("last", {"a": torch.zeros(2)}, {"step": 1})
    run.write("last", {"a": torch.ones(2)})  # killed before the second half
    assert run.load("last")[0]["a"].tolist() == [0, 0]
    run.save("last", {"a": torch.ones(2)}, {"step": 2})
    assert len(list((run.path / "last").iterdir())) == 2  # what the kill left is gone


def test_damage_is_named_with_both_hashes(run: Run) -> None:
    stored = run.save("last", {"a": torch.zeros(2)}, {})
    (run.path / "last" / stored.file).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=rf"is damaged: sha256 is .*{stored.sha256}"):
        run.load("last")


def test_a_linked_checkpoint_outlives_its_source(run: Run) -> None:
    run.save("last", {"a": torch.zeros(2)}, {"step": 1, "log_bytes": 0})
    run.link("last", "best", {"step": 1})
    run.save("last", {"a": torch.ones(2)}, {"step": 2})
    assert run.load("best")[0]["a"].tolist() == [0, 0]


def test_a_missing_checkpoint_lists_those_there_are(run: Run) -> None:
    run.save("stages/one", {"a": torch.zeros(2)}, {})
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'best'.*stages/one"):
        run.load("best")


@pytest.mark.parametrize("name", ["../last", "a/b/c", "", "stages/.."])
def test_checkpoint_names_stay_inside(run: Run, name: str) -> None:
    with pytest.raises(ValueError, match="checkpoint name"):
        run.save(name, {}, {})


def test_a_fork_knows_its_parent_and_only_its_past(run: Run, tmp_path: Path) -> None:
    run.write_json("config.json", {"lr": 1})
    run.log("train", {"step": 1})
    run.save("stages/one", {"a": torch.zeros(2)}, {"log_bytes": run.log_size(), "done": True})
    run.log("train", {"step": 2})
    run.save("stages/two", {"a": torch.ones(2)}, {"log_bytes": run.log_size(), "done": True})
    child = run.fork("stages/one", tmp_path / "child")
    assert child.checkpoints() == ["last", "stages/one"]
    assert [line["step"] for line in child.lines()] == [1]
    assert child.read_json("config.json") == {"lr": 1}
    assert child.read_json("parent.json")["checkpoint"] == "stages/one"


def test_nothing_in_a_checkpoint_unpickles(run: Run) -> None:
    stored = run.save("last", {"a": torch.zeros(2)}, {"step": 1})
    text = (run.path / "last" / stored.file).read_bytes()
    length = int.from_bytes(text[:8], "little")
    assert set(json.loads(text[8 : 8 + length])) == {"a"}
    assert len(text) == 8 + length + 8
