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
from polyrec.nn.similarity import (
    MLP,
    SIMILARITIES,
    Biases,
    Bilinear,
    Cosine,
    Dot,
    Fused,
    GatedMultiHead,
    ItemGatedMultiHead,
    MaxMultiHead,
    MultiHead,
    Scale,
    ScaledDot,
    Temperature,
)

__all__ = [
    "INITS",
    "MLP",
    "SIMILARITIES",
    "Biases",
    "Bilinear",
    "Cosine",
    "Dot",
    "Fused",
    "GatedMultiHead",
    "Init",
    "Interests",
    "ItemGatedMultiHead",
    "ItemTable",
    "MaxMultiHead",
    "MindRouting",
    "MultiHead",
    "Packed",
    "Routing",
    "Scale",
    "ScaledDot",
    "SelfAttention",
    "Temperature",
    "known",
    "pack",
    "routing_penalty",
]
