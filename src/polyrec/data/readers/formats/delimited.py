"""Delimited text: CSV, TSV, or any separator of one byte or `::`, plain or compressed."""

from __future__ import annotations

from pathlib import Path

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import KNOWN, mapping_of
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.text.content import open_text
from polyrec.data.readers.text.parse import parse
from polyrec.data.readers.text.shape import plain_name, shape_of


def delimited(path: Path, options: ReadOptions, every: bool = False) -> Draft:
    """CSV, TSV and other delimited text with a header, or with named columns.

    `every` keeps the columns without a role too: for checks that look at all of them.
    """
    text = open_text(path, options)
    flagged = (options.actor, options.target, options.time, options.rating, *options.label)
    shape = shape_of(text, options, KNOWN | {plain_name(name) for name in flagged if name})
    mapping = mapping_of(text.name, shape.names, options)
    rows = parse(text, shape, options, None if every else mapping.used)
    return Draft("delimited", rows, mapping, options)
