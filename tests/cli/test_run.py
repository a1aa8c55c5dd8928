"""`polyrec run`: what it prints, what it takes, how it stops."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.experiment.orders import TINY, clicks, read, say

from polyrec.cli import status

ONE_STEP = (*TINY, "max_steps=1", "eval_every=1")


def test_json_prints_exactly_one_object_and_nothing_else(tmp_path: Path) -> None:
    said = say("run", "comirec", "--out", tmp_path, "--json", *ONE_STEP)
    assert (said.code, said.err) == (0, "")
    assert len(said.out.splitlines()) == 1
    told = json.loads(said.out)
    assert {"runs", "metrics", "seconds", "peak_memory_mb"} <= set(told)
    assert Path(told["runs"][0]).is_dir()
    for value in told["metrics"].values():
        assert {"value", "low", "high", "n", "passport"} == set(value)


def test_a_run_tells_people_what_it_found(tmp_path: Path) -> None:
    said = say("run", "comirec", "--out", tmp_path, *ONE_STEP)
    assert (said.code, said.err) == (0, "")
    for part in ("recall@50", "95% interval", "popular", "ceiling", "report.html"):
        assert part in said.out


def test_in_a_pipe_no_line_is_overwritten(tmp_path: Path) -> None:
    said = say("run", "comirec", "--out", tmp_path, *ONE_STEP)
    assert "\r" not in said.out
    assert "\033" not in said.out


def test_seeds_are_runs_of_their_own(tmp_path: Path) -> None:
    said = say("run", "comirec", "--out", tmp_path, "--seeds", "2", "--json", *ONE_STEP)
    runs = [Path(run) for run in said.json["runs"]]
    assert [read(run, "run.json")["seed"] for run in runs] == [1, 2]
    assert len(said.json["seeds"]) == 2
    over = said.json["over_seeds"]  # a share stays one, however wide two seeds' interval is
    shares = [over[name] for name in over if not name.startswith("novelty")]
    assert all(0 <= each["low"] <= each["value"] <= each["high"] <= 1 for each in shares)
    assert any(each["low"] == 0 for each in shares)


def test_a_file_sets_what_flags_do_not(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("lr = 0.02\ninterests = 2\n")
    flags = (*ONE_STEP, "interests=3")
    said = say("run", "comirec", "--config", file, "--out", tmp_path / "runs", "--json", *flags)
    config = read(Path(said.json["runs"][0]), "config.json")
    assert (config["lr"]["value"], config["lr"]["origin"]) == (0.02, "file")
    assert (config["interests"]["value"], config["interests"]["origin"]) == (3, "flag")


def test_a_log_of_ones_own_is_learnt_from(tmp_path: Path) -> None:
    log = clicks(tmp_path / "log.csv")
    settings = ("k=10", "select_by=recall@10", "dim=8", "batch=4", "max_steps=2", "eval_every=1",
                "negatives_per_positive=2")  # fmt: skip
    said = say("run", "comirec", "--data", log, "--out", tmp_path / "runs", "--json", *settings)
    assert said.code == 0, said.err
    run = said.json["runs"][0]
    found = say("recommend", run, "--history", "i03,i04", "--k", "3", "--json").json["items"]
    assert all(item["id"].startswith("i") for item in found)


def test_the_same_order_twice_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = (
        say("run", "comirec", "--out", tmp_path, "--json", *ONE_STEP).json["runs"][0]
        for _ in range(2)
    )
    assert second == f"{first}-2"


class Interrupting(io.StringIO):
    """Standard output that interrupts the process as soon as training has been seen to move."""

    def write(self, text: str) -> int:
        if "train step" in text:
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def test_an_interrupt_exits_130_with_the_command_that_goes_on(tmp_path: Path) -> None:
    out, err = Interrupting(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = status(["run", "comirec", "--out", str(tmp_path), *TINY])
    assert code == 130
    assert len(err.getvalue().splitlines()) == 1
    command = err.getvalue().split("`")[1].split()
    assert say(*command[1:]).code == 0


def test_a_terminated_process_saves_and_exits_130(tmp_path: Path) -> None:
    code = "import torch; torch.set_num_threads(1); from polyrec.cli import main; main()"
    flags = ["run", "comirec", "--out", str(tmp_path), *TINY, "max_steps=1000000"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *flags, "patience=100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "train step" in line:
            break
    process.terminate()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert len(err.splitlines()) == 1
    assert "polyrec run --resume" in err
    assert (next(tmp_path.iterdir()) / "last" / "checkpoint.json").is_file()


def test_threads_bound_the_compiled_loops_too(tmp_path: Path) -> None:
    code = (
        "import sys, numba; from polyrec.cli import status\n"
        "code = status(['run', 'nodes', *sys.argv[2:]])\n"
        "sys.exit(code or 10 * (numba.get_num_threads() != int(sys.argv[1])))"
    )
    settings = ("world=papers_tiny", "model=majority", "--out", str(tmp_path))
    # the pool has three threads, so more than three cannot be had
    for asked, taken in (("1", 1), ("2", 2), ("8", 3)):
        shutil.rmtree(tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", code, str(taken), *settings, "--threads", asked],
            env={**os.environ, "NUMBA_NUM_THREADS": "3"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (asked, done.stderr)
