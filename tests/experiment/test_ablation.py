"""Whole small ablations: what lies there afterwards, and that they go on where they stopped."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from tests.experiment.orders import TINY, lines, read, say

from polyrec.experiment import Ask, Quiet, ablate
from polyrec.train import Interrupted

SMALL = ("--variant", "dr", *TINY)


def ablated(out: Path, *words: str):
    said = say("ablate", "comirec", "--out", out, "--json", *words, *SMALL)
    assert said.code == 0, said.err
    return said.json


def rows(told, table=0):
    return {row["name"]: row for row in told["tables"][table]["rows"]}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two learning rates, three seeds, a change of the recipe and one of another batch."""
    out = tmp_path_factory.mktemp("ablation")
    words = ("loss=bce", "--try", "batch=32", "--seeds", "3", "--rates", ".005,.02")
    return out, ablated(out, *words), words


def test_the_last_line_is_what_the_folder_holds(done):
    out, told, _ = done
    assert told == read(out, "ablation.json")
    assert told["finished"]


def test_the_title_names_the_world(done):
    _, told, _ = done
    assert told["title"] == "Ablation of comirec on retail_tiny"


def test_every_change_has_its_runs_beside_the_anchors(done):
    out, told, _ = done
    for name, row in rows(told).items():
        folders = sorted((out / "runs" / "dr" / name).glob("*"))
        assert [str(folder) for folder in folders] == sorted(row["runs"])
        assert len(folders) == 3
        assert all((folder / "best" / "checkpoint.json").is_file() for folder in folders)


def test_test_is_read_once_a_run_and_never_to_choose_a_learning_rate(done):
    out, told, _ = done
    for row in rows(told).values():
        for run in map(Path, row["runs"]):
            assert len([one for one in lines(run, "read") if one["part"] == "test"]) == 1
    lost = [file.parent for file in out.glob("search/**/run.json")]
    assert lost
    assert not [one for run in lost for one in lines(run, "read") if one["part"] == "test"]


def test_the_learning_rate_is_the_best_on_validation(done):
    _, told, _ = done
    for row in rows(told).values():
        reached = dict(row["rates"])
        assert set(reached) == {0.005, 0.02}
        assert reached[row["rate"]] == max(reached.values())


def test_another_batch_sees_as_many_positives(done):
    _, told, _ = done
    settings = read(Path(rows(told)["batch=32"]["runs"][0]), "config.json")
    assert settings["batch"]["value"] * settings["max_steps"]["value"] == 16 * 20
    assert settings["eval_every"]["value"] == 5


def test_the_same_command_again_trains_nothing(done):
    out, told, words = done
    again = ablated(out, *words)
    assert again["runs"] == []
    assert again["tables"] == told["tables"]
    assert again["estimates"] == told["estimates"]


def test_another_question_finds_the_runs_of_the_first(done, tmp_path):
    out = shutil.copytree(done[0], tmp_path / "copy")
    more = ablated(out, "scale", "loss=bce", "--seeds", "3", "--rates", ".005,.02")
    assert {run["change"] for run in more["runs"]} == {"scale=learned"}


