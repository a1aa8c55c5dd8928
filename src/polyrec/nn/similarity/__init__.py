"""How a query meets an item. Scale and temperature live here, corrections for sampling do not.

`plain` and `learned` scores are inner products, which an index serves; `exact` ones are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from polyrec.nn.similarity.exact import MLP, ItemGatedMultiHead, MaxMultiHead
from polyrec.nn.similarity.learned import Biases, Bilinear, Fused, GatedMultiHead, MultiHead
from polyrec.nn.similarity.plain import Cosine, Dot, Scale, ScaledDot, Temperature

__all__ = [
    "MLP",
    "SIMILARITIES",
    "Biases",
    "Bilinear",
    "Cosine",
    "Dot",
    "Fused",
    "GatedMultiHead",
    "ItemGatedMultiHead",
    "MaxMultiHead",
    "MultiHead",
    "Scale",
    "ScaledDot",
    "Temperature",
]


def _of_any_width(kind: Callable[[], nn.Module]) -> Callable[[int], nn.Module]:
    def make(dim: int) -> nn.Module:
        return kind()

    make.__doc__ = kind.__doc__
    return make


SIMILARITIES: Mapping[str, Callable[[int], nn.Module]] = {
    "dot": _of_any_width(Dot),
    "cosine": _of_any_width(Cosine),
    "scaled": _of_any_width(ScaledDot),
    "bilinear": Bilinear,
    "fused": Fused,
    "multi_head": MultiHead,
    "gated": GatedMultiHead,
    "multi_head_max": MaxMultiHead,
    "item_gated": ItemGatedMultiHead,
    "mlp": MLP,
}  # name -> width of the vectors -> a similarity with its default settings
