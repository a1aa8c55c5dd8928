"""The page says what the folder holds, says what it lacks, and needs nothing but itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from polyrec import report
from polyrec.report import collect, comparison_page, run_page
from polyrec.report.page import ComparisonPage, Figure, Rival, RunPage, Versus
from polyrec.report.verdict import verdict

from .folder import documents, made

SECTIONS = (
    "Beside baselines",
    "Figures",
    "Learning curves",
    "Slices",
    "Interests",
    "Data",
    "Settings",
    "How it ended",
    "Environment",
    "Try next",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("runs") / "comirec-dr-1")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return run_page(collect(folder))


class Balance(HTMLParser):
    """Fails where a tag is closed that was not opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        return None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    return parser


@pytest.mark.parametrize("section", SECTIONS)
def test_a_full_run_shows_every_section(html: str, section: str) -> None:
    assert section in read(html).words


def test_a_full_run_misses_nothing(html: str) -> None:
    assert "Not recorded" not in html


def test_the_page_needs_no_network_and_no_script(html: str) -> None:
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(|javascript:", html)


@pytest.mark.parametrize("section", SECTIONS[:-1])
def test_an_empty_folder_says_what_is_not_recorded(tmp_path: Path, section: str) -> None:
    page = run_page(collect(tmp_path))
    assert section in read(page).words
    assert page.count("Not recorded") >= 9


@pytest.mark.parametrize("name", [*documents(), "metrics.jsonl"])
def test_a_missing_file_never_stops_the_page(tmp_path: Path, name: str) -> None:
    made(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    read(run_page(collect(tmp_path / "run")))


@pytest.mark.parametrize("name", [*documents(), "metrics.jsonl"])
@pytest.mark.parametrize("rubbish", ["{", "[1, 2]", '{"values": 3, "data": [], "cosine": "x"}'])
def test_a_damaged_file_never_stops_the_page(tmp_path: Path, name: str, rubbish: str) -> None:
    made(tmp_path / "run")
    (tmp_path / "run" / name).write_text(rubbish)
    read(run_page(collect(tmp_path / "run")))


def test_a_damaged_file_is_named_on_the_page(tmp_path: Path) -> None:
    made(tmp_path / "run")
    (tmp_path / "run" / "probe.json").write_text("{")
    assert "Could not be read: probe.json" in run_page(collect(tmp_path / "run"))


def test_keys_from_other_peoples_files_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"

    def poisoned(held: object) -> object:
        if isinstance(held, dict):
            return {(k if k in KNOWN else evil + k): poisoned(v) for k, v in held.items()} | {
                "note" + evil: evil
            }
        if isinstance(held, list):
            return [poisoned(cell) for cell in held]
        return evil if isinstance(held, str) else held

    folder = made(tmp_path / "run")
    for name, held in documents().items():
        (folder / name).write_text(json.dumps(poisoned(held)))
    page = run_page(collect(folder))
    assert "<img" not in page
    assert "&lt;img src=x" in page
    read(page)


KNOWN = {
    *("value", "low", "high", "n", "short", "passport", "values", "slices", "baselines", "ceiling"),
    *("by", "name", "metric", "data", "counts", "filter", "before", "after", "notes", "split"),
    *("environment", "reference", "points", "band", "source", "cosine", "answer_shares", "dropped"),
    *("recipe", "variant", "origin", "why"),
}


def test_the_report_is_written_into_the_folder_and_nothing_else_is(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    before = {path.name for path in folder.iterdir()}
    assert report.write(folder) == folder / "report.html"
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        collect(tmp_path / "gone")


def test_the_page_says_what_the_loss_was(html: str) -> None:
    told = "rank: sampled_softmax, 1280 negatives of LogUniform shared by the batch, log q applied"
    assert told in html


def test_the_page_says_what_was_fitted_on_which_parts(html: str) -> None:
    assert "fitted on popularity" in html


def test_a_figure_in_bits_does_not_squeeze_the_shares(folder: Path) -> None:
    page = collect(folder)
    bits = replace(page, figures=(*page.figures, Figure("novelty@50", 10.0, 9.9, 10.1)))
    bars = run_page(page).count('class="bar"')
    assert run_page(bits).count('class="bar"') == bars


def test_a_small_slice_is_grey(folder: Path) -> None:
    page = collect(folder)
    assert [one.small for one in page.slices] == [False, False, True, False, False]
    assert '<span class="small">32 and more</span>' in run_page(page)


def test_a_long_log_is_thinned(tmp_path: Path) -> None:
    lines = [{"kind": "train", "step": step, "loss": 1.0} for step in range(5_000)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert len(collect(tmp_path).tracks[0].points) <= 240


def test_steps_of_a_second_stage_go_on_after_the_first(tmp_path: Path) -> None:
    lines = [
        {"kind": "train", "stage": stage, "step": step, "losses": {"rank": 1.0}}
        for stage in ("one", "two")
        for step in (10, 20)
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [x for x, _ in collect(tmp_path).tracks[0].points] == [10, 20, 30, 40]


def page(own: tuple[float, float, float], rival: tuple[float, float, float]) -> RunPage:
    return RunPage(
        title="run",
        primary="recall@50",
        figures=(Figure("recall@50", *own, n=500),),
        rivals=(Rival("popularity", (Figure("recall@50", *rival),)),),
    )


def test_the_verdict_names_the_best_baseline_and_the_side() -> None:
    told = verdict(page((0.4, 0.39, 0.41), (0.2, 0.19, 0.21)))
    assert "above the best baseline, popularity at 0.2000 (2.00 times it)." in told


def test_the_verdict_claims_nothing_where_intervals_touch() -> None:
    assert "must tell whether they differ" in verdict(page((0.4, 0.3, 0.5), (0.35, 0.3, 0.45)))


def test_the_verdict_says_when_a_baseline_is_better() -> None:
    assert "below the best baseline" in verdict(page((0.1, 0.09, 0.11), (0.2, 0.19, 0.21)))


def test_the_verdict_of_an_unjudged_run_says_so() -> None:
    assert "not been judged" in verdict(RunPage("run"))


def test_a_comparison_shows_tests_figures_and_differing_settings(folder: Path) -> None:
    one = collect(folder)
    changed = replace(one.settings[0], value="0.005")
    other = replace(one, title="other", settings=(changed, *one.settings[1:]))
    tests = (Versus("recall@50", 0.012, 0.004, 0.02, 0.003, "better", 500, "3 against 3"),)
    html = comparison_page(ComparisonPage("dr or sa", (one, other), (("dr - sa", tests),)))
    words = read(html).words
    assert {"dr or sa", "Tests", "better", "+0.0120", "Settings that differ"} <= set(words)
    assert "<code>lr</code>" in html
    assert "<code>dim</code>" not in html


def test_a_comparison_of_unjudged_runs_says_so(tmp_path: Path) -> None:
    html = comparison_page(ComparisonPage("none", (RunPage("a"), RunPage("b"))))
    assert html.count("Not recorded") == 2


def test_a_log_that_nothing_was_filtered_from_says_so(folder: Path) -> None:
    page = run_page(replace(collect(folder), filters=()))
    assert "Filters: none." in page
    assert "Not recorded" not in page


def test_one_vector_a_person_has_no_interests_to_show(folder: Path) -> None:
    page = collect(folder)
    assert page.interests is not None
    one = replace(page.interests, cosine=(), shares=(1.0,))
    assert "Interests" not in read(run_page(replace(page, interests=one))).words


def test_what_was_found_in_a_run_stands_on_its_page(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    assert "What was found in it" not in run_page(collect(folder))  # nothing was looked at
    ill = {"rule": "F6", "kind": "fault", "evidence": "effective rank 1.8 of 128",
           "meaning": "run together", "remedy": "more negatives"}  # fmt: skip
    for found, words in (
        ([], "No fault in what could be checked"),
        ([ill], "effective rank 1.8 of 128"),
    ):
        (folder / "run.json").write_text(json.dumps(about | {"findings": found}))
        page = run_page(collect(folder))
        assert "What was found in it" in read(page).words
        assert words in page


def test_the_next_command_asks_as_the_recipe_is_asked(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(about | {"ask": "--user NODE --k 3"}))
    asked = [command for command, _ in collect(folder).next_commands if "recommend" in command]
    assert asked == [f"polyrec recommend {folder} --user NODE --k 3"]
