"""Every metric of every dialect keeps its promises."""

import numpy as np
import pytest
import torch

from polyrec.metrics import DIALECTS, RANKING, SYSTEM, Catalogue, match
from polyrec.types import Ragged

EVERY = [(d, m) for d, kind in DIALECTS.items() for m in kind.formulas]
OURS = list(RANKING)


def case(seed, requests=120, k=8, n=30):
    draw = np.random.default_rng(seed)
    lists = np.stack([draw.permutation(n)[:k] + 1 for _ in range(requests)])
    truth = [(draw.permutation(n)[: draw.integers(1, 12)] + 1).tolist() for _ in range(requests)]
    return lists, truth


def ranked_of(lists, truth):
    rows = torch.arange(len(truth))
    return match(rows, rows, torch.as_tensor(np.asarray(lists)), Ragged.of(truth))


@pytest.mark.parametrize(("name", "metric"), EVERY)
def test_values_lie_between_zero_and_one(name, metric):
    formula = DIALECTS[name].formula(metric)
    parts = formula.parts
    from polyrec.metrics import hits

    got = parts(hits(ranked_of(*case(0)), 8))
    value = got.top.sum() / got.bottom.sum()
    assert 0 <= float(value) <= 1
    if formula.averaging == "request":
        assert (got.top >= 0).all()
        assert (got.top <= 1 + 1e-12).all()


@pytest.mark.parametrize(("name", "metric"), EVERY)
def test_the_contributions_average_to_the_metric(name, metric):
    from polyrec.metrics import hits

    formula, ranked = DIALECTS[name].formula(metric), ranked_of(*case(1))
    got = formula.parts(hits(ranked, 8))
    want = float(got.top.sum() / got.bottom.sum())
    assert float(formula(ranked, 8).mean()) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize(("name", "metric"), EVERY)
def test_a_formula_says_what_it_is(name, metric):
    assert len(DIALECTS[name].formula(metric).text) > 8
    assert DIALECTS[name].doc


@pytest.mark.parametrize("metric", [m for m in OURS if m != "precision"])
def test_a_perfect_list_has_value_one(metric):
    truth = [list(range(1, 1 + r)) for r in range(1, 8)]
    lists = [(row + list(range(20, 30)))[:8] for row in truth]
    assert RANKING[metric](ranked_of(lists, truth), 8).tolist() == pytest.approx([1.0] * 7)


@pytest.mark.parametrize("metric", OURS)
def test_no_hit_has_value_zero(metric):
    assert float(RANKING[metric](ranked_of([[5, 6, 7]], [[1, 2]]), 3)) == 0


@pytest.mark.parametrize("metric", OURS)
def test_moving_a_hit_up_never_lowers_the_value(metric):
    lists, truth = case(2)
    before = RANKING[metric](ranked_of(lists, truth), 8)
    for row, wanted in zip(lists, truth, strict=True):
        places = [j for j in range(1, 8) if row[j] in wanted and row[j - 1] not in wanted]
        if places:
            j = places[-1]
            row[[j - 1, j]] = row[[j, j - 1]]
    after = RANKING[metric](ranked_of(lists, truth), 8)
    assert (after >= before - 1e-12).all()


@pytest.mark.parametrize(("name", "metric"), EVERY)
def test_permuting_the_misses_changes_nothing(name, metric):
    lists, truth = case(3)
    swapped = lists.copy()
    for row, wanted in zip(swapped, truth, strict=True):
        misses = [j for j in range(8) if row[j] not in wanted]
        row[misses] = row[misses[::-1]]
    formula = DIALECTS[name].formula(metric)
    assert torch.equal(formula(ranked_of(lists, truth), 8), formula(ranked_of(swapped, truth), 8))


@pytest.mark.parametrize(("name", "metric"), EVERY)
def test_values_do_not_depend_on_the_ids_themselves(name, metric):
    lists, truth = case(4)
    rename = np.random.default_rng(9).permutation(30) + 1000
    renamed = [[int(rename[i - 1]) for i in row] for row in truth]
    formula = DIALECTS[name].formula(metric)
    a = formula(ranked_of(lists, truth), 8)
    b = formula(ranked_of(rename[lists - 1], renamed), 8)
    assert torch.equal(a, b)


def loops(row, wanted, k):
    """Each metric in the plainest words."""
    row, n = list(row[:k]), len(set(wanted))
    hit = [int(i in wanted) for i in row]
    g = [1 / np.log2(j + 2) for j in range(max(k, n))]
    dcg = sum(h * x for h, x in zip(hit, g, strict=False))
    ap = sum(sum(hit[: j + 1]) / (j + 1) for j in range(k) if hit[j])
    ndcg = dcg / sum(g[: min(n, k)])
    return {
        "recall": sum(hit) / n,
        "recall_capped": sum(hit) / min(n, k),
        "precision": sum(hit) / k,
        "hit_rate": float(sum(hit) > 0),
        "mrr": 1 / (hit.index(1) + 1) if sum(hit) else 0.0,
        "map": ap / min(n, k),
        "ndcg": ndcg,
        "sequence_score": 0.31 * (sum(hit) > 0) + 0.69 * ndcg,
    }


