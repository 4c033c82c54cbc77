"""Weights in blocks: the bytes are onnxruntime's."""

from __future__ import annotations

import numpy as np
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as theirs
from ortolan.capi import onnxruntime_pybind11_state as ours


def both(name: str, rng: np.random.Generator, bits: int, columns: int, rows: int, symmetric: bool) -> None:
    block = 16
    source = rng.standard_normal((rows, columns)).astype(np.float32)
    count = -(-rows // block)
    results = []
    for state in (ours, theirs):
        target = np.zeros(columns * count * block, np.uint8)  # more than either form needs
        scale = np.zeros(columns * count, np.float32)
        zeros = np.zeros(columns * count, np.uint8)
        if "qdq" not in name:
            target = np.zeros((columns, count, block * bits // 8), np.uint8)
            zeros = np.zeros(columns * -(-count * bits // 8), np.uint8)
        answer = getattr(state, name)(target, source, scale, zeros, block, columns, rows, symmetric)
        results.append((target, scale, zeros, answer))
    for mine, other in zip(results[0][:3], results[1][:3], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    assert results[0][3] == results[1][3]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("columns", "rows"), [(2, 16), (5, 64), (3, 48)])
def test_matmul_blocks(bits: int, columns: int, rows: int, symmetric: bool) -> None:
    rng = np.random.default_rng(bits)
    both(f"quantize_matmul_{bits}bits", rng, bits, columns, rows, symmetric)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("columns", "rows"), [(4, 16), (8, 64)])
def test_blocks_for_dequantize_linear(columns: int, rows: int, symmetric: bool) -> None:
    both("quantize_qdq_matmul_4bits", np.random.default_rng(1), 4, columns, rows, symmetric)


@pytest.mark.parametrize("kind", [0, 1])
def test_bnb4(kind: int) -> None:
    source = np.random.default_rng(kind).standard_normal((6, 64)).astype(np.float32)
    results = []
    for state in (ours, theirs):
        target, most = np.zeros(source.size // 2, np.uint8), np.zeros(source.size // 16, np.float32)
        state.quantize_matmul_bnb4(target, source, most, 16, kind, 64, 6)
        results.append((target.tolist(), most.tolist()))
    assert results[0] == results[1]


def test_two_bits_come_back() -> None:
    source = np.array([[-2.0], [-1.0], [0.0], [1.0]], np.float32)
    target, scale, zeros = np.zeros(1, np.uint8), np.zeros(1, np.float32), np.zeros(1, np.uint8)
    assert ours.quantize_qdq_matmul_2bits(target, source, scale, zeros, 4, 1, 4, True)
    levels = [(int(target[0]) >> shift & 3) for shift in (0, 2, 4, 6)]
    signed = [level - 4 if level > 1 else level for level in levels]
    assert [level * float(scale[0]) for level in signed] == [-2, -1, 0, 1]


def test_sizes_are_checked() -> None:
    small, scale = np.zeros(1, np.uint8), np.zeros(2, np.float32)
    for source in (np.zeros((16, 2), np.float32), np.zeros(3, np.float32)):
        with pytest.raises(ours.InvalidArgument):
            ours.quantize_matmul_4bits(small, source, scale, small, 16, 2, 16, True)
    with pytest.raises(ours.NotImplemented, match="CUDA"):
        ours.pack_fp4_weights_for_cuda_moe_gemm(small, 1, 1)
