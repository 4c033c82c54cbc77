"""Average precision of detections at an overlap of one half (NumPy only)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the area shared by each pair of boxes over that covered by either; (n, 4), (m, 4) -> (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1) for boxes in (first, second)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)


def _matched(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Tell which of one picture's detections of one class, best first, find a box that none before found."""
    right = np.zeros(len(boxes), dtype=bool)
    if len(truth) == 0:
        return right
    shared = overlaps(boxes, truth)
    free = np.ones(len(truth), dtype=bool)
    for row in range(len(boxes)):
        best = int(np.where(free, shared[row], -1.0).argmax())
        if free[best] and shared[row, best] >= 0.5:
            right[row], free[best] = True, False
    return right


def _area(right: np.ndarray, total: int) -> float:
    """Return the area under the curve of precision, made to fall only, over recall."""
    found = np.cumsum(right)
    precision = found / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(precision[right].sum() / max(total, 1))


def average_precisions(
    detections: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    truths: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
) -> np.ndarray:
    """Return the average precision of each class at an overlap of 0.5; their mean is mAP50.

    Args:
        detections: for each picture boxes (n, 4), scores (n,) and class indices (n,).
        truths: for each picture boxes (m, 4) and class indices (m,).
        classes: number of classes.

    Returns:
        float64 (classes,); 0 for a class of which there is no object.
    """
    result = np.zeros(classes)
    for kind in range(classes):
        scores, right, total = [], [], 0
        for (boxes, score, kinds), (true_boxes, true_kinds) in zip(detections, truths, strict=True):
            chosen = np.flatnonzero(kinds == kind)
            chosen = chosen[np.argsort(-score[chosen], kind="stable")]
            truth = true_boxes[true_kinds == kind]
            total += len(truth)
            scores.append(score[chosen])
            right.append(_matched(boxes[chosen], truth))
        order = np.argsort(-np.concatenate(scores), kind="stable")
        result[kind] = _area(np.concatenate(right)[order], total)
    return result
