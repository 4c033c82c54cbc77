"""A segmenter's outputs to boxes and masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ortolan import _native
from ortolan.vision.postprocess.detection import decode_yolo_anchors
from ortolan.vision.types import BoundingBox, ImageArray

DecodedSegmentation = tuple[BoundingBox, int, float, NDArray[np.uint8]]
"""Box, class, score, and the mask of the box: 255 or 0."""


def decode_yolo_seg(
    output: np.ndarray,
    prototypes: np.ndarray,
    *,
    num_classes: int,
    input_size: tuple[int, int],
    original_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    conf_threshold: float,
    iou_threshold: float,
    max_detections: int,
    mask_threshold: float = 0.5,
) -> list[DecodedSegmentation]:
    """Return box, class, score and mask of what is found, best first.

    :param output: (1, 4 + classes + coefficients, cells), with or without the first axis
    :param prototypes: (1, coefficients, height, width), with or without the first axis
    :param num_classes: how many of the rows after the first four are scores
    :param input_size: width and height of the model's input
    :param original_size: the picture's width and height
    :param pad: the letterbox's padding left and above
    :param scale: the letterbox's scale
    :param conf_threshold: least score
    :param iou_threshold: of two boxes of a class that overlap by more, the lesser is dropped
    :param max_detections: most boxes
    :param mask_threshold: what a pixel of a mask has to reach, of 0 to 1
    """
    cells, boxes, kinds, scores, rows, planes = decode_instances(
        output,
        prototypes,
        num_classes=num_classes,
        original_size=original_size,
        pad=pad,
        scale=scale,
        conf_threshold=conf_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )
    masks, _ = _native.decode_masks(
        rows, planes, num_classes, boxes, cells.tolist(), pad, scale, input_size, mask_threshold, None
    )
    return [
        (BoundingBox(*box), kind, score, mask)
        for box, kind, score, mask in zip(boxes.tolist(), kinds.tolist(), scores.tolist(), masks, strict=True)
    ]


def decode_instances(
    output: np.ndarray,
    prototypes: np.ndarray,
    *,
    num_classes: int,
    original_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    conf_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Do :func:`decode_yolo_seg` without the masks.

    Return cells, boxes, classes, scores, and both outputs as the masks' decoder takes them.
    """
    planes = np.ascontiguousarray(prototypes[0] if prototypes.ndim == 4 else prototypes, dtype=np.float32)
    rows = np.ascontiguousarray(output[0] if output.ndim == 3 else output, dtype=np.float32)
    expected = 4 + num_classes + planes.shape[0]
    if rows.shape[0] != expected:
        raise ValueError(
            f"YOLO seg output channel count {rows.shape[0]} does not match 4 + num_classes ({num_classes}) "
            f"+ num_mask_coefs ({planes.shape[0]}) = {expected}."
        )
    found = decode_yolo_anchors(
        rows,
        num_classes=num_classes,
        original_size=original_size,
        pad=pad,
        scale=scale,
        conf_threshold=conf_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )
    return *found, rows, planes


def cut_out(
    picture: ImageArray,
    rows: np.ndarray,
    planes: np.ndarray,
    boxes: np.ndarray,
    cells: np.ndarray,
    *,
    num_classes: int,
    input_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    mask_threshold: float,
) -> list[tuple[NDArray[np.uint8], ImageArray]]:
    """Return for each box its mask and what of the picture is under it, the rest black."""
    masks, cuts = _native.decode_masks(
        rows, planes, num_classes, boxes, cells.tolist(), pad, scale, input_size, mask_threshold, picture
    )
    return [_or_empty(mask, cut) for mask, cut in zip(masks, cuts, strict=True)]


def cut_out_with(
    coefficients: np.ndarray,
    prototypes: np.ndarray,
    boxes: np.ndarray,
    *,
    picture: ImageArray,
    input_size: tuple[int, int],
    pad: tuple[int, int],
    scale: float,
    mask_threshold: float,
) -> list[tuple[NDArray[np.uint8], ImageArray]]:
    """Do :func:`cut_out` with each box's own coefficients (n, m)."""
    planes = np.ascontiguousarray(prototypes[0] if prototypes.ndim == 4 else prototypes, dtype=np.float32)
    if not len(boxes):
        return []
    masks, cuts = _native.masks_of(
        coefficients, planes, boxes, pad, scale, input_size, mask_threshold, picture
    )
    return [_or_empty(mask, cut) for mask, cut in zip(masks, cuts, strict=True)]


def _or_empty(mask: NDArray[np.uint8], cut: ImageArray) -> tuple[NDArray[np.uint8], ImageArray]:
    if mask.size:
        return mask, cut
    return np.zeros((0, 0), dtype=np.uint8), np.zeros((0, 0, 3), dtype=np.uint8)
