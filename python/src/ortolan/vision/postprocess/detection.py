"""A detector's output to boxes."""

from __future__ import annotations

import numpy as np

from ortolan import _native
from ortolan.vision.types import BoundingBox

MATRIX_NMS_LIMIT = 512
"""A threshold of ort-vision-sdk's; suppression here has one way for any number of boxes."""


def nms(boxes: np.ndarray, scores: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Return the indices, best first, of the boxes (n, 4) that overlap no better one by more than that."""
    return _native.suppress_overlaps(
        np.ascontiguousarray(boxes, dtype=np.float32).reshape(-1, 4),
        np.ascontiguousarray(scores, dtype=np.float32),
        iou_threshold,
    )


def batched_nms(boxes: np.ndarray, scores: np.ndarray, idxs: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Do :func:`nms` for the boxes of each class by themselves."""
    kept = [np.empty(0, dtype=np.int64)]
    for index in np.unique(idxs):
        rows = np.flatnonzero(idxs == index)
        kept.append(rows[nms(boxes[rows], scores[rows], iou_threshold)])
    together = np.sort(np.concatenate(kept))
    return together[np.argsort(-scores[together], kind="stable")]


def decode_yolo_anchors(
    output: np.ndarray,
    *,
    num_classes: int,
    original_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    conf_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return cells, boxes (n, 4) in the picture, classes and scores of what is found, best first.

    :param output: (1, 4 + classes, cells) or (4 + classes, cells): centre, size in input pixels, scores
    :param num_classes: how many of the rows after the first four are scores
    :param original_size: the picture's width and height
    :param pad: the letterbox's padding left and above
    :param scale: the letterbox's scale
    :param conf_threshold: least score
    :param iou_threshold: of two boxes of a class that overlap by more, the lesser is dropped
    :param max_detections: most boxes
    """
    rows = output[0] if output.ndim == 3 else output
    return _native.decode_yolo(
        np.ascontiguousarray(rows, dtype=np.float32),
        num_classes,
        *original_size,
        pad,
        scale,
        conf_threshold,
        iou_threshold,
        max_detections,
    )


def decode_yolo(
    output: np.ndarray,
    *,
    original_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    conf_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> list[tuple[BoundingBox, int, float]]:
    """Return box, class and score of what is found, best first; see :func:`decode_yolo_anchors`."""
    channels = output.shape[-2]
    if channels < 5:
        raise ValueError(f"decode_yolo: invalid output channel count {channels}; expected >= 5.")
    _, boxes, classes, scores = decode_yolo_anchors(
        output,
        num_classes=channels - 4,
        original_size=original_size,
        pad=pad,
        scale=scale,
        conf_threshold=conf_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )
    found = zip(boxes.tolist(), classes.tolist(), scores.tolist(), strict=True)
    return [(BoundingBox(*box), kind, score) for box, kind, score in found]
