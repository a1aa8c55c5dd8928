"""Vectors from the log, and codes from vectors into a model."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from polyrec.data import Dense, Sparse, Table, Vocab
from polyrec.data.events import Events
from polyrec.models import SolveCodes, Together, content_vectors, log_vectors
from polyrec.nn.quantize import CodedTable, CodeHead, residual_kmeans
from polyrec.types import Progress


def events(sequences: list[list[int]]) -> Events:
    """A log of these sequences, one a person."""
    lengths = np.array([0, *map(len, sequences)])
    actor = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
    target = np.concatenate(sequences).astype(np.int32)
    start = np.concatenate([[0], lengths.cumsum()])
    return Events(actor, target, np.arange(len(actor)), np.zeros(len(actor), np.int8), start)


def circles(people: int = 400, groups: int = 4, of: int = 20) -> Events:
    """People who each stay inside one group of items; ids g * of + 1 .. (g + 1) * of."""
    rng = np.random.default_rng(0)
    own = rng.integers(0, groups, people)
    return events([(1 + g * of + rng.integers(0, of, 8)).tolist() for g in own])


def test_pairs_count_within_the_window_and_the_person():
    log = events([[1, 2, 3], [3, 4], [2, 2]])
    near = Together(window=1, weighting="cosine").matrix(log, 4).toarray()
    assert (near > 0).nonzero()[0].tolist() == [1, 2, 2, 3, 3, 4]
    wide = Together(window=2, weighting="cosine").matrix(log, 4).toarray()
    assert wide[1, 3] > 0
    assert not wide.diagonal().any()


def test_weights_are_those_of_the_formulas():
    log = events([[1, 2], [1, 2], [1, 3]])
    cosine = Together(1, "cosine").matrix(log, 3).toarray()
    assert cosine[1, 2] == pytest.approx(2 / np.sqrt(3 * 2))
    ppmi = Together(1, "ppmi").matrix(log, 3).toarray()
    assert ppmi[2, 1] == pytest.approx(np.log((2 / 6) / ((3 / 6) * (2 / 6))))


@pytest.mark.parametrize("weighting", ["ppmi", "cosine"])
def test_inner_products_rebuild_a_matrix_without_negative_part(weighting):
    log = circles()
    together = Together(5, weighting)
    matrix = together.matrix(log, 80).toarray()
    x = log_vectors(log, 80, dim=80, together=together).numpy()
    values, vectors = np.linalg.eigh(matrix)
    positive = vectors * values.clip(0) @ vectors.T
    assert np.abs(x @ x.T - positive).max() < 1e-4


def test_groups_of_the_log_are_groups_of_vectors_and_codes():
    x = log_vectors(circles(), 80, dim=8)
    codes = residual_kmeans(x, torch.Generator().manual_seed(1), levels=1, size=4)
    groups = codes.ids[1:, 0].view(4, 20)
    assert (groups == groups[:, :1]).all()
    assert len(groups[:, 0].unique()) == 4


def test_lanczos_finds_what_the_whole_solution_finds():
    rng = np.random.default_rng(0)
    log = events([rng.integers(1, 401, 12).tolist() for _ in range(600)])
    matrix = Together().matrix(log, 400).toarray()
    x = log_vectors(log, 400, dim=6).numpy()
    values = np.sort(np.linalg.eigvalsh(matrix))[::-1][:6]
    assert (x**2).sum(0) == pytest.approx(values, rel=1e-4)
    assert torch.equal(log_vectors(log, 400, dim=6), torch.from_numpy(x))


def test_items_that_stand_beside_no_other_have_no_vector():
    x = log_vectors(events([[1, 2], [3], [4, 4]]), 5, dim=3)
    assert x.any(1).tolist() == [False, True, True, False, False, False]


def test_pairs_that_do_not_fit_are_refused_with_their_bytes():
    log = circles()
    need = Together().need(log, 10**6) + 8 * (10**6 + 1) * 212
    with pytest.raises(ValueError, match=f"{need:,} bytes"):
        log_vectors(log, 10**6, together=Together(budget_mb=1_000))


def test_content_comes_from_a_dense_column():
    keys = Vocab.of(["a", "b"])
    shape = Sparse(np.array([0, 1, 1], np.int32), keys)
    held = Dense.of(np.array([[1.0, 2.0], [np.nan, 1.0]]))
    table = Table({"text": held, "shape": shape}, keys)
    assert content_vectors(table, "text").tolist() == [[0, 0], [1, 2], [0, 1]]
    with pytest.raises(KeyError, match="nearest are \\['text'"):
        content_vectors(table, "txt")
    with pytest.raises(ValueError, match="'shape' holds no vectors"):
        content_vectors(table, "shape")


class Holder(torch.nn.Module):
    """Two parts that hold codes."""

    def __init__(self) -> None:
        super().__init__()
        self.table = CodedTable(80, 4, 2, 4)
        self.code_head = CodeHead(80, 2, 4, 4)


def test_a_solve_fills_every_part_and_notes_the_report():
    model, progress = Holder(), Progress(seed=1)
    make = partial(residual_kmeans, levels=2, size=4)
    SolveCodes(model, partial(log_vectors, circles(), 80, 8), make)(progress)
    assert model.code_head.codes[1:].all()
    assert torch.equal(model.table.by_code.codes, model.code_head.codes)
    assert progress.notes["codes/items"] == 80
    assert progress.notes["codes/usage_1"] == 1.0


def test_a_model_without_codes_is_refused():
    with pytest.raises(KeyError, match="no part of the model holds codes"):
        SolveCodes(torch.nn.Linear(2, 2), lambda: torch.ones(3, 2), residual_kmeans)(Progress())
