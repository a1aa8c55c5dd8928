"""Models: from requests to query vectors, or to a score for the whole catalogue."""

from torch import nn

from polyrec.models.closed_form import (
    EASE,
    IALS,
    SLIM,
    ItemKNN,
    MostPopular,
    RP3beta,
    SpectralCF,
    popularity,
)
from polyrec.models.codes import SolveCodes, Together, content_vectors, log_vectors
from polyrec.models.graphs.collaborative import (
    SGL,
    Factors,
    LightGCN,
    SimGCL,
    SimpleX,
    UltraGCN,
    XSimGCL,
)
from polyrec.models.history import FromHistory
from polyrec.models.interests import MIND, ComiRecDR, ComiRecSA, YouTubeDNN
from polyrec.models.sequence import GRU4Rec
from polyrec.models.transformer import HSTU, GRUSequence, LiGR, Reading, SASRec, Sides

MODELS: dict[str, type[nn.Module]] = {
    "popular": MostPopular,
    "item_knn": ItemKNN,
    "rp3beta": RP3beta,
    "slim": SLIM,
    "ease": EASE,
    "ials": IALS,
    "spectral": SpectralCF,
    "youtube_dnn": YouTubeDNN,
    "gru4rec": GRU4Rec,
    "mind": MIND,
    "dr": ComiRecDR,
    "sa": ComiRecSA,
    "sasrec": SASRec,
    "ligr": LiGR,
    "hstu": HSTU,
    "gru_sequence": GRUSequence,
    "mf": Factors,
    "lightgcn": LightGCN,
    "sgl": SGL,
    "simgcl": SimGCL,
    "xsimgcl": XSimGCL,
    "ultragcn": UltraGCN,
    "simplex": SimpleX,
}

__all__ = [
    "EASE",
    "HSTU",
    "IALS",
    "MIND",
    "MODELS",
    "SGL",
    "SLIM",
    "ComiRecDR",
    "ComiRecSA",
    "Factors",
    "FromHistory",
    "GRU4Rec",
    "GRUSequence",
    "ItemKNN",
    "LiGR",
    "LightGCN",
    "MostPopular",
    "RP3beta",
    "Reading",
    "SASRec",
    "Sides",
    "SimGCL",
    "SimpleX",
    "SolveCodes",
    "SpectralCF",
    "Together",
    "UltraGCN",
    "XSimGCL",
    "YouTubeDNN",
    "content_vectors",
    "log_vectors",
    "popularity",
]
