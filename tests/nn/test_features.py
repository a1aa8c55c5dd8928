"""Towers and event features: exact on small tables, inert at 0, and free of loops over items."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.data import Bag, Dense, Sparse, Table, Vocab
from polyrec.data.keys import text
from polyrec.nn import ItemTable
from polyrec.nn.features import EventFeatures, Form, Lookup, Tower, UserTower, precomputed
from polyrec.nn.features.events import buckets
from polyrec.types import Ragged, Requests

N, D = 40, 6
EVERY = ("brand", "kind", "tags", "price", "sizes", "text")


def table(rows: int = N, width: int = 11) -> Table:
    """One column of every kind, with holes in each."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(0, 4, rows)
    price = rng.normal(20, 5, rows)
    price[4] = np.nan
    content = rng.normal(0, 3, (rows, width))
    content[7] = np.nan
    tags = text([f"t{i % 5}" for i in range(int(lengths.sum()))])
    brand = Sparse.of(text([f"b{i % 4}" for i in range(rows)]))
    brand.values[9] = 0
    return Table(
        {
            "brand": brand,
            "kind": Sparse.of(text([f"k{i % 3}" for i in range(rows)])),
            "tags": Bag.of(tags, lengths),
            "price": Dense.of(price),
            "sizes": Bag.of_numbers(rng.normal(size=int(lengths.sum())), lengths),
            "text": Dense.of(content),
        },
        Vocab.of([f"i{i}" for i in range(rows)]),
    )


def all_seen(rows: int = N) -> torch.Tensor:
    return torch.arange(rows + 1) > 0


