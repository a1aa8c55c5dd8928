"""What the embeddings recipe should reach: published numbers where a log of ours has them."""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

EXPECTED: tuple[Expected, ...] = ()
CURVES: tuple[Curve, ...] = ()
