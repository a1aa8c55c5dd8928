"""Sets of the catalogue: downloads resume and are verified; counts are those of the files."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from polyrec.data import read
from polyrec.data.catalogue import CATALOGUE, Entry, File, entry, get, read_entry, verified

CONTENT = b"user,item\n" + b"".join(b"u%d,i%d\n" % (i, i % 7) for i in range(30_000))
LOG = Entry(
    name="toy",
    title="a toy",
    address="http://127.0.0.1/toy",
    licence="none",
    main="toy.csv",
    files=(File("toy.csv", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)),),
)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves one file, by ranges, and can break off in the middle."""

    content = CONTENT
    stop_after = 0  # bytes after which the connection breaks; 0 = never
    tag = '"one"'
    asked: list[str]

    def do_GET(self) -> None:
        start = 0
        wanted = self.headers.get("Range", "")
        type(self).asked.append(wanted)
        if wanted and self.headers.get("If-Range") == self.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        part = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", self.tag)
        self.end_headers()
        self.wfile.write(part[: self.stop_after] if self.stop_after else part)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def server() -> Iterator[tuple[type[Server], str]]:
    handler = type("Handler", (Server,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield handler, f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setitem(CATALOGUE, "toy", LOG)
    return LOG


def test_a_download_is_verified_and_not_repeated(
    server: tuple[type[Server], str], toy: Entry, tmp_path: Path
) -> None:
    handler, address = server
    (path,) = get("toy", tmp_path, address)
    assert path.read_bytes() == CONTENT
    get("toy", tmp_path, address)
    assert handler.asked == [""]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy.csv"]


def test_a_broken_download_goes_on_where_it_stopped(
    server: tuple[type[Server], str], toy: Entry, tmp_path: Path
) -> None:
    handler, address = server
    handler.stop_after = 100_000
    with pytest.raises(FileNotFoundError, match="100000 bytes are kept"):
        get("toy", tmp_path, address)
    assert not (tmp_path / "toy.csv").exists()
    handler.stop_after = 0
    (path,) = get("toy", tmp_path, address)
    assert path.read_bytes() == CONTENT
    assert handler.asked == ["", "bytes=100000-"]


def test_a_file_that_changed_between_two_parts_is_fetched_anew(
    server: tuple[type[Server], str], toy: Entry, tmp_path: Path
) -> None:
    handler, address = server
    handler.stop_after, handler.content = 1000, b"x" * len(CONTENT)
    with pytest.raises(FileNotFoundError):
        get("toy", tmp_path, address)
    handler.stop_after, handler.content, handler.tag = 0, CONTENT, '"two"'
    (path,) = get("toy", tmp_path, address)
    assert path.read_bytes() == CONTENT


def test_another_hash_is_refused_with_both_and_nothing_is_kept(
    server: tuple[type[Server], str], toy: Entry, tmp_path: Path
) -> None:
    handler, address = server
    handler.content = CONTENT + b"more"
    with pytest.raises(ValueError, match=r"sha256 .* expected .*another edition.*set of your own"):
        get("toy", tmp_path, address)
    assert not list(tmp_path.iterdir())


def test_offline_the_message_names_address_file_hash_and_place(toy: Entry, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        get("toy", tmp_path, "http://127.0.0.1:9")
    message = str(caught.value)
    for words in (toy.address, "toy.csv", toy.files[0].sha256, str(tmp_path)):
        assert words in message
    assert "\n" not in message


def test_an_unknown_set_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="beauty-seq"):
        entry("beauty_seq")


def test_a_set_at_hand_is_read_by_its_name(
    toy: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_DATA", str(tmp_path))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.csv.gz").write_bytes(gzip.compress(CONTENT))
    dataset = read("toy")
    assert dataset.source.address == toy.address
    assert dataset.source.sha256 == {"toy.csv": toy.files[0].sha256}
    assert len(dataset.events) == 30_000


def test_a_changed_copy_of_a_catalogue_set_is_refused(
    toy: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = replace(toy, edition="the 2023 edition is another data set")
    monkeypatch.setitem(CATALOGUE, "toy", edition)
    (tmp_path / "toy.csv").write_bytes(CONTENT + b"u,i\n")
    monkeypatch.setattr("polyrec.data.catalogue.home", lambda: tmp_path.parent)
    with pytest.raises(ValueError, match="2023 edition"):
        get("toy", tmp_path)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_says_where_it_lives_and_under_which_terms(name: str) -> None:
    wanted = CATALOGUE[name]
    assert wanted.title
    assert wanted.licence
    assert wanted.address.startswith("https://")
    assert wanted.files
    assert all(len(file.sha256) in (0, 64) for file in wanted.files)
    assert not wanted.main or wanted.main in {file.name for file in wanted.files}
    assert not wanted.log or wanted.events


@pytest.mark.parametrize("name", [n for n, e in CATALOGUE.items() if e.folder])
def test_development_copies_have_the_hashes_and_counts_of_the_entry(
    name: str, real_data: Path
) -> None:
    wanted = CATALOGUE[name]
    assert verified(wanted, real_data) == {file.name: file.sha256 for file in wanted.files}
    if wanted.log:
        actors, targets, events = read_entry(name, real_data).sizes
        assert events == wanted.events
        assert wanted.actors in (0, actors)
        assert wanted.targets in (0, targets)