def shaken(tower: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """Every weight somewhere, row 0 of tables still zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in tower.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
        for part in tower.modules():
            if isinstance(part, ItemTable):
                part.weight[0] = 0
    return tower


FORMS = [
    Form(D),
    Form(D, activation="relu"),
    Form(D, bags="attention"),
    Form(D, bags="sum", numbers="sum"),
    Form(D, combine="concat", activation="relu", width=3),
    Form(D, combine="concat", bags="attention"),
]
forms = pytest.mark.parametrize("form", FORMS, ids=str)
owners = pytest.mark.parametrize("own", [True, False], ids=["with ids", "without ids"])


def tower(form: Form, own: bool = True, names: tuple[str, ...] = EVERY) -> Tower:
    ids = ItemTable(N, form.dim) if own else None
    made = Tower(ids, table(), names, all_seen(), form)
    shaken(made)
    return made


@forms
@owners
def test_a_tower_gives_a_vector_an_id_in_any_shape(form: Form, own: bool) -> None:
    made = tower(form, own)
    ids = torch.tensor([[3, 0, 7], [3, 40, 1]])
    vectors = made(ids)
    assert vectors.shape == (2, 3, D)
    assert torch.equal(vectors[0, 0], vectors[1, 0])
    assert torch.allclose(made(torch.tensor(7)), vectors[0, 2], atol=1e-6)
    assert made(torch.tensor([], dtype=torch.int64)).shape == (0, D)


@forms
@owners
def test_id_zero_is_zero_and_moves_nothing(form: Form, own: bool) -> None:
    made = tower(form, own)
    assert made(torch.zeros(3, dtype=torch.int64)).abs().max() == 0
    made(torch.zeros(3, dtype=torch.int64)).sum().backward()
    moved = [w.grad for w in made.parameters() if w.grad is not None]
    assert all(g.to_dense().abs().max() == 0 for g in moved)


@forms
def test_every_weight_of_a_tower_learns(form: Form) -> None:
    made = tower(form)
    (made(torch.arange(N + 1)) * torch.randn(N + 1, D)).sum().backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.to_dense().abs().max() > 0, name


def test_a_sum_begins_as_the_ids_alone_and_learns_its_columns() -> None:
    ids = ItemTable(N, D)
    made = Tower(ids, table(), EVERY, all_seen(), Form(D))
    assert torch.equal(made(torch.arange(N + 1)), ids(torch.arange(N + 1)))
    (made(torch.arange(N + 1)) * torch.randn(N + 1, D)).sum().backward()
    for part in made.parts:
        assert all(
            w.grad.to_dense().abs().max() > 0 for n, w in part.named_parameters() if n != "asks"
        )


def test_a_tower_without_ids_begins_small_and_not_at_zero() -> None:
    vectors = Tower(None, table(), EVERY, all_seen(), Form(D))(torch.arange(N + 1))
    assert (vectors[1:].abs().sum(dim=1) > 0).all()
    assert vectors.abs().max() < 1


def test_a_sum_equals_its_columns_added_row_by_row() -> None:
    """The definition in plain loops, float64."""
    source, made = table(), tower(Form(D, bags="mean"))
    state = {name: value.double().numpy() for name, value in made.state_dict().items()}
    brand, kind, tags = (source.columns[name] for name in ("brand", "kind", "tags"))
    price, sizes, content = (source.columns[name] for name in ("price", "sizes", "text"))
    assert isinstance(brand, Sparse)
    assert isinstance(kind, Sparse)
    assert isinstance(tags, Bag)
    assert isinstance(price, Dense)
    assert isinstance(sizes, Bag)
    assert isinstance(content, Dense)
    held = np.flatnonzero(price.present)
    centre, spread = price.values[held].mean(), price.values[held].std()
    mean_of = {
        i: sizes.values[sizes.start[i] : sizes.start[i + 1]].mean()
        for i in range(1, N + 1)
        if sizes.start[i + 1] > sizes.start[i]
    }
    m, s = np.mean([*mean_of.values()]), np.std([*mean_of.values()])
    length = np.sqrt(np.mean([(content.values[i] ** 2).sum() for i in range(1, N + 1) if i != 8]))
    for i in (1, 5, 8, 9, 20):
        want = state["ids.weight"][i].copy()
        categories = state["parts.0.table.weight"]
        want += categories[brand.values[i]] if brand.values[i] else 0
        want += categories[4 + kind.values[i]]
        entries = tags.values[tags.start[i] : tags.start[i + 1]]
        if len(entries):
            want += state["parts.1.table.weight"][entries].mean(axis=0)
        cells = [(price.values[i] - centre) / spread if i in held else 0.0]
        cells += [(mean_of[i] - m) / s if i in mean_of else 0.0]
        cells += [float(i not in held), float(i not in mean_of)]
        want += state["parts.2.project.weight"] @ np.array(cells)
        if i == 8:
            want += state["parts.3.missing"]
        else:
            want += state["parts.3.project.weight"] @ (content.values[i] / length)
        assert np.abs(made(torch.tensor([i]))[0].detach().numpy() - want).max() < 1e-4


def test_attention_over_a_bag_is_a_softmax_inside_the_row() -> None:
    made = tower(Form(D, bags="attention"), own=False, names=("tags",))
    tags = table().columns["tags"]
    assert isinstance(tags, Bag)
    weight = made.parts[0].table.weight
    for i in (2, 3, 11):
        e = weight[tags.values[tags.start[i] : tags.start[i + 1]].astype(np.int64)]
        want = torch.softmax(e @ made.parts[0].asks / D**0.5, dim=0) @ e
        assert torch.allclose(made(torch.tensor([i]))[0], want, atol=1e-5)


def test_attention_begins_as_the_mean() -> None:
    torch.manual_seed(0)
    attention = Tower(None, table(), ["tags"], all_seen(), Form(D, bags="attention"))
    mean = Tower(None, table(), ["tags"], all_seen(), Form(D, bags="mean"))
    mean.parts[0].table.load_state_dict(attention.parts[0].table.state_dict())
    ids = torch.arange(N + 1)
    assert torch.allclose(attention(ids), mean(ids), atol=1e-7)


def test_means_are_taken_from_the_rows_that_train_has_seen() -> None:
    values = np.array([1.0, 3.0, 1000.0])
    source = Table({"price": Dense.of(values)}, Vocab.of(["a", "b", "c"]))
    seen = torch.tensor([False, True, True, False])
    numbers = Tower(None, source, ["price"], seen, Form(D)).parts[0]
    assert (numbers.mean.item(), numbers.sd.item()) == (2.0, 1.0)


def test_a_column_that_train_never_saw_changes_nothing_but_says_missing() -> None:
    source = Table({"price": Dense.of(np.array([np.nan, 4.0]))}, Vocab.of(["a", "b"]))
    numbers = Tower(None, source, ["price"], torch.tensor([False, True, False]), Form(D)).parts[0]
    assert (numbers.mean.item(), numbers.sd.item()) == (0.0, 1.0)


@forms
@pytest.mark.parametrize("own", [True, False])
def test_a_view_answers_as_its_tower_in_eval_mode(form: Form, own: bool) -> None:
    made = tower(form, own)
    view = precomputed(made, block=7)
    assert isinstance(view, Lookup)
    assert made.training
    ids = torch.randint(0, N + 1, (5, 9))
    assert torch.allclose(view(ids), made.eval()(ids), atol=1e-6)
    assert (view.items, view.dim) == (N, D)
    assert not view(ids).requires_grad


def test_a_step_of_the_optimiser_makes_a_view_stale_and_a_new_one_right() -> None:
    made = tower(Form(D))
    before = precomputed(made)
    ids = torch.arange(1, N + 1)
    optimiser = torch.optim.SGD(made.parameters(), lr=0.1)
    made(ids).square().sum().backward()
    optimiser.step()
    assert not torch.allclose(before(ids), made(ids))
    assert torch.allclose(precomputed(made)(ids), made(ids), atol=1e-6)


def test_the_state_holds_what_was_learnt_and_no_column() -> None:
    made = tower(Form(D))
    held = made.state_dict()
    assert not [
        name for name in held if name.rsplit(".", 1)[-1] in ("at", "raw", "values", "first")
    ]
    again = Tower(ItemTable(N, D), table(), EVERY, all_seen(), Form(D))
    again.load_state_dict(held)
    ids = torch.arange(N + 1)
    assert torch.equal(again(ids), made(ids))


def test_newer_facts_are_read_with_the_scales_that_were_learnt() -> None:
    older = Tower(None, table(), ["price", "text"], all_seen(), Form(D))
    newer = Tower(None, table(), ["price", "text"], torch.arange(N + 1) > 20, Form(D))
    newer.load_state_dict(older.state_dict())
    assert torch.equal(newer(torch.arange(N + 1)), older(torch.arange(N + 1)))


def calls(act: Callable[[], object]) -> int:
    """Python functions entered while `act` runs."""
    count = 0

    def told(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(told)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


@forms
def test_the_work_in_python_does_not_grow_with_the_batch(form: Form) -> None:
    made = tower(form)
    few, many = torch.randint(1, N + 1, (4,)), torch.randint(1, N + 1, (64, 50))
    made(few)
    assert calls(lambda: made(few)) == calls(lambda: made(many))


def test_a_content_vector_may_have_any_width_and_stays_frozen() -> None:
    source = table(width=300)
    made = Tower(None, source, ["text"], all_seen(), Form(D))
    assert made(torch.arange(N + 1)).shape == (N + 1, D)
    assert {name for name, _ in made.named_parameters()} == {
        "parts.0.project.weight",
        "parts.0.missing",
    }


def test_all_missing_content_vectors_share_a_learned_one() -> None:
    made = tower(Form(D), own=False, names=("text",))
    assert torch.equal(made(torch.tensor([8]))[0], made.parts[0].missing)


def test_people_start_at_zero_and_nobody_stays_there() -> None:
    people = UserTower(table(), ["brand", "price"], all_seen(), Form(D))
    assert people(torch.arange(N + 1)).abs().max() == 0
    shaken(people)
    vectors = people(torch.tensor([0, 5]))
    assert vectors[0].abs().max() == 0
    assert vectors[1].abs().max() > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"combine": "mean"}, "choose from sum, concat"),
        ({"activation": "tanh"}, "choose from none, relu"),
        ({"bags": "max"}, "choose from mean, sum, attention"),
        ({"width": 3}, "leave width out"),
        ({"dim": 0}, "dim >= 1"),
    ],
)
def test_a_form_that_means_nothing_is_an_error(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(Form(D), **change)


def test_sizes_that_disagree_are_errors() -> None:
    with pytest.raises(ValueError, match="3 ids, but the feature table has 40"):
        Tower(ItemTable(3, D), table(), EVERY, all_seen(), Form(D))
    with pytest.raises(ValueError, match="width 5 in a sum of width 6"):
        Tower(ItemTable(N, 5), table(), EVERY, all_seen(), Form(D))
    with pytest.raises(ValueError, match=r"bool \[41\]"):
        Tower(None, table(), EVERY, torch.ones(N), Form(D))
    with pytest.raises(ValueError, match="nothing to build from"):
        Tower(None, table(), (), all_seen(), Form(D))
    with pytest.raises(KeyError, match="nearest: price"):
        Tower(None, table(), ["prise"], all_seen(), Form(D))
    with pytest.raises(ValueError, match="named once"):
        Tower(None, table(), ["price", "price"], all_seen(), Form(D))
    with pytest.raises(ValueError, match="belongs to combine='sum'"):
        Tower(None, table(), ["price"], all_seen(), Form(D, combine="concat"), start="zero")


def asked(times: bool = True) -> Requests:
    """Rows of 3, 0 and 2 events."""
    aligned = {"kind": torch.tensor([0, 1, 2, 1, 0], dtype=torch.int8)}
    if times:
        aligned["time"] = torch.tensor([0, 1_000, 61_000, 5_000, 5_000]) + 10**12
    return Requests(
        actor=torch.tensor([1, 2, 3]),
        history=Ragged.of([[4, 5, 6], [], [7, 8]]),
        time=torch.tensor([61_000, 9, 8_000]) + 10**12 if times else None,
        aligned=aligned,
    )


def test_codes_are_actions_and_buckets_of_the_gaps() -> None:
    codes = EventFeatures(D, 3, ("previous", "next", "ask")).codes(asked())
    assert codes[:, 0].tolist() == [1, 2, 3, 2, 1]
    assert codes[:, 1].tolist() == [1, 3, 7, 1, 2]  # 1 = no event before
    assert codes[:, 2].tolist() == [3, 7, 2, 2, 4]
    assert codes[:, 3].tolist() == [7, 7, 2, 4, 4]


def test_gaps_of_doubling_length_have_buckets_of_their_own() -> None:
    seconds = torch.tensor([0, 1, 2, 3, 6, 7, 2**40])
    assert buckets(seconds * 1000).tolist() == [2, 3, 3, 4, 4, 5, 33]


@pytest.mark.parametrize("how", ["add", "gate"])
def test_a_request_without_times_and_actions_is_left_as_it_was(how: str) -> None:
    features = EventFeatures(D, 3, ("previous", "ask"), how)
    shaken(features)
    bare = replace(asked(times=False), aligned={})
    codes = features.codes(bare)
    assert codes.tolist() == [[0, 0, 0]] * 5
    values = torch.randn(5, D)
    want = values * torch.sigmoid(features.open) if how == "gate" else values
    assert torch.allclose(features(values, codes), want)


def test_added_features_begin_as_none_and_learn() -> None:
    features = EventFeatures(D, 3, ("previous",))
    values, codes = torch.randn(5, D), features.codes(asked())
    assert torch.equal(features(values, codes), values)
    (features(values, codes) * torch.randn(5, D)).sum().backward()
    assert features.added.weight.grad.to_dense().abs().sum() > 0


def test_a_gate_is_the_sigmoid_of_a_bias_and_the_action() -> None:
    features = EventFeatures(D, 3, (), "gate")
    shaken(features)
    values = torch.randn(5, D)
    gate = torch.sigmoid(features.open + features.action.weight[[1, 2, 3, 2, 1]])
    assert torch.allclose(features(values, features.codes(asked())), values * gate)


def test_every_column_has_rows_of_its_own() -> None:
    features = EventFeatures(D, 3, ("previous", "next"))
    shaken(features)
    values = torch.zeros(5, D)
    codes = features.codes(asked())
    table = features.added.weight
    want = table[codes[:, 0]] + table[3 + codes[:, 1]] + table[3 + 34 + codes[:, 2]]
    assert torch.allclose(features(values, codes), want)


def test_a_picked_event_has_the_features_it_had_in_its_row() -> None:
    features = EventFeatures(D, 3, ("previous",))
    shaken(features)
    values, codes = torch.randn(5, D), features.codes(asked())
    keep = torch.tensor([4, 2])
    assert torch.allclose(features(values[keep], codes[keep]), features(values, codes)[keep])


def test_the_time_of_a_question_is_told_to_no_event_of_another() -> None:
    many = replace(asked(), asked=torch.tensor([0, 1, 2, 3, 4]))
    with pytest.raises(ValueError, match="use gap 'next'"):
        EventFeatures(D, 3, ("ask",)).codes(many)


def test_an_event_knows_no_time_after_the_question_that_follows_it() -> None:
    features = EventFeatures(D, 3, ("previous", "next"))
    before = features.codes(asked())
    time = asked().aligned["time"].clone()
    time[2] += 10**6
    later = replace(asked(), aligned={**asked().aligned, "time": time}, time=None)
    assert torch.equal(features.codes(later)[0], before[0])
    assert not torch.equal(features.codes(later)[1], before[1])  # its question is asked then


def test_bad_times_and_actions_are_named() -> None:
    request = asked()
    with pytest.raises(ValueError, match="the log has 2, counted from 0"):
        EventFeatures(D, 2).codes(request)
    back = replace(request, aligned={"time": torch.tensor([5, 4, 6, 1, 2])})
    with pytest.raises(ValueError, match="row 0 goes back in time at its event 1"):
        EventFeatures(D, 3).codes(back)
    early = replace(request, time=torch.tensor([0, 0, 0]))
    with pytest.raises(ValueError, match="ms after its question"):
        EventFeatures(D, 3, ("ask",)).codes(early)


@pytest.mark.parametrize(
    ("kinds", "gaps", "how"),
    [(0, (), "add"), (3, ("last",), "add"), (3, ("ask", "ask"), "add"), (0, ("ask",), "gate")],
)
def test_event_features_that_mean_nothing_are_errors(
    kinds: int, gaps: tuple[str, ...], how: str
) -> None:
    with pytest.raises(ValueError):
        EventFeatures(D, kinds, gaps, how)


def test_an_unknown_way_is_an_error() -> None:
    with pytest.raises(ValueError, match="choose from add, gate"):
        EventFeatures(D, 3, (), "multiply")
