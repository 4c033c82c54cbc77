"""A classifier's output to probabilities."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return probabilities, float32."""
    logits = np.asarray(logits, dtype=np.float32)
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def topk(probabilities: np.ndarray, k: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions and values of the k largest, largest first; of equals the lower position first."""
    if probabilities.ndim != 1:
        raise ValueError(f"Expected a 1-D probability vector, got shape {probabilities.shape}.")
    order = np.argsort(-probabilities, kind="stable")[:k]
    return order, probabilities[order]
