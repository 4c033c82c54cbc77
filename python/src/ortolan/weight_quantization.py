"""Weights in blocks of few bits, as MatMulNBits, DequantizeLinear and MatMulBnb4 read them.

The functions fill arrays that the caller made: quantized elements, a scale for each block, and zero points,
which only the asymmetric forms write.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ortolan import errors

_NF4 = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    np.float32,
)
# The magnitudes of FP4 in rising order, and the code of each; 8 is the sign.
_FP4 = np.array([0, 0.00520833, 1 / 6, 0.25, 1 / 3, 0.5, 2 / 3, 1], np.float32)
_FP4_CODES = np.array([0, 1, 6, 7, 4, 5, 2, 3], np.uint8)


def _scales(blocks: np.ndarray, bits: int, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and zero point of each block; elements of a block lie along axis 1."""
    levels, middle = 2**bits - 1, 2 ** (bits - 1)
    low, high = blocks.min(axis=1), blocks.max(axis=1)
    if symmetric:  # the element of the greatest magnitude becomes the lowest level
        extreme = np.where(np.abs(high) > np.abs(low), high, low)
        return (extreme / np.float32(-middle)).astype(np.float32), np.full(extreme.shape, middle, np.float32)
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = ((high - low) / np.float32(levels)).astype(np.float32)
    safe = np.where(scale == 0, 1, scale)
    zero_point = np.where(scale == 0, middle, np.clip(np.round(-low / safe), 0, levels))
    return scale, zero_point.astype(np.float32)


def _levels(blocks: np.ndarray, scale: np.ndarray, zero_point: np.ndarray, bits: int) -> np.ndarray:
    factor = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    exact = blocks * factor[:, None] + zero_point[:, None]
    rounded = np.trunc(exact + np.copysign(np.float32(0.5), exact))  # halves away from zero
    return np.clip(rounded, 0, 2**bits - 1).astype(np.uint8)


def _pack(levels: np.ndarray, bits: int, filler: int = 0) -> np.ndarray:
    """Pack along the last axis, the first element in the lowest bits."""
    per_byte = 8 // bits
    missing = -levels.shape[-1] % per_byte
    if missing:
        tail = np.full((*levels.shape[:-1], missing), filler, np.uint8)
        levels = np.concatenate([levels, tail], axis=-1)
    grouped = levels.reshape(*levels.shape[:-1], -1, per_byte)
    shifts = (np.arange(per_byte) * bits).astype(np.uint8)
    return np.bitwise_or.reduce(grouped << shifts, axis=-1).astype(np.uint8)


