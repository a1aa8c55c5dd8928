"""Comparing what has no value a request: the variety of all lists at once."""

import pytest
import torch

from polyrec.evaluate import Evidence, Lists, Wanted, judge
from polyrec.metrics import Catalogue, Passport
from polyrec.trust import compare
from polyrec.types import Ragged

R, N, K = 150, 400, 5


def report(seed, low=1):
    draw = torch.Generator().manual_seed(seed)
    ids = torch.stack([torch.randperm(N - low + 1, generator=draw)[:K] + low for _ in range(R)])
    rows = torch.arange(R)
    truth = Ragged.of([[1 + r % N] for r in range(R)])
    lists = Lists(rows, rows, ids, -ids.float(), torch.full((R,), torch.nan), rows * 0, truth)
    evidence = Evidence(lists, Passport("", requests=R), Catalogue(N, torch.ones(N + 1)))
    return judge(evidence, Wanted(["coverage", "gini", "novelty", "recall"], [K]))


WIDE, NARROW = [report(s) for s in range(3)], [report(s + 9, low=201) for s in range(3)]


@pytest.mark.parametrize(("metric", "verdict"), [("coverage@5", "better"), ("gini@5", "worse")])
def test_wider_lists_are_told_from_narrow_ones(metric, verdict):
    got = compare(WIDE, NARROW, metric)
    assert got.test == "paired bootstrap t"
    assert got.verdict == verdict
    want = WIDE[0].value(metric) - NARROW[0].value(metric)
    assert got.difference == pytest.approx(want, abs=0.05)


def test_seeds_of_one_recipe_are_not_separated():
    assert compare(WIDE[:2], WIDE[1:], "coverage@5").verdict.startswith("not separated")


def test_reports_in_another_order_are_refused_for_such_a_metric():
    from dataclasses import replace

    lists = WIDE[1].evidence.lists
    turned = replace(lists, key=lists.key.flip(0))
    other = replace(WIDE[1], evidence=replace(WIDE[1].evidence, lists=turned))
    with pytest.raises(ValueError, match="same order"):
        compare(WIDE[:1], [other], "coverage@5")
