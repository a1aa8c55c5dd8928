"""`polyrec data`: bring a log in, check it, split it, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.reading import (
    Flags,
    accepted,
    filters,
    integer,
    moment,
    number,
    one_of,
    options,
    reads,
    words,
)
from polyrec.cli.say import Say
from polyrec.cli.told import as_json_values, read_aloud, sample, say_source

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
AsJson = Annotated[bool, typer.Option("--json", help="only one JSON object, at the end")]
Log = Annotated[str, typer.Argument(help="a log, an imported folder or a catalogue name")]
Stored = Annotated[Path, typer.Argument(help="a folder written by `polyrec data import`")]


@app.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """The catalogue: known public data sets, their counts, terms and addresses."""
    from polyrec.data.catalogue import CATALOGUE, at_hand

    say, sets = Say(as_json), []
    say.line(f"{'name':22}{'actors':>13}{'targets':>13}{'events':>13}")
    for entry in CATALOGUE.values():
        here = at_hand(entry)
        sizes = (entry.actors, entry.targets, entry.events) if entry.log else ()
        cells = "".join(f"{size:>13,}" if size else f"{'open':>13}" for size in sizes)
        say.line(f"{entry.name:22}{cells:41}{'at hand' if here else '':9}{entry.title}")
        sets.append(
            {
                "name": entry.name,
                "title": entry.title,
                "address": entry.address,
                "licence": entry.licence,
                "sizes": {"actors": entry.actors, "targets": entry.targets, "events": entry.events},
                "files": {file.name: file.hash_told for file in entry.files},
                "at_hand": here,
            }
        )
    say.line("`polyrec data get NAME` fetches a set, `data import NAME OUT` reads one at hand")
    say.result({"sets": sets})


@app.command("get")
def fetch_set(
    name: Annotated[str, typer.Argument(help="a name of `polyrec data list`")],
    to: Annotated[Path | None, typer.Option(help="folder; default: POLYREC_DATA/NAME")] = None,
    address: Annotated[str, typer.Option(help="another base address")] = "",
    as_json: AsJson = False,
) -> None:
    """Download a set from its official address, resume, check its hash."""
    from polyrec.data.catalogue import entry, get
    from polyrec.data.catalogue.fetch import hashed

    say, wanted = Say(as_json), entry(name)
    say.line(f"{wanted.title}\nterms: {wanted.licence}\naddress: {wanted.address}")

    def told(file: str, done: int, total: int) -> None:
        of = f" of {total / 2**20:,.1f}" if total else ""
        say.progress(f"{file}: {done / 2**20:,.1f}{of} MB", final=done == total)

    paths = get(name, to, address, told)
    hashes = {path.name: hashed(path)[0] for path in paths}
    for file, sha256 in hashes.items():
        say.line(f"{file}: sha256 {sha256}")
    say.result({"name": name, "files": [str(p) for p in paths], "sha256": hashes})


@app.command("simulate")
def simulate(
    world: Annotated[str, typer.Argument(help="a world of `polyrec list`")],
    out: Annotated[Path, typer.Argument(help="new file (csv) or folder (tencentgr)")],
    form: Annotated[str, typer.Option("--format", help="csv or tencentgr")] = "csv",
    users: Annotated[str, typer.Option(help="people; default: the world's own")] = "",
    seed: Annotated[int, typer.Option(help="another shop of the same kind")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the log of a simulated shop, as files that `data import` reads."""
    from dataclasses import replace

    from polyrec.files import refuse_taken
    from polyrec.worlds import WORLDS, write_log, write_tencentgr

    say = Say(as_json)
    write = {"csv": write_log, "tencentgr": write_tencentgr}[
        one_of("--format", form, ["csv", "tencentgr"])
    ]
    shop = replace(WORLDS[one_of("WORLD", world, [*WORLDS])], seed=seed)
    if users:
        shop = replace(shop, users=integer("--users", users))
    refuse_taken(out)
    rows = write(shop, out)
    say.line(f"written: {out}, {rows:,} events of {shop.users:,} people, {shop.items:,} items")
    say.line(f"next: polyrec data import {out} OUT")
    say.result({"world": world, "format": form, "out": str(out), "events": rows})


