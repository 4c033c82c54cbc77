"""The demo classifier in ``examples/classifier`` still recognises what it was trained to recognise."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import ortolan
import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "classifier"
SAMPLE = 200


def to_input(image: Image.Image) -> np.ndarray:
    """Resize a picture and normalise it like ImageNet's; float32 (3, 96, 96)."""
    pixels = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BILINEAR), dtype=np.float32)
    scaled = (pixels / 255 - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """Load ``examples/classifier/pictures.py``, which is not on the import path."""
    folder = str(FOLDER)
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module("pictures")
    finally:
        sys.path.remove(folder)
    return module


@pytest.fixture(scope="module")
def session() -> ortolan.InferenceSession:
    """Open the model once for all tests."""
    return ortolan.InferenceSession(str(FOLDER / "objects.onnx"))


@pytest.fixture(scope="module")
def sample(pictures: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    """Draw held-out pictures: float32 (SAMPLE, 3, 96, 96) and class indices (SAMPLE,)."""
    drawn = list(pictures.dataset(pictures.HELD_OUT_SEED, SAMPLE))
    return np.stack([to_input(image) for image, _ in drawn]), np.array([label for _, label in drawn])


def test_names_match_classes(pictures: ModuleType, session: ortolan.InferenceSession) -> None:
    metadata = session.get_modelmeta().custom_metadata_map
    assert ast.literal_eval(metadata["names"]) == dict(enumerate(pictures.CLASSES))
    assert metadata["task"] == "classify"
    assert ast.literal_eval(metadata["imgsz"]) == [96, 96]


def test_accuracy_on_held_out_pictures(
    session: ortolan.InferenceSession, sample: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = sample
    (logits,) = session.run(["logits"], {"images": images})
    assert logits.shape == (SAMPLE, 12)
    assert logits.dtype == np.float32
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    assert accuracy >= 0.95, f"{accuracy:.3f} right on {SAMPLE} pictures"


def test_one_picture_gives_the_same_as_in_a_batch(
    session: ortolan.InferenceSession, sample: tuple[np.ndarray, np.ndarray]
) -> None:
    images = sample[0][:7]
    (together,) = session.run(None, {"images": images})
    alone = np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])
    np.testing.assert_allclose(alone, together, rtol=1e-3, atol=1e-3)


def test_shipped_picture(pictures: ModuleType, session: ortolan.InferenceSession) -> None:
    (logits,) = session.run(None, {"images": to_input(Image.open(FOLDER / "picture.jpg"))[None]})
    odds = np.exp(logits[0] - logits[0].max())
    assert pictures.CLASSES[int(logits[0].argmax())] == "mug"
    assert odds.max() / odds.sum() > 0.8
