"""Labels told from vectors: the solver's optimum, the protocol, the counts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from polyrec.evaluate import classify, one_vs_rest
from polyrec.evaluate.vectors import f1, predicted

RNG = np.random.default_rng(4)


def plane(rows: int = 300, dim: int = 6, labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Vectors and labels that depend on them, rare ones among them."""
    x = RNG.normal(size=(rows, dim)).astype(np.float32)
    odds = x @ RNG.normal(size=(dim, labels)) - np.linspace(0, 4, labels)
    return x, RNG.random((rows, labels)) < 1 / (1 + np.exp(-odds))


@pytest.mark.parametrize("c", [0.1, 1.0, 10.0])
def test_lines_are_those_of_scikit_learn(c: float) -> None:
    x, truth = plane()
    lines = one_vs_rest(x, truth, c)
    for label in range(truth.shape[1]):
        theirs = LogisticRegression(C=c, tol=1e-10, max_iter=10_000)
        theirs.fit(x.astype(np.float64), truth[:, label])
        assert lines.weight[:, label] == pytest.approx(theirs.coef_[0], abs=1e-4)
        assert lines.bias[label] == pytest.approx(theirs.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("c", [0.1, 1.0])
def test_a_pulled_intercept_is_liblinears(c: float) -> None:
    x, truth = plane()
    lines = one_vs_rest(x, truth, c, intercept="pulled")
    for label in range(truth.shape[1]):
        theirs = LogisticRegression(C=c, solver="liblinear", tol=1e-10, max_iter=10_000)
        theirs.fit(x.astype(np.float64), truth[:, label])
        assert lines.weight[:, label] == pytest.approx(theirs.coef_[0], abs=1e-4)
        assert lines.bias[label] == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_an_unknown_intercept_is_refused() -> None:
    with pytest.raises(ValueError, match="intercept='Pulled', use free or pulled"):
        one_vs_rest(*plane(), intercept="Pulled")  # type: ignore[arg-type]


def test_a_label_nobody_has_comes_last_and_one_all_have_first() -> None:
    x, truth = plane()
    truth[:, 0], truth[:, 1] = True, False
    order = np.argsort(-one_vs_rest(x, truth).scores(x), axis=1)
    assert (order[:, 0] == 0).all()
    assert (order[:, -1] == 1).all()


def test_f1_is_that_of_scikit_learn() -> None:
    truth, guess = (RNG.random((50, 6)) < 0.3 for _ in range(2))
    truth[:, 5] = guess[:, 5] = False
    micro, macro = f1(truth, guess)
    assert micro == pytest.approx(f1_score(truth, guess, average="micro"))
    assert macro == pytest.approx(f1_score(truth, guess, average="macro", zero_division=0))


def test_as_many_labels_are_told_as_a_node_has() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.2]])
    assert predicted(scores, np.array([2, 1])).tolist() == [[0, 1, 1], [1, 0, 0]]


def test_vectors_that_hold_the_labels_tell_all_of_them() -> None:
    truth = np.eye(4, dtype=bool)[RNG.integers(0, 4, 400)]
    noise = RNG.normal(size=truth.shape) * 0.01
    (score,) = classify(10 * truth + noise, truth, (0.5,), shuffles=3)
    assert score.micro.mean == score.macro.mean == 1
    assert score.micro.low == 1


def test_vectors_without_a_word_about_labels_tell_what_chance_tells() -> None:
    truth = np.eye(4, dtype=bool)[RNG.integers(0, 4, 800)]
    (score,) = classify(RNG.normal(size=(800, 8)), truth, (0.5,), shuffles=4)
    assert abs(score.micro.mean - 0.25) < 0.06


def test_nodes_without_label_are_left_out_and_counted() -> None:
    x, _ = plane(100)
    truth = np.eye(3, dtype=bool)[RNG.integers(0, 3, 100)]
    truth[:30] = False
    x[:30] = np.nan
    (score,) = classify(x, truth, (0.3,), shuffles=2)
    assert (score.nodes, score.left_out) == (70, 30)


def test_the_same_seed_gives_the_same_figures_and_another_others() -> None:
    x, truth = plane()
    first, again, other = (classify(x, truth, (0.2,), 2, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"shares": (0.0, 0.5)}, "shares"),
        ({"shuffles": 0}, "shuffles"),
        ({"vectors": np.zeros((3, 2))}, "vectors of 3 nodes"),
        ({"vectors": np.full((300, 2), np.nan)}, "NaN"),
    ],
)
def test_bad_input_is_refused_with_what_is_wrong(change: dict, told: str) -> None:
    x, truth = plane()
    with pytest.raises(ValueError, match=told):
        classify(**{"vectors": x, "truth": truth, **change})
