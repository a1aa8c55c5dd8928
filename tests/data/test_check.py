"""Each finding is found where it was planted, and is silent on the clean twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyrec.data import ReadOptions, SplitConfig, read
from polyrec.data.check import CHECKS, Finding, check, check_split, refuse

T = 1_400_000_000


def log(
    count: int = 60, head: str = "user,item,ts", more: str = "", users: int = 6, items: int = 7
) -> list[str]:
    rows = [
        f"u{i % users},i{(i * 5 + i // users) % items},{T + 100 * i}{more.replace('#', str(i))}"
        for i in range(count)
    ]
    return [head, *rows]


def labelled(labels: list[int], head: str = "user,item,click,buy,x") -> list[str]:
    return [head, *(f"u{i % 5},i{i % 7},{v},0,{(i * 37) % 11}" for i, v in enumerate(labels))]


@dataclass(frozen=True)
class Planted:
    """A check, a log that it must catch, and a clean twin."""

    id: str
    bad: list[str]
    clean: list[str]
    level: str = "WARN"
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)


HALF = [i % 2 for i in range(80)]
CLICK = {"label": ("click",), "ignore": ("buy",)}
BOTH = {"label": ("click", "buy")}
ONE_DAY = [f"u{i % 30},i{i},{T + 86_400 * (i // 60)}" for i in range(120)]
PLANTED = [
    Planted("D1", [*log(), "u,i"], log(), "FAIL", "2 fields"),
    Planted("D2", ["who,item", "a,b"], log(), "FAIL", "no column for actor"),
    Planted("D3", [*log(), f",i,{T}"], log(), "FAIL", "empty actor"),
    Planted("D3", [*log(), f"nan,i,{T}"], log(), "WARN", options={"keep_null_keys": True}),
    Planted("D4", [*log(), f"U1,i1,{T}"], log(), says='"u1"'),
    Planted("D4", [*log(), f" u1,i1,{T}"], log(), says='" u1"'),
    Planted("D5", [*log(), f"u\u0430b,i1,{T}"], log(), says="alphabets"),
    Planted("D5", [*log(), f"CafÃ©,i1,{T}"], [*log(), f"Café,i1,{T}"], says="encoding"),
    Planted("D6", [*log(), log()[1]], log(), says="1 rows repeat"),
    Planted(
        "D7",
        ["user,item,click", "a,i,1", "a,i,0", "b,j,1"],
        ["user,item,click", "a,i,1", "a,k,0", "b,j,1"],
        says="1 equal rows",
    ),
    Planted("D8", [*log(), "u,i,3900000000"], log(), "FAIL", "in the future"),
    Planted("D8", ["user,item,ts", f"a,i,{T}", f"b,j,{T}"], log(), says="equal"),
    Planted("D9", ["user,item,ts", *ONE_DAY], log(), says="equal times"),
    Planted("D11", ["user,item,ts", *(f"u{i},i{i % 5},{T + i}" for i in range(50))], log()),
    Planted(
        "D14",
        ["user,item,click,buy", "a,i,0,1", *["b,j,1,1", "c,k,0,0"] * 20],
        ["user,item,click,buy", *["b,j,1,1", "c,k,0,0"] * 20],
        "FAIL",
        "no click",
        BOTH,
    ),
    Planted("D15", labelled([0] * 60), labelled(HALF), "FAIL", "is 0 on all 60 rows", CLICK),
    Planted("D15", labelled([1] * 5 + [0] * 60), labelled(HALF), "WARN", "fewer than 20", CLICK),
    Planted(
        "D16",
        log(head="user,item,ts,hours", more=",80"),
        log(head="user,item,ts,hours", more=",#"),
        says='"hours" is constant',
    ),
    Planted(
        "D16",
        log(head="user,item,ts,row", more=",r#"),
        log(head="user,item,ts,row", more=",80"),
        says='"row" differs in every row',
    ),
    Planted(
        "D17",
        ["user,item,click,days", *(f"u{i % 5},i{i % 7},{i % 2},{i % 2 * 9}" for i in range(60))],
        ["user,item,click,days", *(f"u{i % 5},i{i % 7},{i % 2},{i % 3}" for i in range(60))],
        "FAIL",
        '"days" tells "click"',
    ),
    Planted(
        "D18",
        log(head="user,item,ts,instance weight", more=",1"),
        log(head="user,item,ts,age", more=",1"),
        says="--weight",
    ),
    Planted(
        "D22",
        log(head="user,item,ts,E-Mail", more=",x#@y.org"),
        log(head="user,item,ts,colour", more=",red#"),
        says='"E-Mail"',
    ),
    Planted(
        "D22",
        log(head="user,item,ts,contact", more=",x#@y.org"),
        log(head="user,item,ts,contact", more=",desk #"),
        says='"contact"',
    ),
    Planted("D23", labelled(sorted(HALF)), labelled(HALF), says="sorted by", options=CLICK),
    Planted(
        "D25",
        ["user,item", *(f"k{i},k{(i + 1) % 20}" for i in range(20))],
        ["user,item", *(f"u{i},k{(i + 1) % 20}" for i in range(20))],
        says="one column for both",
    ),
]
ELSEWHERE = {"D10", "D12", "D13", "D19", "D20", "D21", "D24"}  # tests of their own below


def found(folder: Path, lines: list[str], options: dict[str, Any]) -> list[Finding]:
    path = folder / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return check(path, ReadOptions(**options))


@pytest.mark.parametrize("case", PLANTED, ids=[f"{p.id} {p.says or p.level}" for p in PLANTED])
def test_a_planted_fault_is_found_and_its_clean_twin_is_not(case: Planted, tmp_path: Path) -> None:
    bad = [f for f in found(tmp_path, case.bad, case.options) if f.id == case.id]
    assert any(f.level == case.level and case.says in f.message for f in bad), bad
    options = {} if case.id == "D3" else case.options
    clean = [f for f in found(tmp_path, case.clean, options) if f.id == case.id]
    assert clean
    assert not any(f.level == case.level and case.says in f.message for f in clean), clean


def test_every_check_has_a_planted_case() -> None:
    assert {case.id for case in PLANTED} | ELSEWHERE == set(CHECKS)


def test_d10_counts_events_out_of_order(tmp_path: Path) -> None:
    lines = ["user,item,ts", f"a,i,{T + 9}", f"a,j,{T}", f"b,i,{T}"]
    (finding,) = [f for f in found(tmp_path, lines, {}) if f.id == "D10"]
    assert finding.message.startswith("1 events stand before")


def test_d12_sees_train_events_after_the_first_question(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join(log()))
    dataset = read(path)
    said = check_split(dataset, dataset.split(SplitConfig(how="random")))
    assert [f.level for f in said if f.id == "D12"] == ["WARN"]
    said = check_split(dataset, dataset.split(SplitConfig(how="time")))
    assert not [f for f in said if f.id == "D12"]


def test_d13_counts_targets_unknown_to_train(tmp_path: Path) -> None:
    rows = [f"u{i % 5},i{i % 4},{T + i}" for i in range(80)]
    rows += [f"u{i % 5},new{i},{T + 1000 + i}" for i in range(20)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user,item,ts", *rows]))
    dataset = read(path)
    said = check_split(dataset, dataset.split(SplitConfig(how="time")))
    levels = {f.message.split(":")[0]: f.level for f in said if "targets are unknown" in f.message}
    assert levels["test"] == "FAIL"


def test_d9_fails_only_where_nobody_said_how_ties_break(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user,item,ts", *ONE_DAY]))
    dataset = read(path)
    split = dataset.split(SplitConfig())
    told = {told: check_split(dataset, split, told)[0].level for told in (True, False)}
    assert told == {True: "WARN", False: "FAIL"}


def test_d19_and_d20_look_at_tables(tmp_path: Path) -> None:
    events = [f"u{i % 5}\ti{i % 9}\t{T + i}" for i in range(60)]
    head = "user_id:token\titem_id:token\ttimestamp:float"
    (tmp_path / "d.inter").write_text("\n".join([head, *events]))
    items = [f"i{i}\tc{i}" for i in range(9)]
    (tmp_path / "d.item").write_text("\n".join(["item_id:token\tclass:token", *items]))
    (tmp_path / "d.net").write_text("a:token\tb:token\nu1\tu1\nu1\tu2\nu1\tu2\n")
    dataset = read(tmp_path / "d.inter")
    (net,) = [f for f in check(tmp_path / "d.inter") if f.id == "D20"]
    assert net.level == "WARN"
    assert "1 self loops, 1 repeated" in net.message
    said = check_split(dataset, dataset.split(SplitConfig(how="time")))
    assert [f.level for f in said if f.id == "D19"] == ["PASS"]


def test_d21_names_the_memory_that_is_needed(tmp_path: Path) -> None:
    (finding,) = [f for f in found(tmp_path, log(), {"mem": 20_000}) if f.id == "D21"]
    assert finding.level == "PASS"
    with pytest.raises(MemoryError, match="limit"):
        found(tmp_path, log(), {"mem": 2_000})


def test_a_failed_check_stops_unless_it_is_accepted_by_name() -> None:
    failed = [Finding("D15", "FAIL", "one class")]
    with pytest.raises(ValueError, match="--accept D15"):
        refuse(failed, ())
    refuse(failed, ("D15",))


def test_real_sets_have_the_ties_that_are_known(real_data: Path) -> None:
    found_ = {f.id: f for f in check(real_data / "ml-100k" / "ml-100k.inter.gz")}
    assert found_["D9"].message.startswith("44.0%")
    beauty = {f.id: f for f in check(real_data / "amazon_seq" / "Beauty.txt.gz")}
    assert beauty["D9"].message.startswith("not checked: no times; beauty-seq: inside one day")
    assert np.all([f.level != "FAIL" for f in found_.values()])
