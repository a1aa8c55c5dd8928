"""Each split does what its definition says, on logs small enough to check by hand."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyrec.data import Dataset, Log, Source, Split, SplitConfig, build, split
from polyrec.data.splits.questions import Questions


def log_of(
    sequences: dict[str, str], times: dict[str, list[int]] | None = None, part: str = ""
) -> Dataset:
    """One letter an event: {"u": "abc"}; parts as digits in file order."""
    actor = np.array([user for user, items in sequences.items() for _ in items])
    target = np.array([item for items in sequences.values() for item in items])
    time = None if times is None else np.array([t for user in sequences for t in times[user]])
    extra = {"part": np.array([int(digit) for digit in part], np.int8)} if part else {}
    return build(Log(actor, target, time, extra=extra), Source("toy"))


def shown(dataset: Dataset, questions: Questions) -> dict[str, tuple[str, str]]:
    """{user: (history, wanted)} in letters."""
    rows = torch.arange(len(questions))
    history, truth = questions.requests(rows).history, questions.truth
    letters = dataset.vocabs["target"].keys
    out = {}
    for row in range(len(questions)):
        parts = [
            "".join(letters(part.select(torch.tensor([row])).values.tolist()))
            for part in (history, truth)
        ]
        out[dataset.vocabs["actor"].key(int(questions.cluster[row]))] = (parts[0], parts[1])
    return out


def trained(dataset: Dataset, made: Split) -> dict[str, str]:
    """{user: train items} in letters."""
    out: dict[str, str] = {}
    for actor, target in zip(made.train.actor, made.train.target, strict=True):
        key = dataset.vocabs["actor"].key(int(actor))
        out[key] = out.get(key, "") + dataset.vocabs["target"].key(int(target))
    return out


def test_leave_one_out_asks_for_the_last_two_events() -> None:
    data = log_of({"u": "abcd", "v": "ab", "w": "cba"})
    made = split(data, SplitConfig())
    assert trained(data, made) == {"u": "ab", "v": "ab", "w": "c"}
    assert shown(data, made.valid) == {"u": ("ab", "c"), "w": ("c", "b")}
    assert shown(data, made.test) == {"u": ("abc", "d"), "w": ("cb", "a")}
    assert made.how["train_only_actors"] == 1


def test_leave_one_out_of_short_actors_only_is_refused() -> None:
    with pytest.raises(ValueError, match=r"100% of 2 actors have fewer than 3 events"):
        split(log_of({"u": "ab", "v": "c"}), SplitConfig())


def test_last_n_asks_for_several() -> None:
    data = log_of({"u": "abcdef", "v": "abcd"})
    made = split(data, SplitConfig("last-n", n=2))
    assert trained(data, made) == {"u": "ab", "v": "abcd"}
    assert shown(data, made.test) == {"u": ("abcd", "ef")}


def test_ties_at_the_cut_are_reported() -> None:
    times = {"u": [1, 2, 3, 3], "v": [1, 2, 3, 4]}
    made = split(log_of({"u": "abcd", "v": "abcd"}, times), SplitConfig())
    assert made.how["tied_at_cut"] == 0.5


def test_ties_on_the_same_side_are_wanted_together() -> None:
    times = {"u": [1, 2, 3, 3], "v": [1, 1, 1, 2]}
    data = log_of({"u": "abcd", "v": "abcd"}, times)
    made = split(data, SplitConfig(ties="same-side"))
    assert shown(data, made.test) == {"u": ("ab", "cd")}
    assert shown(data, made.valid) == {"u": ("a", "b")}
    assert trained(data, made) == {"u": "a", "v": "abcd"}


def test_shuffled_ties_move_only_equal_times() -> None:
    times = {"u": [1, 2, 2, 2, 2, 2, 2, 2]}
    data = log_of({"u": "abcdefgh"}, times)
    last = {
        shown(data, split(data, SplitConfig(ties="shuffle", seed=s)).test)["u"] for s in range(30)
    }
    assert len({wanted for _, wanted in last}) > 3
    assert all(history.startswith("a") for history, _ in last)


def test_treated_ties_need_a_clock() -> None:
    with pytest.raises(ValueError, match="order only"):
        split(log_of({"u": "abcd"}), SplitConfig(ties="shuffle"))


TIMES = {"u": [1, 2, 3, 4, 5], "v": [3, 4, 5, 6], "w": [5, 5]}


def test_two_moments_cut_everyone() -> None:
    data = log_of({"u": "abcde", "v": "abcd", "w": "ab"}, TIMES)
    made = split(data, SplitConfig("time", at=(4, 5)))
    assert trained(data, made) == {"u": "abc", "v": "a"}
    assert shown(data, made.valid) == {"u": ("abc", "d"), "v": ("a", "b")}
    assert shown(data, made.test) == {"u": ("abcd", "e"), "v": ("ab", "cd"), "w": ("", "ab")}
    assert made.how["cold_counts"] == {
        "valid": {"targets": 1, "actors": 0},
        "test": {"targets": 2, "actors": 1},
    }


def test_cold_actors_and_targets_are_dropped_when_asked_and_counted() -> None:
    data = log_of({"u": "abcde", "v": "abcd", "w": "ab"}, TIMES)
    made = split(data, SplitConfig("time", at=(4, 5), cold="drop"))
    assert shown(data, made.test) == {"v": ("ab", "c")}
    assert made.test.dropped == {"cold targets": 2, "questions left empty": 2}


def test_a_purge_leaves_a_gap_before_the_cut_in_train_only() -> None:
    data = log_of({"u": "abcde", "v": "abcd", "w": "ab"}, TIMES)
    made = split(data, SplitConfig("time", at=(4, 5), purge=1))
    assert trained(data, made) == {"u": "ab"}
    assert shown(data, made.valid) == {"u": ("abc", "d"), "v": ("a", "b")}
    assert made.how["purged_events"] == 2


def test_quantiles_cut_by_share_of_events() -> None:
    times = {"u": list(range(100))}
    made = split(log_of({"u": "ab" * 50}, times), SplitConfig("time"))
    assert made.how["cuts"] == [79, 89]
    assert len(made.train) == 79


def test_a_time_split_needs_a_clock() -> None:
    with pytest.raises(ValueError, match="this set has order only: use leave-one-out"):
        split(log_of({"u": "abcd"}), SplitConfig("time"))


def test_a_constant_time_is_no_order() -> None:
    with pytest.raises(ValueError, match="constant time 7"):
        split(log_of({"u": "abcd"}, {"u": [7] * 4}), SplitConfig("time"))


def test_by_user_is_pythons_shuffle_of_first_appearance_cut_as_published() -> None:
    users = [f"user{i}" for i in range(57)]
    data = log_of(dict.fromkeys(users, "abcabc"))
    made = split(data, SplitConfig("by-user"))
    random.seed(1230)
    expected = list(users)
    random.shuffle(expected)
    first, second = int(len(users) * 0.8), int(len(users) * 0.9)
    assert set(trained(data, made)) == set(expected[:first])
    assert set(shown(data, made.valid)) == set(expected[first:second])
    assert set(shown(data, made.test)) == set(expected[second:])


@given(st.integers(1, 40))
def test_by_user_wants_what_follows_the_first_int_of_80_percent(length: int) -> None:
    data = log_of({f"u{i}": "abcde"[: 1 + i % 5] * length for i in range(10)})
    made = split(data, SplitConfig("by-user"))
    for user, (history, wanted) in shown(data, made.test).items():
        sequence = "abcde"[: 1 + int(user[1:]) % 5] * length
        cut = int(0.8 * len(sequence))
        assert (history, wanted) == (sequence[:cut], sequence[cut:])


def test_by_user_names_the_numbers_of_an_empty_part() -> None:
    message = r"0 of 4 users: int\(0.8·4\) = int\(0.9·4\) = 3"
    with pytest.raises(ValueError, match=message):
        split(log_of(dict.fromkeys("uvwx", "abcde")), SplitConfig("by-user"))


def test_by_user_takes_valid_from_train_when_asked() -> None:
    data = log_of({f"u{i}": "abcde" for i in range(20)})
    config = SplitConfig("by-user", ratios=(0.8, 0.0, 0.2), valid_from_train=0.25)
    assert split(data, config).how["actors"] == [12, 4, 4]


def test_by_user_keeps_given_parts() -> None:
    data = log_of({"u": "abcde", "v": "abcde", "w": "edcba"}, part="000001111122222")
    made = split(data, SplitConfig("by-user"))
    assert trained(data, made) == {"u": "abcde"}
    assert shown(data, made.valid) == {"v": ("abcd", "e")}
    assert shown(data, made.test) == {"w": ("edcb", "a")}


def test_by_user_refuses_an_actor_in_two_given_parts() -> None:
    with pytest.raises(ValueError, match="1 actors are in two parts, the first 'u'"):
        split(log_of({"u": "abc", "v": "abc"}, part="001222"), SplitConfig("by-user"))


@pytest.mark.parametrize(("length", "later"), [(1, 0), (2, 0), (3, 1), (19, 1), (20, 2), (30, 3)])
def test_random_takes_the_floor_but_at_least_one_of_three(length: int, later: int) -> None:
    data = log_of({"u": "abcdefghij" * 3, "v": ("abcdefghij" * 3)[:length]})
    made = split(data, SplitConfig("random"))
    for part in (made.valid, made.test):
        assert len(shown(data, part).get("v", ("", ""))[1]) == later


def test_random_over_all_takes_shares_of_all() -> None:
    data = log_of({"u": "ab" * 20, "v": "cd" * 20})
    made = split(data, SplitConfig("random", per="all"))
    assert len(made.train) == 64
    assert made.test.truth.values.numel() == 8


def test_random_draws_every_place_alike() -> None:
    data = log_of({"u": "abcdefghij"})
    drawn = [
        split(data, SplitConfig("random", seed=s)).test.truth.values.item() for s in range(600)
    ]
    counts = np.bincount(drawn, minlength=11)[1:]
    assert ((counts - 60) ** 2 / 60).sum() < 9 + 4 * np.sqrt(18)


def test_given_parts_are_kept_and_test_knows_valid() -> None:
    data = log_of({"u": "abcd", "v": "dcba"}, part="00120012")
    made = split(data, SplitConfig("given"))
    assert trained(data, made) == {"u": "ab", "v": "dc"}
    assert shown(data, made.valid) == {"u": ("ab", "c"), "v": ("dc", "b")}
    assert shown(data, made.test) == {"u": ("abc", "d"), "v": ("dcb", "a")}


def test_given_without_valid_takes_it_from_train_and_says_so() -> None:
    data = log_of({"u": "abcdefghijk", "v": "kjihgfedcba"}, part="00000000002" * 2)
    made = split(data, SplitConfig("given", valid_from_train=0.2))
    assert made.how["valid_from_train"] == 0.2
    assert made.valid.truth.lengths.tolist() == [2, 2]
    assert len(made.train) == 16


def test_given_needs_the_column_of_parts() -> None:
    with pytest.raises(ValueError, match="needs the column 'part'"):
        split(log_of({"u": "abc"}), SplitConfig("given"))


def test_repeats_across_given_parts_are_refused_unless_accepted() -> None:
    data = log_of({"u": "abca", "v": "bcde"}, part="00120012")
    with pytest.raises(ValueError, match=r"1 identical events .* \(u, a\).*--allow-leak L1"):
        split(data, SplitConfig("given"))
    assert split(data, SplitConfig("given", allow_leaks=("L1",))).how["repeated_across_parts"] == 1


def test_repeats_at_other_times_are_no_overlap() -> None:
    data = log_of({"u": "abca"}, {"u": [1, 2, 3, 4]}, part="0012")
    assert split(data, SplitConfig("given")).how["repeated_across_parts"] == 0


def test_actors_unknown_to_train_point_to_by_user() -> None:
    data = log_of({"u": "abc", "v": "abc"}, part="001222")
    with pytest.raises(ValueError, match=r"1 of 2 actors .* say so with --how by-user"):
        split(data, SplitConfig("given"))


def test_a_misspelt_split_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="nearest is 'leave-one-out'"):
        split(log_of({"u": "abc"}), SplitConfig("leave_one"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratios": (0.8, 0.1, 0.2)},
        {"cut": 1.0},
        {"quantiles": (0.9, 0.8)},
        {"at": (5, 5)},
        {"n": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(SplitConfig(), **wrong)  # type: ignore[arg-type]


def test_a_request_is_asked_at_the_time_of_what_is_wanted() -> None:
    data = log_of({"u": "abcd"}, {"u": [1, 2, 3, 9]})
    assert split(data, SplitConfig()).test.requests(torch.tensor([0])).time.tolist() == [9]


def test_columns_travel_beside_the_history() -> None:
    data = log_of({"u": "abcd"}, {"u": [1, 2, 3, 9]})
    test = replace(split(data, SplitConfig()).test, columns=("time", "kind"))
    aligned = test.requests(torch.tensor([0])).aligned
    assert aligned["time"].tolist() == [1, 2, 3]
    assert aligned["kind"].tolist() == [0, 0, 0]


def test_filters_that_saw_the_future_are_named() -> None:
    from polyrec.data import filters

    data = filters.k_core(log_of({"u": "abcabc", "v": "abcabc"}), 2)
    assert split(data, SplitConfig()).how["filters_that_saw_the_future"] == ["k_core=2 (0 rounds)"]


def test_a_fixed_sample_of_questions_is_pure_in_its_seed() -> None:
    test = split(log_of({f"u{i}": "abcde" for i in range(40)}), SplitConfig()).test
    assert test.sample(7, 1).hash == test.sample(7, 1).hash
    assert test.sample(7, 1).hash != test.sample(7, 2).hash
    assert len(test.sample(99, 1)) == 40


def test_beauty_lists_leave_one_out_as_counted(real_data: Path) -> None:
    import gzip

    with gzip.open(real_data / "amazon_seq" / "Beauty.txt.gz", "rt") as file:
        rows = [line.split() for line in file]
    actor = np.repeat([int(row[0]) for row in rows], [len(row) - 1 for row in rows])
    target = np.array([int(item) for row in rows for item in row[1:]])
    data = build(Log(actor, target), Source(), order="given", actors="given")
    assert data.sizes == (22_363, 12_101, 198_502)
    made = split(data, SplitConfig())
    assert (len(made.train), len(made.test)) == (198_502 - 2 * 22_363, 22_363)
    assert made.test.truth.values.tolist() == [int(row[-1]) for row in rows]


def test_movielens_leaves_two_events_a_user_out(real_data: Path) -> None:
    raw = np.loadtxt(real_data / "ml-100k" / "ml-100k.inter", np.int64, skiprows=1, delimiter="\t")
    log = Log(raw[:, 0].astype(str), raw[:, 1].astype(str), raw[:, 3] * 1000)
    data = build(log, Source())
    assert data.sizes == (943, 1_682, 100_000)
    made = split(data, SplitConfig())
    assert (len(made.train), len(made.test)) == (100_000 - 2 * 943, 943)
    # many ratings of a person carry one second: the order inside it is the file's alone
    assert 0 < made.how["tied_at_cut"] < 1
