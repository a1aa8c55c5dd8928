"""What a model does with codes: sums of vectors, a head that guesses."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from polyrec.nn import ItemTable
from polyrec.nn.quantize import CodedTable, CodeEmbedding, CodeHead, Codes

IDS = torch.tensor([[0, 0], [1, 2], [1, 3], [0, 0]])
CODES = Codes(IDS, torch.zeros(2, 3, 4), (3, 3))


def test_a_vector_is_the_sum_of_its_codes_vectors():
    part = CodeEmbedding(3, 2, 3, 4)
    part.fill(CODES)
    rows = part.table.weight  # row 0, then three a level
    assert torch.equal(part(torch.tensor([[2]])), (rows[1] + rows[3 + 3])[None, None])


def test_nothing_and_items_without_codes_are_zero():
    part = CodeEmbedding(3, 2, 3, 4)
    part.fill(CODES)
    assert not part(torch.tensor([0, 3])).any()


def test_items_of_one_code_share_its_gradient():
    part = CodeEmbedding(3, 2, 3, 4)
    part.fill(CODES)
    part(torch.tensor([1, 2, 3, 0])).sum().backward()
    grad = part.table.weight.grad.to_dense()[:, 0]
    assert grad.tolist() == [0, 2, 0, 0, 0, 1, 1]


def test_a_coded_table_starts_as_the_table_alone():
    torch.manual_seed(1)
    plain = ItemTable(3, 4)
    torch.manual_seed(1)
    coded = CodedTable(3, 4, 2, 3)
    coded.by_code.fill(CODES)
    ids = torch.arange(4)
    assert torch.equal(coded(ids), plain(ids))
    coded(ids).square().sum().backward()
    assert coded.by_code.table.weight.grad.to_dense()[1].any()


def test_codes_travel_with_the_weights():
    part, other = CodeEmbedding(3, 2, 3, 4), CodeEmbedding(3, 2, 3, 4)
    part.fill(CODES)
    other.load_state_dict(part.state_dict())
    assert torch.equal(other.codes, IDS)


def test_the_heads_loss_is_the_mean_cross_entropy_of_the_levels():
    torch.manual_seed(2)
    head = CodeHead(3, 2, 3, 4)
    head.fill(CODES)
    query = torch.randn(2, 4)
    logits = head(query)
    by_hand = torch.stack(
        [F.cross_entropy(logits[:, level], IDS[[1, 2], level] - 1, reduction="none")
         for level in range(2)]
    ).mean(0)  # fmt: skip
    assert torch.allclose(head.loss(query, torch.tensor([1, 2])), by_hand)


def test_the_head_asks_nothing_of_items_without_codes():
    head = CodeHead(3, 2, 3, 4)
    head.fill(CODES)
    assert head.loss(torch.randn(2, 4), torch.tensor([3, 0])).tolist() == [0, 0]
    assert head.known(torch.tensor([0, 1, 2, 3])).tolist() == [False, True, True, False]


def test_a_blank_head_loses_ln_size():
    head = CodeHead(3, 2, 3, 4)
    head.fill(CODES)
    torch.nn.init.zeros_(head.layer.weight)
    torch.nn.init.zeros_(head.layer.bias)
    assert head.loss(torch.randn(1, 4), torch.tensor([1])).item() == pytest.approx(math.log(3))


def test_codes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"given|made for \(5, 2, 3\)"):
        CodeEmbedding(4, 2, 3, 4).fill(CODES)