@app.command("check")
@reads(filters=False)
def check_log(path: Log, as_json: AsJson = False, *, flags: Flags) -> None:
    """Look for what is wrong with a log before it is believed: findings D1 to D25."""
    from polyrec.data.check import check

    say = Say(as_json)
    found = check(path, options(flags))
    for finding in found:
        say.line(f"{finding.level:5}{finding.id:5}{finding.message}")
    failed = [f.id for f in found if f.level == "FAIL" and f.id not in accepted(flags["accept"])]
    say.line(f"{len(found)} {'check' if len(found) == 1 else 'checks'}, {len(failed)} failed")
    told = [{"id": f.id, "level": f.level, "message": f.message} for f in found]
    say.result({"findings": told, "failed": failed})
    if failed:
        raise typer.Exit(3)


@app.command("import")
@reads(filters=True)
def import_log(
    path: Log,
    out: Annotated[Path | None, typer.Argument(help="new folder for the data set")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show what would be read, write nothing")
    ] = False,
    as_json: AsJson = False,
    *,
    flags: Flags,
) -> None:
    """Read a log, filter it, and keep it as one folder of columns."""
    from polyrec.data import save
    from polyrec.data.check import check_dataset, refuse
    from polyrec.data.filters import apply
    from polyrec.data.splits.parts import PART
    from polyrec.files import refuse_taken

    say = Say(as_json)
    if out is None and not dry_run:
        raise ValueError(f"{path}: no folder OUT for the data set; name one, or use --dry-run")
    wanted = filters(flags)
    if out is not None and not dry_run:
        refuse_taken(out)  # before a long reading, not after it
    dataset = apply(read_aloud(path, options(flags), say), wanted)
    refuse(check_dataset(dataset), accepted(flags["accept"]))
    say_source(dataset, say)
    if out is not None and not dry_run:
        save(dataset, out)
        how = "given" if PART in dataset.events.extra else "leave-one-out"
        say.line(f"written: {out}\nnext: polyrec data split {out} --how {how}")
    say.result({**as_json_values(dataset), "out": None if dry_run or out is None else str(out)})


