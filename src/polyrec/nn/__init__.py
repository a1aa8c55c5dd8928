"""Learned blocks: tables, similarities, packed histories, interests."""

from polyrec.nn.embed import INITS, Init, ItemTable
from polyrec.nn.interests import (
    Interests,
    MindRouting,
    Routing,
    SelfAttention,
    routing_penalty,
)
from polyrec.nn.packed import Packed, known, pack
from polyrec.nn.similarity import SIMILARITIES, Cosine, Dot, Scale

__all__ = [
    "INITS",
    "SIMILARITIES",
    "Cosine",
    "Dot",
    "Init",
    "Interests",
    "ItemTable",
    "MindRouting",
    "Packed",
    "Routing",
    "Scale",
    "SelfAttention",
    "known",
    "pack",
    "routing_penalty",
]
