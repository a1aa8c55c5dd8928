"""An ablation's page: everything that was found stands on it, and nothing in it breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polyrec.report.ablation import (
    AblationPage,
    Against,
    Cost,
    Effect,
    Row,
    ablation_page,
    markdown,
    summary,
)

COST = Cost(210.0, 26_880.0, 31.0, 30.0, 6_000.0, 640.0)


def row(name, difference=None, verdict="", why=""):
    effect = None
    if difference is not None:
        effect = Effect("ndcg@10", 0.2 + difference, difference, difference - 0.01,
                        difference + 0.01, 0.02, 0.012)  # fmt: skip
    return Row(
        name, "", 0.2, 0.004, effect, (), verdict, why, 0.01, (), False, COST, 0.0, (), ("r",)
    )


def page(*rows, **more):
    table = Against("a1", "variant dr", "ndcg@10", 5, 500, (row("anchor"), *rows), ())
    about = (("recipe", "comirec"),)
    return replace(AblationPage("Ablation of comirec", about, "", (table,)), **more)


ROWS = (
    row("loss=bce", -0.05, "drop"),
    row("scale=learned", 0.04, "keep"),
    row("init=tf1", 0.002, "undecided", "12,000 more users would decide"),
)


@pytest.mark.parametrize("make", [ablation_page, markdown])
def test_every_change_stands_there_with_its_verdict(make):
    text = make(page(*ROWS))
    for one in ROWS:
        assert one.name in text
        assert one.verdict in text
    assert "12,000 more users would decide" in text


def test_the_picture_has_a_line_for_each_change():
    assert ablation_page(page(*ROWS)).count('class="whisker') == len(ROWS)


def test_the_summary_groups_by_verdict():
    assert summary(page(*ROWS)) == (
        "From a1, on ndcg@10: keep scale=learned; drop loss=bce; undecided init=tf1."
    )


@pytest.mark.parametrize(("mark", "word"), [("weak", "Weak"), ("pilot", "pilot")])
def test_few_seeds_are_said_first(mark, word):
    assert word in summary(page(*ROWS, mark=mark))


def test_what_a_budget_took_away_is_listed_in_order():
    text = ablation_page(page(*ROWS, trims=("first this", "then that")))
    assert text.index("first this") < text.index("then that")


def test_names_are_text_and_never_markup():
    assert "<script>" not in ablation_page(page(row("<script>", 0.1, "keep", "<script>")))


def test_a_page_without_a_finished_change_says_so():
    assert "Not recorded" in ablation_page(page(row("loss=bce", None, "failed", "not finite")))


def test_the_end_of_the_learning_rates_is_starred_in_both_forms():
    starred = page(replace(ROWS[0], at_edge=True))
    for text in (ablation_page(starred), markdown(starred)):
        assert "0.01*" in text
        assert "a better one may lie outside" in text
    assert "*" not in markdown(page(*ROWS)).partition("## Plan")[0].replace("**", "")


def test_a_pilot_s_picture_does_not_call_its_dots_undecided():
    text = ablation_page(page(row("loss=bce", -0.05, "no verdict")))
    legend = text.partition('class="key"')[2].partition("</div>")[0]
    assert "no verdict" in legend
    assert "undecided" not in legend


@pytest.mark.parametrize("make", [ablation_page, markdown])
def test_less_than_a_step_a_second_is_a_speed_too(make):
    assert "0.4" in make(page(replace(ROWS[0], cost=replace(COST, steps_a_second=0.42))))


@pytest.mark.parametrize("make", [ablation_page, markdown])
def test_a_speed_that_nothing_measured_is_a_dash_and_not_zero(make):
    short = replace(COST, steps_a_second=0.0, positives_a_second=0.0)
    assert "–" not in make(page(ROWS[0])).partition("## Plan")[0]
    assert "–" in make(page(replace(ROWS[0], cost=short))).partition("## Plan")[0]


@pytest.mark.parametrize("make", [ablation_page, markdown])
def test_both_forms_show_other_metrics_and_the_whole_cost(make):
    other = Effect("recall@50", 0.7531, 0.0123, 0.001, 0.02, 0.04, 0.01)
    text = make(page(replace(ROWS[0], others=(other,), cost=replace(COST, seconds=4321.0))))
    for told in ("0.7531", "+0.0123", "4,321", "26,880", "6,000"):
        assert told in text
    assert "exploratory" in text
