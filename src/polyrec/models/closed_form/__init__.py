"""Models that are solved, not trained: popularity, neighbours, linear maps, factors, spectra.

Their whole memory is buffers of a size known from the constructor, so a state dict is the model.
`solve` fills them from a log; `scores` answers for histories that the log need not hold.
"""

from polyrec.models.closed_form.factors import IALS
from polyrec.models.closed_form.linear import EASE, SLIM
from polyrec.models.closed_form.neighbours import ItemKNN, RP3beta
from polyrec.models.closed_form.popular import MostPopular, popularity
from polyrec.models.closed_form.spectral import Filter, SpectralCF, bspm, gf_cf, turbo_cf

__all__ = [
    "EASE",
    "IALS",
    "SLIM",
    "Filter",
    "ItemKNN",
    "MostPopular",
    "RP3beta",
    "SpectralCF",
    "bspm",
    "gf_cf",
    "popularity",
    "turbo_cf",
]
