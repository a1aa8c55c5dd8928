"""Endless batches by random access: pure in (seed, epoch, step, part), with nothing to save."""

from polyrec.data.streams.cuts import AllCuts, RandomCut
from polyrec.data.streams.rows import Rows, labels
from polyrec.data.streams.sequences import Sequences

__all__ = ["AllCuts", "RandomCut", "Rows", "Sequences", "labels"]
