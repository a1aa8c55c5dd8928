"""Where long work stands: in place on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import pytest

from polyrec.cli.say import Say
from polyrec.experiment.watching import share_done


def test_in_a_pipe_what_comes_after_an_ending_is_said_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say = Say()
    for text, final in (("step 1", False), ("step 2", False), ("done", True), ("judging", False)):
        say.progress(text, final)
    assert capsys.readouterr().out.split("\n")[-3:] == ["done", "judging", ""]


def test_on_a_terminal_an_ending_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    say = Say()
    say.progress("step 1")
    say.progress("done", final=True)
    say.progress("judging")
    assert "done\n\r\033[2Kjudging" in capsys.readouterr().out


def test_json_says_nothing_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    Say(as_json=True).progress("done", final=True)
    assert not capsys.readouterr().out


def test_the_time_left_is_that_of_the_part_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    class Heard:
        def line(self, text: str = "") -> None:
            raise AssertionError(text)

        def progress(self, text: str, final: bool = False) -> None:
            texts.append(text)

    clock = iter((100.0, 110.0))
    monkeypatch.setattr("polyrec.experiment.watching.time.monotonic", lambda: next(clock))
    told = share_done(Heard(), "read")
    told(0.2)
    told(0.4)  # a fifth in ten seconds
    assert texts == ["  read 20%", "  read 40% · 0:30 left"]