def test_the_page_needs_no_network(done):
    out, told, _ = done
    page = (out / "ablation.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert told["summary"].split(":")[0] in page


def test_the_text_holds_every_change(done):
    out, told, _ = done
    text = (out / "ablation.md").read_text()
    assert all(f"| {name} |" in text for name in rows(told))


def test_the_report_says_how_to_go_back(done):
    _, told, _ = done
    commands = dict(told["commands"])
    back = next(command for command, what in commands.items() if "before any change" in what)
    assert rows(told)["anchor"]["runs"][0] in back


def test_going_on_and_back_leaves_the_judged_runs_as_they_are(done, tmp_path):
    out, told, words = done
    kept = {file: file.read_bytes() for file in out.glob("runs/**/*.json*")}
    onwards = [one for one, what in told["commands"] if "copy that goes on" in what]
    assert len(onwards) == 3
    for command in onwards[-2:]:
        said = say(*shlex.split(command)[1:], "--json")
        assert said.code == 0, said.err
        went = Path(said.json["runs"][0])
        assert went.is_relative_to(out / "onwards")
        assert (
            lines(went, "train")[-1]["step"] > lines(Path(command.split()[3]), "train")[-1]["step"]
        )
    assert all(file.read_bytes() == held for file, held in kept.items())
    again = ablated(out, *words)
    assert again["runs"] == []


def test_a_run_that_fails_is_counted_and_stops_nothing(tmp_path):
    told = ablated(tmp_path, "--try", "lr=1e30", "--try", "dim=4", "--seeds", "1", "--rates", ".01")
    failed = rows(told)["lr=1e+30"]
    assert failed["verdict"] == "failed"
    assert "not finite" in failed["why"]
    assert failed["unstable"] == 1.0
    assert rows(told)["dim=4"]["runs"]


class Impatient(Quiet):
    """Asks to stop when the second run has ended."""

    def line(self, text=""):
        if text.strip().startswith("2 of"):
            raise KeyboardInterrupt


def test_an_interrupted_ablation_goes_on(tmp_path):
    ask = Ask("comirec", ("scale", *TINY), variant="dr", seeds=2, rates=(0.01,), out=tmp_path)
    with pytest.raises(Interrupted, match="same `polyrec ablate` command"):
        ablate(ask, Impatient())
    assert not json.loads((tmp_path / "ablation.json").read_text())["finished"]
    told = ablate(ask)
    assert len(told["runs"]) == 2
    assert len(rows(told)["anchor"]["runs"]) == len(rows(told)["scale=learned"]["runs"]) == 2


def test_a_dry_run_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    said = say("ablate", "comirec", "scale", "--dry-run", "--out", out, *SMALL)
    assert said.code == 0
    assert "estimate: 2 variants" in said.out
    assert "timing 1 of 1 from dr: scale=learned" in said.out
    assert not out.exists()


def test_what_cannot_be_tried_is_said(tmp_path):
    said = say("ablate", "comirec", "count", "--dry-run", "--out", tmp_path / "o", *SMALL)
    assert "not tried: count=20: refused: 320 unique negatives from 150 items" in said.out


def test_two_anchors_are_held_against_each_other(tmp_path):
    said = say("ablate", "comirec", "init", "--seeds", "1", "--rates", ".01", "--json", "--out",
               tmp_path, *TINY)  # fmt: skip
    assert [table["anchor"] for table in said.json["tables"]] == ["sa", "dr"]
    assert [name for name, _ in said.json["anchors"]] == ["dr - sa"]


@pytest.mark.slow
def test_processes_of_their_own_give_the_same_figures(tmp_path):
    words = ("scale", "--seeds", "2", "--rates", ".005,.02")
    here = ablated(tmp_path / "here", *words)
    there = ablated(tmp_path / "there", *words, "--jobs", "2")
    for name, row in rows(here).items():
        assert rows(there)[name]["value"] == row["value"]
        assert rows(there)[name]["effect"] == row["effect"]


# In-batch negatives are as popular as the targets: without ln q a softmax loss learns what a person
# prefers beyond popularity, and lists the unpopular. Short lists show it.
SHORT = ("select_by=ndcg@10", "k=10")
PLANTED = [
    pytest.param("retail_tiny", ("dim=16", "hidden=16", "batch=64", "max_steps=600",
                                 "eval_every=300")),
    pytest.param("retail_demo", ("dim=32", "hidden=32", "max_steps=800", "eval_every=400"),
                 marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize(("world", "settings"), PLANTED)
def test_in_batch_without_log_q_is_dropped_where_popularity_confounds(world, settings, tmp_path):
    base = tmp_path / "base.toml"
    base.write_text('negatives = "in_batch"\n')
    words = ("loss=uncorrected", f"world={world}", *settings, *SHORT)
    ask = Ask("comirec", words, variant="youtube_dnn", file=base, seeds=3, rates=(0.01,),
              out=tmp_path / "out")  # fmt: skip
    told = rows(ablate(ask))["loss=uncorrected"]
    assert told["verdict"] == "drop"
    assert told["effect"]["high"] < 0