@pytest.mark.parametrize("metric", OURS)
@pytest.mark.parametrize("k", [1, 5, 8])
def test_every_metric_equals_a_plain_loop_on_a_thousand_random_cases(metric, k):
    lists, truth = case(5, requests=1000)
    got = RANKING[metric](ranked_of(lists, truth), k).tolist()
    want = [loops(row, wanted, k)[metric] for row, wanted in zip(lists, truth, strict=True)]
    assert got == pytest.approx(want, abs=1e-12)


CATALOGUE = Catalogue(
    30,
    counts=torch.arange(31),
    categories=torch.arange(31) % 4,
    vectors=torch.randn(31, 6, generator=torch.Generator().manual_seed(0)),
)


def system_value(name, ids):
    metric = SYSTEM[name]
    if metric.of == "whole":
        return float(metric.of_all(ids, CATALOGUE)[0])
    parts = metric.parts(ids, CATALOGUE)
    return float(parts.top.sum() / parts.bottom.sum())


def system_loops(name, ids):
    lists = [[i for i in row if i] for row in ids.tolist()]
    shown = [i for row in lists for i in row]
    counts = CATALOGUE.counts.tolist()
    if name == "coverage":
        return len(set(shown)) / 30
    if name == "coverage_seen":
        return len(set(shown)) / sum(c > 0 for c in counts[1:])
    if name == "gini":
        x = [shown.count(i) for i in range(1, 31)]
        return sum(abs(a - b) for a in x for b in x) / (2 * 30 * sum(x))
    if name == "novelty":
        total = sum(counts) + 30
        return np.mean([-np.log2((counts[i] + 1) / total) for i in shown])
    values = []
    for row in lists:
        if name == "diversity":
            row = [i for i in row if CATALOGUE.categories[i]]
        pairs = [(a, b) for x, a in enumerate(row) for b in row[x + 1 :]]
        if name == "diversity":
            worth = [float(CATALOGUE.categories[a] != CATALOGUE.categories[b]) for a, b in pairs]
        else:
            cos = torch.nn.functional.cosine_similarity
            worth = [
                1 - float(cos(CATALOGUE.vectors[a], CATALOGUE.vectors[b], 0)) for a, b in pairs
            ]
        if pairs:
            values.append(np.mean(worth))
    return np.mean(values)


@pytest.mark.parametrize("name", list(SYSTEM))
def test_every_system_metric_equals_a_plain_loop(name):
    ids = torch.tensor(case(6, requests=40)[0])
    ids[3, 5:] = 0
    ids[4, 1:] = 0
    assert system_value(name, ids) == pytest.approx(system_loops(name, ids), abs=1e-6)


@pytest.mark.parametrize("name", [n for n, metric in SYSTEM.items() if metric.needs])
def test_a_system_metric_without_its_figures_is_refused_by_name(name):
    metric, ids = SYSTEM[name], torch.ones(2, 3, dtype=torch.int64)
    ask = metric.of_all if metric.of == "whole" else metric.parts
    with pytest.raises(ValueError, match=metric.needs):
        ask(ids, Catalogue(5))


def test_ir_measures_agrees():
    import ir_measures
    from ir_measures import AP, RR, P, R, Success, nDCG

    lists, truth = case(7, requests=60)
    qrels = {str(r): {str(i): 1 for i in wanted} for r, wanted in enumerate(truth)}
    run = {str(r): {str(i): 8.0 - j for j, i in enumerate(row)} for r, row in enumerate(lists)}
    pairs = {
        nDCG @ 5: "ndcg",
        R @ 5: "recall",
        P @ 5: "precision",
        Success @ 5: "hit_rate",
        RR @ 5: "mrr",
    }
    got = ir_measures.calc_aggregate(list(pairs), qrels, run)
    for measure, name in pairs.items():
        ours = float(RANKING[name](ranked_of(lists, truth), 5).mean())
        assert ours == pytest.approx(got[measure], abs=1e-6)
    ap = ir_measures.calc_aggregate([AP @ 8], qrels, run)[AP @ 8]
    rectools = DIALECTS["rectools"].formula("map")  # divided by all wanted, as in TREC
    assert float(rectools(ranked_of(lists, truth), 8).mean()) == pytest.approx(ap, abs=1e-6)
