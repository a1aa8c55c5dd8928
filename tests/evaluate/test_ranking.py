"""From a recommender and questions to a report, to disk and back."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from polyrec.evaluate import (
    Setting,
    load,
    ranking,
    rejudge,
    sampled,
    save,
    slice_table,
    table,
)
from polyrec.index import ranks, top
from polyrec.metrics import Catalogue
from polyrec.types import Ragged, Requests, TopK

N, R = 80, 300


@dataclass(frozen=True)
class Questions:
    """A part of a split, small and in memory."""

    key: torch.Tensor
    cluster: torch.Tensor
    truth: Ragged
    history: Ragged
    dropped: dict = field(default_factory=dict)
    hash: str = "abc"

    def __len__(self):
        return len(self.key)

    def requests(self, rows):
        return Requests(self.cluster[rows], self.history.select(rows))


@dataclass(frozen=True)
class Nearest:
    """A fixed query for each person."""

    queries: torch.Tensor
    items: torch.Tensor

    def recommend(self, requests, k, exclude=None, among=None):
        ids, scores = top(self.queries[requests.actor], self.items, k, exclude, among)
        return TopK(ids, scores, torch.zeros(len(ids), dtype=torch.int64))

    def ranks(self, requests, truth, exclude=None):
        return ranks(self.queries[requests.actor], self.items, truth, exclude)

    def score(self, requests, ids):
        raise NotImplementedError


def world(seed=0, truth=None):
    draw = torch.Generator().manual_seed(seed)
    wanted = truth or [
        torch.randint(1, N + 1, (1 + r % 4,), generator=draw).tolist() for r in range(R)
    ]
    seen = [torch.randint(1, N + 1, (r % 7,), generator=draw).tolist() for r in range(len(wanted))]
    people = torch.arange(len(wanted))
    questions = Questions(people + 1000, people, Ragged.of(wanted), Ragged.of(seen))
    queries = torch.randn(len(wanted), 3, 5, generator=draw)
    return Nearest(queries, torch.randn(N + 1, 5, generator=draw)), questions


def setting(**other):
    counts = torch.arange(N + 1)
    return Setting(
        counts=counts,
        categories=counts % 5,
        activity=torch.arange(R) % 60,
        part="test",
        split="leave-one-out",
        **other,
    )


METRICS = ["recall", "ndcg", "hit_rate", "mrr", "map", "precision", "coverage", "novelty"]


def report(**other):
    rec, questions = world()
    return ranking(
        rec, questions, [*METRICS, "diversity", "gini"], [5, 10], setting=setting(**other)
    )


REPORT = report(ranks="full")


def test_every_metric_at_every_k_has_a_value_inside_its_interval():
    assert len(REPORT.values) == 20
    for value in REPORT.values.values():
        assert value.low <= value.value <= value.high


def test_values_are_means_of_what_is_kept_per_request():
    for name, each in REPORT.per_request.items():
        assert float(each.nanmean()) == pytest.approx(REPORT.values[name].value)


def test_a_shorter_k_is_judged_as_if_asked_alone():
    rec, questions = world()
    alone = ranking(rec, questions, METRICS, [5], setting=setting())
    for name, value in alone.values.items():
        assert value.value == REPORT.values[name].value


def test_the_block_size_changes_nothing():
    small = report(rows=7)
    assert small.to_json()["metrics"].keys() == REPORT.to_json()["metrics"].keys()
    for name in REPORT.values:
        assert small.values[name].value == REPORT.values[name].value


def test_seen_items_are_left_out_where_the_setting_says_so():
    rec, questions = world()
    got = ranking(rec, questions, ["recall"], [10], setting=setting(exclude="history"))
    for r, row in enumerate(got.ranked.ids.tolist()):
        assert not set(row) & set(questions.history.select(torch.tensor([r])).values.tolist())
    assert got.values["recall@10"].passport.excluded == "history"


def test_requests_without_truth_are_dropped_and_counted():
    truth = [[1], [], [3], []]
    rec, questions = world(truth=truth)
    questions = replace(questions, dropped={"cold user": 7})
    got = ranking(rec, questions, ["recall"], [3], setting=Setting(items=N))
    passport = got.values["recall@3"].passport
    assert passport.requests == 2
    assert passport.dropped == (("cold user", 7), ("without truth", 2))
    assert got.key.tolist() == [1000, 1002]


def test_unknown_wanted_items_stay_as_misses_and_are_counted():
    rec, questions = world(truth=[[1, 0, 0], [2]])
    kept = ranking(rec, questions, ["recall"], [N], setting=Setting(items=N))
    assert kept.per_request[f"recall@{N}"].tolist() == pytest.approx([1 / 3, 1])
    assert kept.values[f"recall@{N}"].passport.unknown == 2


def test_unknown_wanted_items_are_dropped_on_request():
    rec, questions = world(truth=[[1, 0], [0], [2]])
    got = ranking(rec, questions, ["recall"], [N], setting=Setting(items=N, cold="drop"))
    assert got.per_request[f"recall@{N}"].tolist() == [1, 1]
    assert got.values[f"recall@{N}"].passport.cold == "dropped"


def test_no_request_left_says_why():
    rec, questions = world(truth=[[], []])
    questions = replace(questions, dropped={"cold users": 88})
    message = r"0 requests after filtering \(88 cold users, 2 without truth\): use a larger"
    with pytest.raises(ValueError, match=message):
        ranking(rec, questions, ["recall"], [3], setting=Setting(items=N))


def test_more_places_than_candidates_is_an_error_with_both_numbers():
    rec, questions = world()
    with pytest.raises(ValueError, match="k=81, but there are 80 candidates"):
        ranking(rec, questions, ["recall"], [81], setting=Setting(items=N))


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    rec, questions = world()
    with pytest.raises(KeyError, match="did you mean 'recall'"):
        ranking(rec, questions, ["recal"], [5], setting=Setting(items=N))


def test_an_unknown_dialect_is_refused_with_the_nearest_name():
    rec, questions = world()
    with pytest.raises(KeyError, match="did you mean 'recbole'"):
        ranking(rec, questions, ["recall"], [5], setting=Setting(items=N, dialect="recbol"))


def test_a_broken_score_names_request_and_place():
    class Broken(Nearest):
        def recommend(self, requests, k, exclude=None, among=None):
            got = super().recommend(requests, k, exclude, among)
            got.scores[4, 1] = float("nan")
            return got

    rec, questions = world()
    with pytest.raises(ValueError, match="request 1004, place 2: score nan"):
        ranking(
            Broken(rec.queries, rec.items), questions, ["recall"], [5], setting=Setting(items=N)
        )


def test_ties_are_counted_and_reported():
    rec, questions = world()
    flat = Nearest(torch.ones_like(rec.queries), torch.ones_like(rec.items))
    got = ranking(flat, questions, ["recall"], [5], setting=Setting(items=N))
    assert got.values["recall@5"].passport.tied == 1
    assert REPORT.values["recall@5"].passport.tied == 0


def test_a_list_with_duplicates_raises_the_flag():
    class Twice(Nearest):
        def recommend(self, requests, k, exclude=None, among=None):
            got = super().recommend(requests, k, exclude, among)
            got.ids[0, 1] = got.ids[0, 0]
            return got

    rec, questions = world()
    twice = Twice(rec.queries, rec.items)
    got = ranking(twice, questions, ["recall"], [5], setting=Setting(items=N))
    assert got.values["recall@5"].passport.duplicates == 1


def test_full_ranks_agree_with_the_lists():
    lists, ranked = REPORT.evidence.lists, REPORT.ranked
    for r in range(0, R, 17):
        for place, item in zip(*[x.tolist() for x in rank_and_item(lists, r)], strict=True):
            row = ranked.ids[r].tolist()
            assert (row.index(item) + 1 if item in row else 99) == (place if place <= 10 else 99)


def rank_and_item(lists, r):
    here = slice(int(lists.truth.start[r]), int(lists.truth.start[r + 1]))
    return lists.ranks[here], lists.truth.values[here]


def test_slices_part_the_requests_and_their_means_make_the_total():
    for slicing in ("activity", "popularity", "history"):
        parts = REPORT.slices[slicing].values()
        n = sum(part["ndcg@10"].n for part in parts)
        total = sum(part["ndcg@10"].n * part["ndcg@10"].value for part in parts)
        assert n == R
        assert total / n == pytest.approx(REPORT.value("ndcg@10"))


def test_small_slices_are_marked():
    every = [part["recall@5"] for parts in REPORT.slices.values() for part in parts.values()]
    assert {s.small for s in every} == {True, False}
    assert all(s.small == (s.n < 100 or s.positives < 20) for s in every)


def test_judged_again_from_disk_gives_the_same_numbers(tmp_path):
    again = load(save(REPORT, tmp_path, "test@42"))
    catalogue = setting().catalogue
    fresh = rejudge(again, [*METRICS, "diversity", "gini"], [5, 10], catalogue=catalogue)
    assert again.to_json() == REPORT.to_json()
    assert fresh.to_json() == REPORT.to_json()
    for name, each in REPORT.per_request.items():
        assert torch.equal(fresh.per_request[name], each)
        assert torch.equal(again.per_request[name], each)


def test_the_file_lies_where_every_reader_looks(tmp_path):
    assert save(REPORT, tmp_path, "valid@7") == tmp_path / "values" / "valid@7.parquet"


def test_stored_lists_are_judged_in_another_dialect(tmp_path):
    again = rejudge(load(save(REPORT, tmp_path, "test@1")), ["ndcg"], [10], "comirec-master")
    assert again.value("ndcg@10") > REPORT.value("ndcg@10")
    assert again.values["ndcg@10"].passport.formula == "comirec-master.ndcg/1"


def test_a_k_beyond_the_stored_lists_is_an_error():
    with pytest.raises(ValueError, match="stored lists hold 10"):
        rejudge(REPORT, ["ndcg"], [20])


def test_a_damaged_file_is_named(tmp_path):
    path = save(REPORT, tmp_path, "test@1")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"test@1.parquet is damaged"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="evaluate the run first"):
        load(tmp_path / "values" / "test@1.parquet")


def test_sampled_candidates_come_from_full_ranks_and_are_named_so():
    got = sampled(REPORT, ["ndcg", "hit_rate"], 10, 30)
    assert set(got) == {"ndcg@10[u30]", "hit_rate@10[u30]"}
    assert got["ndcg@10[u30]"].value > REPORT.value("ndcg@10")


def test_sampled_candidates_without_full_ranks_are_refused():
    with pytest.raises(ValueError, match="ranks='full'"):
        sampled(report(), ["ndcg"], 10, 30)


def test_the_expected_sampled_value_is_the_mean_over_real_draws():
    lists = REPORT.evidence.lists
    draw = torch.Generator().manual_seed(1)
    above = lists.ranks - 1
    chance = (above / (N - 1)).expand(20_000, -1)
    place = 1 + torch.binomial(torch.full_like(chance, 30.0), chance, generator=draw)
    hit = (place <= 10).double().mean(0)
    each = torch.bincount(lists.truth.row, weights=hit) / lists.truth.lengths
    got = sampled(REPORT, ["hit_rate"], 10, 30)["hit_rate@10[u30]"]
    assert got.value == pytest.approx(float(each.mean()), abs=0.002)


def test_pooled_dialects_have_an_interval_around_their_ratio():
    got = rejudge(REPORT, ["precision"], [10], "implicit").values["precision@10"]
    ranked = REPORT.ranked
    assert got.value == pytest.approx(
        int(ranked.hit.sum()) / int(ranked.wanted.clamp(max=10).sum())
    )
    assert got.low < got.value < got.high
    assert got.passport.averaging == "pooled"


def test_a_person_with_many_requests_is_one_unit():
    rec, questions = world()
    questions = replace(questions, cluster=torch.arange(R) // 3)
    got = ranking(rec, questions, ["recall"], [5], setting=Setting(items=N))
    assert got.values["recall@5"].units == 100
    assert got.values["recall@5"].unit == "people"


def test_the_table_prints_value_interval_and_meaning():
    text = table(REPORT)
    assert f"{REPORT.value('recall@10'):.4f}" in text
    assert "dialect polyrec · candidates full" in text
    assert slice_table(REPORT, "ndcg@10").count("\n") >= 9


def test_the_report_as_json_survives_json():
    import json

    assert json.loads(json.dumps(REPORT.to_json())) == REPORT.to_json()


def test_a_value_the_report_does_not_have_is_an_error_that_lists_what_it_has():
    with pytest.raises(KeyError, match="recall@5"):
        REPORT.value("recall@50")


def test_a_missing_category_table_is_refused_before_the_lists_are_judged():
    rec, questions = world()
    with pytest.raises(ValueError, match="categories"):
        ranking(rec, questions, ["diversity"], [5], setting=Setting(items=N))


def test_an_evaluation_without_catalogue_still_knows_coverage_after_all():
    rec, questions = world()
    got = ranking(rec, questions, ["coverage"], [5], setting=Setting(items=N))
    want = len(set(got.ranked.ids.flatten().tolist())) / N
    assert got.value("coverage@5") == pytest.approx(want)
    assert Catalogue(N).counts is None


def test_an_interval_of_a_bounded_metric_never_leaves_its_range_on_either_side():
    everything = [[item] for item in range(1, N + 1)] * 9
    queries = torch.nn.functional.one_hot(torch.arange(len(everything)) % N, N)[:, None].float()
    items = torch.cat([torch.zeros(1, N), torch.eye(N)])
    people = torch.arange(len(everything))
    questions = Questions(people, people, Ragged.of(everything), Ragged.of([[]] * len(people)))
    got = ranking(Nearest(queries, items), questions, ["coverage"], [1], setting=Setting(items=N))
    value = got.values["coverage@1"]
    assert value.value == 1
    assert 0 <= value.low <= value.high <= 1
