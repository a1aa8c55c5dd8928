"""The recipe for classes of nodes, on a small generated graph, end to end."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.experiment.orders import lines, read, say

from polyrec import experiment
from polyrec.evaluate.links import OPERATORS
from polyrec.evaluate.nodes import NodeReport, Trial, accuracy, macro_f1
from polyrec.recipes.nodes import VARIANTS, Config, data, library, run, trained
from polyrec.recipes.nodes.reading import planetoid
from polyrec.train import Interrupted, best


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of 120 papers in 3 classes; paper 119 has no class and no edge."""
    draw, n = np.random.default_rng(0), 120
    label = (np.arange(n) % 3).astype(np.int16)
    linked = np.triu(draw.random((n, n)) < np.where(label[:, None] == label, 0.12, 0.01), 1)
    linked[:, -1] = False
    words = draw.random((n, 30)) < np.where(np.arange(30) % 3 == label[:, None], 0.3, 0.05)
    label[-1] = -1
    order = draw.permutation(n - 1)
    path = tmp_path_factory.mktemp("graph") / "papers.npz"
    row, column = words.nonzero()
    np.savez(
        path, x_data=np.ones(len(row), np.float32), x_indices=column.astype(np.int32),
        x_indptr=np.searchsorted(row, np.arange(n + 1)).astype(np.int32),
        x_shape=np.array([n, 30]), y=label,
        edges=np.concatenate([np.argwhere(linked), [[3, 3]]]),
        train=order[:20], val=order[20:50], test=np.append(order[50:], n - 1),
    )  # fmt: skip
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_is_judged(variant: str, stored: Path) -> None:
    settings = {**VARIANTS[variant], "epochs": 3, "hidden": 4, "batch": 10}
    config = Config(**settings, data=str(stored))
    report = run(config, [1], library(config))
    assert 0 <= report.value <= 1
    assert report.nodes == 69
    assert report.unjudged == 1


def test_a_self_loop_and_a_repeated_edge_are_read_once(stored: Path) -> None:
    held = planetoid(stored)
    task, matrix = held.task, held.task.relation.matrix()
    assert held.bare == 1
    assert matrix.diagonal().sum() == 0
    assert matrix.max() == 1
    assert abs(matrix - matrix.T).nnz == 0
    assert task.relation.degree[-1] == 0


def test_features_of_a_node_sum_to_one(stored: Path) -> None:
    total = planetoid(stored).task.x.dense().sum(1)
    assert torch.allclose(total[total > 0], torch.ones(()))


def test_a_typed_graph_of_papers_and_words_is_learnt(stored: Path) -> None:
    config = Config(**{**VARIANTS["rgcn"], "epochs": 40, "lr": 0.02}, data=str(stored))
    ready, progress = trained(config, library(config))
    assert max(row["accuracy"] for row in progress.metrics) > 0.7
    assert ready.model.inductive == "none"


def test_equal_accuracies_are_told_apart_by_their_loss(stored: Path) -> None:
    config = Config(data=str(stored), epochs=30)
    _, progress = trained(config, library(config))
    top = max(row["accuracy"] for row in progress.metrics)
    losses = [row["loss"] for row in progress.metrics if row["accuracy"] == top]
    found = best(progress, config.select_by)
    assert found is not None
    assert found.value == top
    chosen = next(row for row in progress.metrics if row["step"] == found.step)
    assert chosen["loss"] == min(losses)


def test_accuracy_counts_rows_whose_largest_logit_is_right() -> None:
    assert accuracy(torch.tensor([[0.0, 1], [2, 1]]), torch.tensor([1, 1])) == 0.5
    with pytest.raises(ValueError, match="without a class"):
        accuracy(torch.zeros(1, 2), torch.tensor([-1]))


def test_one_seed_has_no_interval() -> None:
    report = NodeReport((Trial(1, 0.8, 0.8, 3, 9, 1.0),), 10, 2, 7)
    assert report.line() == (
        "accuracy .8000 (no interval) over 1 seed, 10 nodes, 2 more have no class, "
        "selected on valid accuracy"
    )


