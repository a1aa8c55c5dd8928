"""Exact search: the same lists as sorting everything, whatever the blocks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyrec.index import Approximate, Exact, estimate_mb, ranks, ranks_scores, top, top_scores
from polyrec.kernels.topk import tie_order
from polyrec.types import Ragged


def vectors(requests=7, interests=3, dim=8, n=50, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (
        torch.randn(requests, interests, dim, generator=draw),
        torch.randn(n + 1, dim, generator=draw),
    )


def by_sorting(scores, k, exclude=None, among=None):
    """Ids of each row: score descending, then hash ascending."""
    rows = []
    for r, row in enumerate(scores.tolist()):
        ids = range(1, len(row)) if among is None else among
        ban = set() if exclude is None else set(exclude[r])
        hashes = tie_order(np.arange(len(row)))
        kept = [i for i in ids if i not in ban and row[i] > -float("inf")]
        kept.sort(key=lambda i: (-row[i], int(hashes[i])))
        rows.append((kept + [0] * k)[:k])
    return rows


def test_lists_equal_sorting_every_score():
    queries, items = vectors(requests=300, n=5000)
    ids, scores = top(queries, items, 10)
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    assert ids.tolist() == by_sorting(full, 10)
    torch.testing.assert_close(scores, full.gather(1, ids))


def test_whole_number_scores_with_many_ties_equal_sorting():
    draw = torch.Generator().manual_seed(3)
    queries = torch.randint(-1, 2, (40, 4, 3), generator=draw).float()
    items = torch.randint(-1, 2, (4500, 3), generator=draw).float()
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    for k in (1, 7, 50):
        assert top(queries, items, k)[0].tolist() == by_sorting(full, k)


def test_a_shorter_list_is_the_start_of_a_longer_one_through_ties():
    queries, items = torch.ones(2, 1, 4), torch.ones(5001, 4)
    assert torch.equal(top(queries, items, 10)[0], top(queries, items, 300)[0][:, :10])


def test_tied_items_do_not_come_in_the_order_of_their_ids():
    ids = top(torch.ones(1, 1, 4), torch.ones(101, 4), 10)[0][0].tolist()
    assert ids != sorted(ids)
    assert max(ids) > 20


def test_excluded_items_never_come_back():
    queries, items = vectors(n=3000)
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    ban = [[*by_sorting(full, 25)[r][: 3 * r], 0] for r in range(7)]
    ids, _ = top(queries, items, 20, exclude=Ragged.of(ban))
    assert ids.tolist() == by_sorting(full, 20, exclude=ban)


def test_only_allowed_items_come_back():
    queries, items = vectors(n=3000)
    among = list(range(5, 3000, 7))
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    ids, _ = top(queries, items, 20, among=torch.tensor(among[::-1]))
    assert ids.tolist() == by_sorting(full, 20, among=among)


def test_id_zero_never_wins_however_high_it_scores():
    queries, items = vectors()
    items[0] = 1000 * queries[0, 0]
    assert (top(queries, items, 50)[0] > 0).all()


def test_short_lists_are_filled_with_id_zero_and_minus_infinity():
    queries, items = vectors(n=3)
    ids, scores = top(queries, items, 5, exclude=Ragged.of([[1]] * 7))
    assert (ids[:, 2:] == 0).all()
    assert (ids[:, :2] > 0).all()
    assert scores[:, 2:].isneginf().all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(1, 60),
    st.integers(0, 10**6),
)
def test_any_shape_equals_sorting(requests, interests, n, k, seed):
    queries, items = vectors(requests, interests, 5, n, seed)
    queries, items = queries.round(), items.round()
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    assert top(queries, items, k)[0].tolist() == by_sorting(full, k)


def test_lists_do_not_depend_on_the_thread_count():
    queries, items = vectors(requests=200, n=9000, dim=64)
    one = top(queries, items, 50)
    torch.set_num_threads(2)
    try:
        two = top(queries, items, 50)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])


def test_a_request_alone_gets_the_bits_it_gets_in_company():
    queries, items = vectors(requests=200, interests=4, n=9000, dim=64)
    ids, scores = top(queries, items, 50)
    alone_ids, alone_scores = top(queries[77:78], items, 50)
    assert torch.equal(alone_ids[0], ids[77])
    assert torch.equal(alone_scores[0], scores[77])


def test_identical_vectors_tie_exactly_in_every_tile():
    queries, items = vectors(requests=3, n=6001, dim=64)
    items[1:] = items[1]
    _, scores = top(queries, items, 6001)
    assert (scores == scores[:, :1]).all()


@pytest.mark.parametrize("where", ["queries", "items"])
def test_nan_is_an_error_that_names_its_place(where):
    queries, items = vectors()
    (queries[4, 1] if where == "queries" else items[9])[2] = float("nan")
    with pytest.raises(ValueError, match="row 4, interest 1" if where == "queries" else "item 9"):
        top(queries, items, 5)


def test_scores_that_could_overflow_are_refused():
    queries, items = vectors()
    with pytest.raises(ValueError, match="float32"):
        top(queries * 1e30, items * 1e30, 5)


def test_a_need_above_the_budget_is_refused_with_the_number():
    queries, items = vectors()
    need = estimate_mb(7, 3, 8, 500_000)
    with pytest.raises(ValueError, match=rf"needs {need:.1f} MB.*budget_mb=5"):
        top(queries, items, 500_000, budget_mb=5)


@pytest.mark.parametrize("wrong", [[0, 1], [51]])
def test_allowed_ids_outside_the_catalogue_are_an_error(wrong):
    queries, items = vectors()
    with pytest.raises(ValueError, match=r"allowed are 1\.\.50"):
        top(queries, items, 5, among=torch.tensor(wrong))


def test_k_below_one_is_an_error():
    with pytest.raises(ValueError, match="k=0"):
        top(*vectors(), 0)


def test_no_requests_give_no_lists():
    queries, items = vectors()
    assert top(queries[:0], items, 5)[0].shape == (0, 5)


def test_scores_of_a_whole_catalogue_give_the_same_lists_as_vectors():
    queries, items = vectors(requests=500, n=3000)
    queries, items = queries.round(), items.round()
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    ban, among = Ragged.of([[1, 2, 3]] * 500), torch.arange(1, 2500)
    for options in ({}, {"exclude": ban}, {"among": among}):
        want = top(queries, items, 9, **options)
        got = top_scores(lambda rows: full[rows], 500, 9, **options, budget_mb=8)
        assert torch.equal(want[0], got[0])


def test_a_score_of_minus_infinity_is_never_listed():
    scores = torch.tensor([[0.0, -float("inf"), 1.0]])
    assert top_scores(lambda rows: scores[rows], 1, 2)[0].tolist() == [[2, 0]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_broken_score_is_an_error_that_names_request_and_item(bad):
    scores = torch.zeros(5, 4)
    scores[3, 2] = bad
    with pytest.raises(ValueError, match="row 3, item 2"):
        top_scores(lambda rows: scores[rows], 5, 2)


def test_shared_memory_scores_are_not_written_to():
    scores = torch.arange(6.0).expand(4, 6)
    top_scores(lambda rows: scores[rows], 4, 2, exclude=Ragged.of([[5]] * 4))
    assert scores[0].tolist() == [0, 1, 2, 3, 4, 5]


def wanted_ranks(scores, truth, exclude=None, among=None):
    n = scores.shape[1] - 1
    lists = by_sorting(scores, n, exclude, among)
    return [
        lists[r].index(i) + 1 if i and i in lists[r] else 0 for r, t in enumerate(truth) for i in t
    ]


def test_full_ranks_equal_sorting_ties_and_exclusions_included():
    draw = torch.Generator().manual_seed(1)
    queries = torch.randint(-2, 3, (30, 4, 3), generator=draw).float()
    items = torch.randint(-2, 3, (2600, 3), generator=draw).float()
    truth = [torch.randint(0, 2600, (r % 5,), generator=draw).tolist() for r in range(30)]
    ban = [torch.randint(1, 2600, (40,), generator=draw).tolist() + t[:1] for t in truth]
    full = torch.einsum("rkd,nd->rkn", queries, items).amax(1)
    among = list(range(1, 2600, 2))
    for options in ({}, {"exclude": ban}, {"among": among}):
        given = {
            "exclude": Ragged.of(options["exclude"]) if "exclude" in options else None,
            "among": torch.tensor(options["among"]) if "among" in options else None,
        }
        want = wanted_ranks(full, truth, **options)
        assert ranks(queries, items, Ragged.of(truth), **given).tolist() == want
        by_block = ranks_scores(lambda rows: full[rows], 30, Ragged.of(truth), **given)
        assert by_block.tolist() == want


def test_a_rank_within_k_is_the_place_in_the_list():
    queries, items = vectors(requests=150, interests=4, n=5000, dim=64)
    ids, _ = top(queries, items, 30)
    got = ranks(queries, items, Ragged.of(ids.tolist())).view(150, 30)
    assert torch.equal(got, torch.arange(1, 31).expand(150, 30))


def test_a_flat_faiss_index_gives_the_same_lists():
    import faiss

    queries, items = vectors(requests=100, interests=4, n=4000, dim=64)
    flat = faiss.IndexFlatIP(64)
    flat.add(items[1:].numpy())
    scores, found = flat.search(queries.reshape(-1, 64).numpy(), 20)
    for r, ids in enumerate(top(queries, items, 20)[0].tolist()):
        best = {}
        for i, s in zip(
            found[4 * r : 4 * r + 4].ravel(), scores[4 * r : 4 * r + 4].ravel(), strict=True
        ):
            best[int(i) + 1] = max(best.get(int(i) + 1, -np.inf), s)
        assert ids == sorted(best, key=lambda i: -best[i])[:20]


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_an_approximate_index_with_full_effort_finds_what_exact_search_finds(kind):
    queries, items = vectors(requests=300, n=400, dim=16)
    ban, among = Ragged.of([[r % 400 + 1, 5] for r in range(300)]), torch.arange(1, 400)
    want = Exact(items).top(queries, 10, ban, among)
    got = Approximate(items, kind, effort=400).top(queries, 10, ban, among)
    assert (want[0] == got[0]).float().mean() > 0.99


def test_an_unknown_kind_of_approximate_index_is_an_error():
    with pytest.raises(ValueError, match="'hnsw' and 'ivf'"):
        Approximate(torch.zeros(3, 2), "lsh")
