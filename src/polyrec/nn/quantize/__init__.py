"""Semantic ids: items as a few coarse-to-fine codes, so that similar items share some.

They help items that few have met, as features beside ids or as an auxiliary task; they do not
replace the retriever (docs/codes.md).
"""

from collections.abc import Callable
from typing import Any

from polyrec.nn.quantize.capacity import room, spread
from polyrec.nn.quantize.coded import CodedTable, CodeEmbedding, CodeHead, HoldsCodes
from polyrec.nn.quantize.codes import Codes, collision_token, encode, summed
from polyrec.nn.quantize.kmeans import kmeans, nearest
from polyrec.nn.quantize.residual import residual_kmeans
from polyrec.nn.quantize.rqvae import RQVAE, Parts, Quantised, rotated, straight
from polyrec.nn.quantize.utilisation import Utilisation, perplexity, utilisation

QUANTIZERS: dict[str, Callable[..., Any]] = {
    "rq_kmeans": residual_kmeans,
    "rq_vae": RQVAE,
}

__all__ = [
    "QUANTIZERS",
    "RQVAE",
    "CodeEmbedding",
    "CodeHead",
    "CodedTable",
    "Codes",
    "HoldsCodes",
    "Parts",
    "Quantised",
    "Utilisation",
    "collision_token",
    "encode",
    "kmeans",
    "nearest",
    "perplexity",
    "residual_kmeans",
    "room",
    "rotated",
    "spread",
    "straight",
    "summed",
    "utilisation",
]
