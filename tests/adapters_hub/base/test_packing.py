"""Packed weights give the same products."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from adapters_hub.base.packing import pack, packed_linear
from adapters_hub.encoder import has_fast_bfloat16

needs_bfloat16 = pytest.mark.skipif(not has_fast_bfloat16("cpu"), reason="this processor has no bfloat16 instructions")


@needs_bfloat16
@pytest.mark.parametrize("rows", [1, 33, 2000])
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_packed_product_is_the_same(rows: int, with_bias: bool) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(rows, 2, 48).bfloat16(), torch.randn(96, 48).bfloat16()
    bias = torch.randn(96).bfloat16() if with_bias else None
    for each in (weight, torch.randn(48, 96).bfloat16().T):
        packed = pack(each)
        assert packed is not None
        torch.testing.assert_close(packed_linear(x, packed, bias), linear(x, each, bias))


def test_float32_is_not_packed() -> None:
    assert pack(torch.randn(8, 8)) is None