@pytest.mark.parametrize(("flags", "said"), [
    (("fanouts=5",), "need 2 numbers"),
    (("fanouts=5,x",), "need 2 numbers"),
    (("model=han", "fanouts=5,5"), "han reads whole graphs"),
    (("model=hgt", "features=ids"), "words as nodes"),
    (("model=chebnet", "fanouts=5,5"), "fanouts=5,5: chebnet reads whole neighbourhoods"),
    (("model=hgt", "learn=walks"), "not with model=hgt"),
    (("learn=walks", "fanouts=5,5"), "on whole graphs"),
    (("terms=4",), "only model=chebnet reads it"),
    (("walk=4",), "only learn=walks reads it"),
    (("learn=walks", "operators=l1"), "only learn=walks with hold reads it"),
    (("heads=4",), "only an attention model reads it"),
    (("world=papers_tiny",), "only no data reads it"),
    (("hiden=4",), "did you mean 'hidden'"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused_in_one_line(
    flags: tuple[str, ...], said: str, stored: Path, tmp_path: Path
) -> None:
    told = say("run", "nodes", "--data", stored, "--out", tmp_path, "epochs=1", *flags)
    assert told.code == 2
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_file_without_an_array_names_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", y=np.zeros(3))
    with pytest.raises(ValueError, match="lacks x_data"):
        planetoid(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        planetoid(tmp_path / "none.npz")


SMALL = ("world=papers_tiny", "hidden=4", "epochs=12", "log_every=3")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run never stopped."""
    said = say("run", "nodes", "--out", tmp_path_factory.mktemp("runs"), "--json", *SMALL)
    assert said.code == 0, said.err
    return Path(said.json["runs"][0])


class StopAfter:
    """A watch that interrupts training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def line(self, text: str = "") -> None:
        """Nothing to say."""

    def progress(self, text: str, final: bool = False) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("steps", [1, 7])
def test_a_run_stopped_and_resumed_ends_as_one_never_stopped(
    steps: int, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        experiment.run(experiment.Order("nodes", None, None, SMALL, tmp_path), 1, StopAfter(steps))
    stopped = next(tmp_path.iterdir())
    assert say("run", "--resume", stopped).code == 0
    shas = [read(run, "best/checkpoint.json")["sha256"] for run in (stopped, whole)]
    assert shas[0] == shas[1]
    assert read(stopped, "report.json") == read(whole, "report.json")


def test_a_run_leaves_all_that_it_takes_to_doubt_it(whole: Path) -> None:
    told = read(whole, "report.json")
    value = told["values"]["accuracy"]
    assert value["low"] < value["value"] < value["high"]
    assert value["passport"]["part"] == "test"
    assert {one["by"] for one in told["slices"]} == {"degree", "class"}
    assert set(told["baselines"]) == {"majority"}
    assert len(lines(whole, "eval")) == 12
    assert [line["part"] for line in lines(whole, "read")].count("test") == 1
    assert "Accuracy is" in (whole / "report.html").read_text()


def test_the_stored_run_tells_a_nodes_classes(whole: Path) -> None:
    said = say("recommend", whole, "--history", "", "--user", "5", "--k", "3", "--json")
    assert said.code == 0, said.err
    assert {one["id"] for one in said.json["items"]} == {"0", "1", "2"}
    bare = say("recommend", whole, "--history", "", "--k", "3")
    assert bare.code == 2
    assert "--user NODE" in bare.err


def test_two_runs_are_compared_over_the_same_nodes(whole: Path, tmp_path: Path) -> None:
    flags = ("world=papers_tiny", "model=mlp", "hidden=4", "epochs=12")
    other = say("run", "nodes", "--out", tmp_path, "--json", *flags).json["runs"][0]
    said = say("compare", whole, other, "--json")
    assert said.code == 0, said.err
    assert said.json["metrics"]["accuracy"]["n"] == 80


def test_several_seeds_are_told_with_their_mean(tmp_path: Path) -> None:
    said = say("run", "nodes", "--out", tmp_path, "--seeds", "2", "--json", *SMALL)
    each = [one["accuracy"] for one in said.json["seeds"]]
    assert said.json["over_seeds"]["accuracy"]["value"] == pytest.approx(sum(each) / 2)


def test_other_settings_of_training_go_on_and_others_are_refused(
    whole: Path, tmp_path: Path
) -> None:
    import shutil

    run = shutil.copytree(whole, tmp_path / "run")
    assert say("run", "--resume", run, "hidden=8").code == 2
    assert say("run", "--resume", run, "epochs=14").code == 0
    assert len(lines(run, "eval")) == 14
    assert json.loads((run / "config.json").read_text())["epochs"]["origin"] == "resume"


def test_a_class_is_an_event_of_its_node(stored: Path) -> None:
    split = data(Config(data=str(stored)))
    task = library(Config(data=str(stored))).task
    assert (split.facts.actors, split.facts.items) == (120, 3)
    assert (len(split.train), len(split.valid), len(split.test)) == (20, 30, 69)
    assert (split.train.target - 1 == task.label[split.train.actor - 1].numpy()).all()
    assert (split.test.truth.values - 1 == task.label[split.test.key - 1]).all()
    assert split.test.dropped == {"without a class": 1}


def test_macro_f1_is_the_mean_over_classes() -> None:
    from sklearn.metrics import f1_score

    draw = torch.Generator().manual_seed(0)
    label, guess = (torch.randint(4, (60,), generator=draw) for _ in range(2))
    ours = float(macro_f1(guess, label, 4)(torch.ones(60, 1))[0])
    assert ours == pytest.approx(f1_score(label, guess, average="macro"), abs=1e-9)


def test_vectors_foretell_the_edges_that_were_kept_away(stored: Path, tmp_path: Path) -> None:
    flags = ("epochs=20", "hidden=8", "hold=0.2")
    said = say(
        "run", "nodes", "--variant", "sage_links", "--data", stored, "--out", tmp_path, "--json",
        *flags,
    )  # fmt: skip
    assert said.code == 0, said.err
    told = read(next(tmp_path.iterdir()), "report.json")
    names = {"link_auc", "link_ap", "link_mrr", "link_hits@10"}
    names |= {f"link_{what}_{by}" for what in ("auc", "ap") for by in OPERATORS}
    assert names < set(told["values"])
    assert not names & set(told["baselines"]["majority"])
    assert told["values"]["link_auc"]["low"] > 0.5
    assert told["values"]["link_auc_hadamard"]["low"] > 0.5


def test_kept_away_edges_are_in_no_batch(stored: Path) -> None:
    config = Config(**{**VARIANTS["sage_links"], "hold": 0.2}, data=str(stored))
    held = library(config)
    assert held.links is not None
    matrix = held.task.relation.matrix() + held.typed.graph["cites"].matrix()
    for edges in held.links.edges.values():
        assert matrix[edges[:, 0], edges[:, 1]].sum() == matrix[edges[:, 1], edges[:, 0]].sum() == 0
    assert held.links.edges["test"].tolist() == library(config).links.edges["test"].tolist()