def _blocks(source: np.ndarray, columns: int, rows: int, block_size: int) -> np.ndarray:
    """Return as (columns, blocks, block_size) a (rows, columns) matrix, zeros behind the last row."""
    if block_size <= 0 or source.size != rows * columns:
        raise errors.invalid_argument(f"A matrix of {rows} rows and {columns} columns has another size")
    count = -(-rows // block_size)
    padded = np.zeros((columns, count * block_size), np.float32)
    padded[:, :rows] = source.reshape(rows, columns).T
    return padded.reshape(columns, count, block_size)


def _store(target: np.ndarray, values: np.ndarray, what: str) -> None:
    if target.size < values.size:
        raise errors.invalid_argument(
            f"The array for {what} has {target.size} elements, {values.size} are needed"
        )
    target.reshape(-1)[: values.size] = values.reshape(-1)


def _matmul(bits: int) -> Any:  # noqa: ANN401 - one of the functions below
    def quantize(
        dst: np.ndarray,
        src: np.ndarray,
        scale: np.ndarray,
        zero_points: np.ndarray,
        block_size: int,
        N: int,
        K: int,
        is_symmetric: bool,
    ) -> None:
        """Quantize a (K, N) matrix column by column, as MatMulNBits reads it."""
        blocks = _blocks(src, N, K, block_size)
        columns, count, _ = blocks.shape
        flat = blocks.reshape(columns * count, block_size)
        # Zeros behind the last row take no part in a symmetric scale and do no harm to an asymmetric one.
        scales, points = _scales(flat, bits, is_symmetric)
        levels = _levels(flat, scales, points, bits).reshape(columns, count * block_size)
        levels[:, K:] = 0
        _store(dst, _pack(levels.reshape(columns, count, block_size), bits), "the elements")
        _store(scale, scales, "scales")
        if not is_symmetric:
            zeros = points.astype(np.uint8).reshape(columns, count)
            _store(zero_points, _pack(zeros, bits, 2 ** (bits - 1)), "zero points")

    return quantize


def _qdq(bits: int) -> Any:  # noqa: ANN401
    def quantize(
        dst: np.ndarray,
        src: np.ndarray,
        scale: np.ndarray,
        zero_points: np.ndarray,
        block_size: int,
        N: int,
        K: int,
        is_symmetric: bool,
    ) -> bool:
        """Quantize a (K, N) matrix in its own layout, as DequantizeLinear reads it.

        :return: whether the elements are signed
        """
        blocks = _blocks(src, N, K, block_size)
        columns, count, _ = blocks.shape
        flat = blocks.reshape(columns * count, block_size)
        scales, points = _scales(flat, bits, is_symmetric)
        levels = _levels(flat, scales, points, bits).reshape(columns, count * block_size)[:, :K].T
        if is_symmetric:  # two's complement
            levels = (levels - 2 ** (bits - 1)) & (2**bits - 1)
        _store(dst, _pack(np.ascontiguousarray(levels, np.uint8).reshape(-1), bits), "the elements")
        _store(scale, scales.reshape(columns, count).T, "scales")
        if not is_symmetric:
            zeros = np.ascontiguousarray(points.astype(np.uint8).reshape(columns, count).T)
            _store(zero_points, _pack(zeros.reshape(-1), bits), "zero points")
        return bool(is_symmetric)

    return quantize


quantize_matmul_2bits = _matmul(2)
quantize_matmul_4bits = _matmul(4)
quantize_matmul_8bits = _matmul(8)
quantize_qdq_matmul_2bits = _qdq(2)
quantize_qdq_matmul_4bits = _qdq(4)


def quantize_matmul_bnb4(
    dst: np.ndarray,
    src: np.ndarray,
    absmax: np.ndarray,
    block_size: int,
    quant_type: int,
    N: int,
    K: int,
) -> None:
    """Quantize elements in their own order to FP4 (quant_type 0) or NF4 (1), the first in the high bits."""
    if block_size <= 0 or src.size != N * K:
        raise errors.invalid_argument(f"A matrix of {K} rows and {N} columns has another size")
    elements = src.reshape(-1).astype(np.float32)
    count = -(-elements.size // block_size)
    padded = np.zeros(count * block_size, np.float32)
    padded[: elements.size] = elements
    blocks = padded.reshape(count, block_size)
    most = np.abs(blocks).max(axis=1)
    scaled = np.divide(blocks, most[:, None], out=np.zeros_like(blocks), where=most[:, None] != 0)
    if quant_type == 0:
        codes = _FP4_CODES[np.searchsorted((_FP4[1:] + _FP4[:-1]) / 2, np.abs(scaled))]
        codes = codes | np.where(scaled < 0, 8, 0).astype(np.uint8)
    else:
        codes = np.searchsorted((_NF4[1:] + _NF4[:-1]) / 2, scaled).astype(np.uint8)
    flat = codes.reshape(-1)[: elements.size + elements.size % 2]
    _store(dst, (flat[0::2] << 4) | flat[1::2], "the elements")
    _store(absmax, most, "magnitudes")


def pack_fp4_weights_for_cuda_moe_gemm(q_weights: np.ndarray, N: int, K: int) -> NoReturn:
    """Refuse: the layout is that of onnxruntime's CUDA kernels, which this package has not."""
    raise errors.not_implemented("pack_fp4_weights_for_cuda_moe_gemm serves onnxruntime's CUDA kernels only")