@app.command("split")
def split_set(
    out: Stored,
    how: Annotated[
        str, typer.Option(help="leave-one-out, last-n, time, by-user, random or given")
    ] = "leave-one-out",
    n: Annotated[str, typer.Option(help="last-n: events in test and in valid")] = "1",
    min_events: Annotated[str, typer.Option(help="actors with fewer stay in train")] = "3",
    ties: Annotated[str, typer.Option(help="equal times: file, shuffle or same-side")] = "",
    at: Annotated[str, typer.Option(help="time: two dates, comma-separated")] = "",
    ratios: Annotated[str, typer.Option(help="train,valid,test")] = ".8,.1,.1",
    cut: Annotated[str, typer.Option(help="by-user: share of a sequence shown")] = ".8",
    per: Annotated[str, typer.Option(help="random: actor or all")] = "actor",
    valid_from_train: Annotated[str, typer.Option(help="share of train that is valid")] = "0",
    cold: Annotated[str, typer.Option(help="targets unknown to train: keep or drop")] = "keep",
    allow_leak: Annotated[str, typer.Option(help="L1: repeats across parts are real")] = "",
    accept: Annotated[str, typer.Option(help="findings that do not stop: D9")] = "",
    seed: Annotated[int, typer.Option(help="of shuffles")] = 1230,
    as_json: AsJson = False,
) -> None:
    """Cut an imported set into train, valid and test, and keep how it was done."""
    from polyrec.data import SPLITS, SplitConfig, load, save_split
    from polyrec.data.check import check_split, refuse

    config = SplitConfig(
        how=one_of("--how", how, [*SPLITS]),
        n=integer("--n", n),
        min_events=integer("--min-events", min_events),
        ties=one_of("--ties", ties or "file", ["file", "shuffle", "same-side"]),
        at=_two_dates(at),
        ratios=_three("--ratios", ratios),
        cut=number("--cut", cut),
        per=one_of("--per", per, ["actor", "all"]),
        valid_from_train=number("--valid-from-train", valid_from_train),
        cold=one_of("--cold", cold, ["keep", "drop"]),
        allow_leaks=accepted(allow_leak, "--allow-leak"),
        seed=seed,
    )
    say, dataset = Say(as_json), load(out)
    made = dataset.split(config)
    findings = check_split(dataset, made, ties_told=bool(ties))
    for finding in findings:
        say.line(f"{finding.level:5}{finding.id:5}{finding.message}")
    refuse(findings, accepted(accept))
    save_split(made, out)
    sizes = {"train": len(made.train), "valid": len(made.valid), "test": len(made.test)}
    if share := made.how.get("train_only_share"):
        say.line(f"note: {made.how['train_only_actors']:,} actors ({share:.0%}) stay train only")
    say.line(
        f"train {sizes['train']:,} events; valid {sizes['valid']:,} and test "
        f"{sizes['test']:,} questions; kept in {out / 'split.json'}"
    )
    told = [{"id": f.id, "level": f.level, "message": f.message} for f in findings]
    say.result({"how": dict(made.how), **sizes, "findings": told})


@app.command("show")
def show_set(
    out: Log,
    actor: Annotated[str, typer.Option(help="show this actor's events")] = "",
    as_json: AsJson = False,
) -> None:
    """What a data set holds: counts, where it comes from, what was assumed, some events."""
    from polyrec.data.readers import read

    say, dataset = Say(as_json), read(out)
    say_source(dataset, say)
    rows = sample(dataset, actor)
    for row in rows:
        say.line("  ".join(str(value) for value in row.values()))
    say.result({**as_json_values(dataset), "events": rows})


@app.command("size")
def size_set(
    out: Log,
    length: Annotated[int, typer.Option(help="history of an example, for the joined size")] = 20,
    as_json: AsJson = False,
) -> None:
    """Bytes of every column, and of an example with its history and features joined."""
    from polyrec.data.readers import read
    from polyrec.data.store import bytes_of

    if length < 1:
        raise ValueError(f"--length: got {length}; at least 1; for example 20")
    say, dataset = Say(as_json), read(out)
    sizes = bytes_of(dataset)
    for name, size in sizes.items():
        say.line(f"{name:32}{size:16,} bytes")
    features = sum(size for name, size in sizes.items() if name.startswith("target."))
    joined = length * (4 + 8 + features // max(dataset.items, 1))
    total = sum(sizes.values())
    say.line(f"{'in all':32}{total:16,} bytes")
    say.line(
        f"an example of {length} events with its features joined: {joined:,} bytes; "
        f"all of them: {joined * len(dataset.events):,} bytes"
    )
    say.result({"columns": sizes, "total": total, "joined_example": joined})


def _two_dates(text: str) -> tuple[int, int] | None:
    dates = [moment("--at", word) for word in words(text)]
    if not dates:
        return None
    if len(dates) != 2 or dates[0] is None or dates[1] is None:
        raise ValueError(f'--at: got "{text}"; two dates; for example 2014-01-01,2014-02-01')
    return dates[0], dates[1]


def _three(flag: str, text: str) -> tuple[float, float, float]:
    parts = [number(flag, word) for word in words(text)]
    if len(parts) != 3:
        raise ValueError(f'{flag}: got "{text}"; three shares; for example .8,.1,.1')
    return parts[0], parts[1], parts[2]
