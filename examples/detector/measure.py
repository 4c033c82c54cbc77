"""Measures the demo detector, and a baseline that looks at colour only, on held-out pictures.

::

    python measure.py [--count 500] [--model detector.onnx]

Prints the average precision of each class at an overlap of 0.5 and their mean, mAP50, for both. The detector
runs in Ortolan, through ``ortolan.vision``; the baseline needs NumPy and Pillow only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scenes
from average_precision import average_precisions
from PIL import Image, ImageFilter

HERE = Path(__file__).resolve().parent

Detections = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes (n, 4), scores (n,) and class indices (n,) of one picture."""

DISTANCE = 60.0
"""How far, in RGB, a pixel's colour is from the picture's usual one to count as part of an object."""


def spots(mask: np.ndarray) -> np.ndarray:
    """Return the extents of the connected parts of a mask: left, top, right, bottom, int64 (n, 4).

    Each pixel takes the largest label among itself and its neighbours, along whole runs at a time, until none
    changes.
    """
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        before = labels
        for axis in (0, 1):
            for flip in (False, True):
                labels = _spread(np.flip(labels, axis) if flip else labels, axis)
                labels = np.flip(labels, axis) if flip else labels
        if np.array_equal(before, labels):
            break
    found = []
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return np.array(found, dtype=np.int64).reshape(-1, 4)


def _spread(labels: np.ndarray, axis: int) -> np.ndarray:
    """Carry the largest label of each run of marked pixels on to its later ones, along an axis."""
    # Numbering the runs makes one accumulation do for all of them: a later run's offset outweighs any label.
    starts = (labels > 0) & (np.roll(labels, 1, axis) == 0)
    runs = np.cumsum(starts, axis=axis).astype(np.int64)
    offset = runs * (labels.size + 2)
    carried = np.maximum.accumulate(np.where(labels > 0, labels + offset, 0), axis=axis) - offset
    return np.where(labels > 0, carried, 0)


class ColourBaseline:
    """Takes every spot whose colour differs from that of the picture's edges for an object.

    It learns from training pictures which colour, which shape of box and which filling each class has on
    average, and names a spot by the nearest one.
    """

    def __init__(self, pictures: int) -> None:
        """Learn the classes' averages from so many training pictures."""
        sums, counts = np.zeros((len(scenes.CLASSES), 5)), np.zeros(len(scenes.CLASSES))
        for image, boxes, kinds in scenes.dataset(scenes.TRAIN_SEED, pictures):
            pixels, mask = self._mask(image)
            for box, kind in zip(boxes.astype(int), kinds, strict=True):
                sums[kind] += self._traits(pixels, mask, box)
                counts[kind] += 1
        self._means = sums / np.maximum(counts, 1)[:, None]

    @staticmethod
    def _mask(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        smooth = np.asarray(image.filter(ImageFilter.MedianFilter(5)), dtype=np.float32)
        edge = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
        return smooth, np.linalg.norm(smooth - np.median(edge, axis=0), axis=2) > DISTANCE

    @staticmethod
    def _traits(pixels: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
        left, top, right, bottom = box
        part, inside = pixels[top:bottom, left:right], mask[top:bottom, left:right]
        colour = part[inside].mean(0) / 255 if inside.any() else np.zeros(3)
        return np.array([*colour, np.log((right - left) / (bottom - top)), inside.mean()])

    def predict(self, image: Image.Image) -> Detections:
        """Find and name the spots of a picture; the fuller the box, the higher its score."""
        pixels, mask = self._mask(image)
        boxes = spots(mask)
        sides = boxes[:, 2:] - boxes[:, :2]
        boxes = boxes[(sides.min(1, initial=1000) >= 6) & (sides.max(1, initial=0) <= scenes.LARGEST)]
        traits = np.array([self._traits(pixels, mask, box) for box in boxes]).reshape(-1, 5)
        apart = np.linalg.norm(traits[:, None] - self._means[None], axis=2)
        kinds = apart.argmin(1) if len(boxes) else np.zeros(0, dtype=np.int64)
        return boxes.astype(np.float32), traits[:, 4], kinds


def measure_baseline(count: int, learn_from: int = 200) -> np.ndarray:
    """Return the baseline's average precision of each class on the first held-out pictures."""
    baseline = ColourBaseline(learn_from)
    found, truths = [], []
    for image, boxes, kinds in scenes.dataset(scenes.HELD_OUT_SEED, count):
        found.append(baseline.predict(image))
        truths.append((boxes, kinds))
    return average_precisions(found, truths, len(scenes.CLASSES))


def measure_detector(model: Path, count: int) -> np.ndarray:
    """Return the detector's average precision of each class on the first held-out pictures."""
    from ortolan.vision import Detector

    detector = Detector(model, conf_threshold=0.001, iou_threshold=0.6)
    found, truths = [], []
    for image, boxes, kinds in scenes.dataset(scenes.HELD_OUT_SEED, count):
        result = detector.predict(np.asarray(image))[0].boxes
        found.append((result.xyxy, result.conf, result.cls))
        truths.append((boxes, kinds))
    return average_precisions(found, truths, len(scenes.CLASSES))


def main() -> None:
    """Measure and print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=500, help="number of held-out pictures")
    parser.add_argument("--model", type=Path, default=HERE / "detector.onnx")
    args = parser.parse_args()
    detector, baseline = measure_detector(args.model, args.count), measure_baseline(args.count)
    print(f"{'':10s} detector  colour only")
    for name, ours, theirs in zip(scenes.CLASSES, detector, baseline, strict=True):
        print(f"{name:10s} {ours:8.3f} {theirs:12.3f}")
    print(f"{'mAP50':10s} {detector.mean():8.3f} {baseline.mean():12.3f}")


if __name__ == "__main__":
    main()
