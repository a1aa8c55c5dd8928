"""Files beside seq.jsonl: the features of all items, and the indexer that names the numbers."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from polyrec.data.readers.faults import InputError, fault, shown
from polyrec.data.readers.formats.tencentgr.coded import Broken, Codes, refuse_key
from polyrec.data.readers.formats.tencentgr.records import Records
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.text.content import stream

PACKED = ("", ".gz", ".zst", ".bz2")
BLANK = " \t\r\n"
LONGEST_ITEM = 1 << 24  # characters
EXPORT = (
    'export it where it was made and is trusted: python -c "import json, pickle; '
    "json.dump(pickle.load(open('{0}.pkl', 'rb')), open('{0}.json', 'w'))\""
)


def find(folder: Path, name: str) -> Path | None:
    """The file of that name, packed or not."""
    return next((f for end in PACKED if (f := folder / (name + end)).is_file()), None)


def read_items(path: Path, records: Records) -> tuple[str, list[str]]:
    """Adds the items of item_feat_dict.json, {item: {feature: value}}; its hash and notes.

    Items that seq.jsonl has shown keep the features they had there.

    Raises:
        ValueError: broken JSON, an unknown feature; file and character are named.
    """
    digest, other = hashlib.sha256(), 0
    for key, features, at in _Pairs(path, digest):
        try:
            if type(features) is not dict:
                raise Broken("item", f"a {type(features).__name__}", "items are {id: features}")
            refuse_key(key, "item", records.options)
            other += not records.add_item(key, records.about_items.checked(features))
        except Broken as broken:
            raise fault(
                f"{path.name}: item {shown(key)} (character {at})",
                broken.what,
                broken.rule,
                broken.remedy.replace("line", "file"),
            ) from None
    notes = [f"{other:,} items have other features in {path.name}: those of the log stay"]
    return digest.hexdigest(), notes if other else []


def read_indexer(folder: Path, records: Records) -> tuple[Codes, Codes, dict[str, str], list[str]]:
    """The keys to write for users and items, the hash of indexer.json, and notes.

    With indexer.json ({"u": {key: number}, "i": {key: number}}) keys are the original ones, else
    the numbers of the files.

    Raises:
        ValueError: only a pickle is there; a number has no key or two.
    """
    path = find(folder, "indexer.json")
    if path is None:
        refuse_pickle(folder / "indexer.pkl", records.options, EXPORT)
        return records.users, records.items, {}, []
    raw = b"".join(stream(path))
    try:
        indexer = json.loads(raw.decode("utf-8-sig"))
        keys = [_inverse(path, indexer[letter], letter) for letter in ("u", "i")]
    except (KeyError, TypeError, RecursionError) as error:
        raise _no_indexer(path, f"lacks {shown(error)}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise _no_indexer(path, f"is no JSON ({shown(error)})") from None
    users, items = (
        _renamed(path, codes, names, what, records.options)
        for codes, names, what in zip(
            (records.users, records.items), keys, ("user", "item"), strict=True
        )
    )
    note = f"keys are those of {path.name}"
    return users, items, {path.name: hashlib.sha256(raw).hexdigest()}, [note]


def refuse_pickle(path: Path, options: ReadOptions, remedy: str) -> None:
    """A pickle where JSON should be.

    Raises:
        ValueError: it is there and not among the ignored.
    """
    if path.is_file() and path.name not in options.ignore:
        raise fault(
            path.name,
            "is a pickle and is refused",
            "to read a pickle is to run whatever code it holds",
            f"{remedy}; or go without it: --ignore {path.name}",
        )


class _Pairs:
    """(key, value, character) of one large JSON object, a block in memory at a time."""

    def __init__(self, path: Path, digest: hashlib._Hash) -> None:
        self.name, self.blocks = path.name, _texts(path, digest)
        self.text, self.at, self.gone = "", 0, 0  # `gone` characters lie before `text`
        self.decoder = json.JSONDecoder()

    def __iter__(self) -> Iterator[tuple[str, object, int]]:
        self._token("{")
        if self._token('"}') == '"':
            while True:
                self.at -= 1
                start, key = self.gone + self.at, self._value()
                self._token(":")
                self._skip()
                yield str(key), self._value(), start
                if self._token(",}") == "}":
                    break
                self._token('"')
        if self._skip():
            raise self._broken("text after the object")

    def _more(self) -> bool:
        block = next(self.blocks, None)
        self.gone += self.at
        self.text, self.at = self.text[self.at :] + (block or ""), 0
        return block is not None

    def _skip(self) -> bool:
        """Passes blanks; whether anything follows."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in BLANK:
                self.at += 1
            if self.at < len(self.text):
                return True
            if not self._more():
                return False

    def _token(self, allowed: str) -> str:
        if not self._skip():
            raise self._broken("the file ends early")
        if self.text[self.at] not in allowed:
            raise self._broken(f"expected {' or '.join(allowed)}")
        self.at += 1
        return self.text[self.at - 1]

    def _value(self) -> object:
        while True:
            try:
                found, end = self.decoder.raw_decode(self.text, self.at)
            except (ValueError, RecursionError) as error:
                if len(self.text) - self.at > LONGEST_ITEM or not self._more():
                    raise self._broken(f"broken JSON ({shown(error)})") from None
                continue
            self.at = end
            return found

    def _broken(self, what: str) -> ValueError:
        near = shown(self.text[self.at : self.at + 40])
        told = f"{what} at character {self.gone + self.at}: {near}"
        return fault(self.name, told, "one JSON object {item: {feature: value}}", "write it anew")


def _texts(path: Path, digest: hashlib._Hash) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        for block in stream(path):
            digest.update(block)
            yield decode.decode(block)
        yield decode.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise fault(
            path.name, f"not UTF-8 ({shown(error)})", "JSON is UTF-8", "convert it"
        ) from None


def _inverse(path: Path, names: object, letter: str) -> dict[str, str]:
    if type(names) is not dict:
        raise _no_indexer(path, f'holds a {type(names).__name__} under "{letter}"')
    out = {str(number): key for key, number in names.items()}
    if len(out) < len(names):
        raise fault(
            path.name,
            f'"{letter}" gives a number to two keys ({len(names)} keys, {len(out)} numbers)',
            "a number is one key",
            "export the indexer again",
        )
    return out


def _renamed(
    path: Path, codes: Codes, names: dict[str, str], what: str, options: ReadOptions
) -> Codes:
    out = Codes()
    for text in codes.texts:
        if text not in names:
            raise fault(
                path.name,
                f"{what} {shown(text)} of the log is not in it",
                "the indexer names every number",
                "export the indexer that belongs to this log",
            )
        out.texts.append(names[text])
    try:
        for text in out.texts:
            refuse_key(text, what, options)
    except Broken as broken:
        raise fault(path.name, broken.what, broken.rule, "export the indexer again") from None
    return out


def _no_indexer(path: Path, what: str) -> ValueError:
    rule = 'an indexer is {"u": {key: number}, "i": {key: number}}'
    return fault(path.name, what, rule, "export it as JSON")
