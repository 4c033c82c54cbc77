"""The demo detector in ``examples/detector`` still finds what it was trained to find."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import ortolan
import pytest
from ortolan import vision

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "detector"
MODEL = FOLDER / "detector.onnx"
SAMPLE = 80


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    """Load ``examples/detector/measure.py``, which is not on the import path."""
    folder = str(FOLDER)
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module("measure")
    finally:
        sys.path.remove(folder)
    return module


def test_model_says_what_it_is(measure: ModuleType) -> None:
    session = ortolan.InferenceSession(MODEL)
    metadata = session.get_modelmeta().custom_metadata_map
    assert ast.literal_eval(metadata["names"]) == dict(enumerate(measure.scenes.CLASSES))
    assert metadata["task"] == "detect"
    assert ast.literal_eval(metadata["imgsz"]) == [320, 320]
    assert [arg.shape for arg in session.get_outputs()] == [[1, 16, 2100]]
    assert MODEL.stat().st_size < 2_000_000


def test_pictures_are_what_they_claim(measure: ModuleType) -> None:
    scenes = measure.scenes
    again = list(scenes.dataset(scenes.HELD_OUT_SEED, 3, start=5))
    for (image, boxes, kinds), (other, other_boxes, _) in zip(
        again, scenes.dataset(scenes.HELD_OUT_SEED, 3, start=5), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(image), np.asarray(other))
        np.testing.assert_array_equal(boxes, other_boxes)
        assert max(image.size) == 320
        assert len(boxes) == len(kinds) <= scenes.MOST_OBJECTS
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= image.size).all()


def test_average_precision_counts_doubles_misses_and_mistakes(measure: ModuleType) -> None:
    truth = (np.float32([[0, 0, 10, 10], [20, 0, 30, 10]]), np.array([0, 0]))
    boxes = np.float32([[0, 0, 10, 9], [0, 1, 10, 10], [20, 0, 30, 10]])
    found = (boxes, np.array([0.9, 0.8, 0.7]), np.array([0, 0, 0]))
    # Right, double, right: precision 1 at half of the recall, 2/3 at all of it.
    (precision,) = measure.average_precisions([found], [truth], 1)
    assert precision == pytest.approx((1 + 2 / 3) / 2)
    other = (boxes, found[1], np.array([1, 1, 1]))
    assert measure.average_precisions([other], [truth], 2).tolist() == [0, 0]


def test_precision_on_held_out_pictures(measure: ModuleType) -> None:
    quality = measure.measure_detector(MODEL, SAMPLE).mean()
    assert quality >= 0.88, f"mAP50 {quality:.3f} on {SAMPLE} pictures"


def test_colour_alone_does_not_find_them(measure: ModuleType) -> None:
    assert measure.measure_baseline(30, learn_from=30).mean() < 0.3


def test_shipped_picture() -> None:
    (result,) = vision.Detector(MODEL).predict(FOLDER / "picture.jpg")
    assert sorted(found.name for found in result) == ["car", "fish", "mug", "mug", "star", "tree"]
