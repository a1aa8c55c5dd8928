"""Expected values among drawn candidates are expectations of values from 0 to 1."""

import torch

from polyrec.metrics.sampled import expected


def test_an_expected_hit_rate_is_never_above_one_by_rounding() -> None:
    ranks = torch.arange(1, 2_000)
    assert float(expected(ranks, 12_101, 100, 10, "hit_rate").max()) <= 1.0
