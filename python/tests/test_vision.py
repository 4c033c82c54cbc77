"""``ortolan.vision``: what goes in, what comes out, what is refused."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import numpy as np
import ortolan
import pytest
from ortolan import vision
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLASSIFIER = EXAMPLES / "classifier" / "objects.onnx"
DETECTOR = EXAMPLES / "detector" / "detector.onnx"
MUG = EXAMPLES / "classifier" / "picture.jpg"


@pytest.fixture(scope="module")
def classifier() -> vision.Classifier:
    return vision.Classifier(CLASSIFIER)


@pytest.fixture(scope="module")
def detector() -> vision.Detector:
    return vision.Detector(DETECTOR)


@pytest.fixture(scope="module")
def mug() -> np.ndarray:
    return vision.load_image(MUG)


def test_every_source_gives_the_same(classifier: vision.Classifier, mug: np.ndarray) -> None:
    sources = [str(MUG), MUG, MUG.read_bytes(), Image.open(MUG), mug]
    results = [classifier.predict(source)[0] for source in sources]
    for result in results:
        np.testing.assert_array_equal(result.probs.data, results[0].probs.data)
        assert result.orig_shape == (480, 640)
    assert [result.path for result in results] == [str(MUG), str(MUG), None, None, None]
    assert results[0].name == "mug"
    assert list(results[0].speed) == ["load", "preprocess", "inference", "postprocess"]


def test_detector_finds_what_the_classifier_names(detector: vision.Detector, mug: np.ndarray) -> None:
    (result,) = detector(mug)
    assert "mug" in [found.name for found in result]
    assert len(result) == len(result.boxes) == len(result.detections)
    for found in result:
        left, top, right, bottom = found.box.as_int_xyxy()
        np.testing.assert_array_equal(found.cropped_image, mug[top:bottom, left:right])
        assert found.conf >= 0.25
        assert result.names[found.cls] == found.name


def test_thresholds_and_classes_choose(detector: vision.Detector, mug: np.ndarray) -> None:
    many = detector.predict(mug, conf_threshold=0.001)[0]
    kinds = sorted(set(many.boxes.cls.tolist()))
    assert len(many) > len(detector.predict(mug)[0])
    only = detector.predict(mug, conf_threshold=0.001, classes=kinds[:1])[0]
    assert set(only.boxes.cls.tolist()) == set(kinds[:1])
    assert np.all(np.diff(many.boxes.conf) <= 0)
    nothing = detector.predict(mug, classes=[])[0]
    assert nothing.boxes.data.shape == (0, 6)
    assert nothing.boxes.xywhn.shape == (0, 4)
    with pytest.raises(
        vision.NoDetectionsError, match=r"among classes \[0, 2\]: nothing cleared conf_threshold=0.9\.$"
    ):
        detector.predict(mug, classes=[0, 2], conf_threshold=0.9, raise_on_empty=True)


def test_plot_and_save_show_the_answer(
    detector: vision.Detector, classifier: vision.Classifier, mug: np.ndarray, tmp_path: Path
) -> None:
    for result in (detector.predict(mug)[0], classifier.predict(mug, top_k=2)[0]):
        plotted = result.plot()
        assert plotted.shape == mug.shape
        assert (plotted != mug).any(axis=2).sum() > 500
        np.testing.assert_array_equal(result.orig_img, mug)
        saved = result.save(tmp_path / "shown.png")
        np.testing.assert_array_equal(np.asarray(Image.open(saved)), plotted)
        with pytest.raises(ValueError, match="format"):
            result.save(tmp_path / "shown.xyz")


def test_data_frames_hold_the_rows(
    detector: vision.Detector, classifier: vision.Classifier, mug: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandas = pytest.importorskip("pandas")
    for result in (detector.predict(mug)[0], classifier.predict(mug, top_k=2)[0]):
        frame = result.to_df()
        assert isinstance(frame, pandas.DataFrame)
        assert frame.to_dict("records") == result.rows()
    assert list(detector.predict(mug, classes=[])[0].to_df().columns) == []
    monkeypatch.setitem(sys.modules, "pandas", None)  # as if it were not installed
    with pytest.raises(ImportError, match="needs pandas"):
        result.to_df()


def test_async_predicts_the_same(detector: vision.Detector, mug: np.ndarray) -> None:
    expected = detector.predict(mug)[0].boxes.data

    async def both() -> list[np.ndarray]:
        first = await detector.async_predict(mug)
        second = await asyncio.gather(*(detector.ort_async_predict(mug) for _ in range(3)))
        return [result[0].boxes.data for result in (first, *second)]

    for boxes in asyncio.run(both()):
        np.testing.assert_array_equal(boxes, expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.jpg", "Image file not found: none.jpg"),
        (b"no picture", "Failed to decode image bytes"),
        (MUG.read_bytes()[:500], "truncated"),
        (bytearray(b"x"), "Unsupported image source type: bytearray"),
        (np.zeros((3, 3), np.uint8), r"got shape \(3, 3\)"),
        (np.zeros((3, 3, 3)), "Expected dtype uint8, got float64"),
        (np.zeros((0, 3, 3), np.uint8), "cannot fit 3 x 0 pixels"),
        (np.zeros((1, 5000, 3), np.uint8), "too narrow"),
    ],
)
def test_pictures_are_refused(detector: vision.Detector, source: object, message: str) -> None:
    with pytest.raises(vision.ImageLoadError, match=message):
        detector.predict(source)


def test_formats_that_are_not_ours_go_to_pillow(classifier: vision.Classifier) -> None:
    buffer = io.BytesIO()
    Image.open(MUG).save(buffer, "GIF")
    assert classifier.predict(buffer.getvalue())[0].name == "mug"


def test_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(vision.ModelLoadError, match=r"Model file not found: none\.onnx"):
        vision.Detector("none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08")
    with pytest.raises(vision.ModelLoadError, match="Failed to load ONNX model from"):
        vision.Classifier(broken)
    with pytest.raises(ValueError, match="Unsupported detector head 'x'"):
        vision.Detector(DETECTOR, head="x")  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="320x320 input; ignoring the requested 640x640"):
        vision.Detector(DETECTOR, input_size=(640, 640))


def test_labels(tmp_path: Path) -> None:
    assert vision.resolve_labels("coco") == vision.COCO_CLASSES
    assert vision.resolve_labels({0: "cat", 2: "fox"}) == ("cat", "class_1", "fox")
    assert vision.resolve_labels(None, num_classes=2) == ("class_0", "class_1")
    file = tmp_path / "labels.txt"
    file.write_text(" cat \n\ndög\n", encoding="utf-8")
    assert vision.resolve_labels(file) == vision.resolve_labels(str(file)) == ("cat", "dög")
    with pytest.raises(vision.LabelMapError, match="Resolved 2 labels but the model has 12 classes"):
        vision.Classifier(CLASSIFIER, labels=["cat", "dog"])
    for spec in ("nothing", 5, None):
        with pytest.raises(vision.LabelMapError):
            vision.resolve_labels(spec)  # type: ignore[arg-type]
    assert vision.Detector(DETECTOR).names == vision.Classifier(CLASSIFIER).names


def test_providers() -> None:
    assert vision.resolve_providers() == ["CPUExecutionProvider"]
    assert vision.resolve_providers(["CPU", ("cpu", {"a": 1})]) == [
        "CPUExecutionProvider",
        ("CPUExecutionProvider", {"a": 1}),
    ]
    for name, full in (("gpu", "CUDA"), ("trt", "Tensorrt"), ("mps", "CoreML"), ("directml", "Dml")):
        with pytest.raises(vision.ProviderNotAvailableError, match=f"{full}ExecutionProvider"):
            vision.Detector(DETECTOR, providers=[name, "cpu"])


def test_options_reach_the_engine(mug: np.ndarray) -> None:
    options = ortolan.SessionOptions()
    options.intra_op_num_threads = 1
    detector = vision.Detector(DETECTOR, providers=["cpu"], session_options=options)
    detector.warmup(2)
    assert detector.session.raw.get_session_options().intra_op_num_threads == 1
    assert detector.input_size == (320, 320)
    assert detector.num_classes == len(detector.labels) == 12


def test_normalization_is_explicit_or_by_name() -> None:
    assert vision.Classifier(CLASSIFIER).normalization == "imagenet"
    assert vision.Classifier(CLASSIFIER, std=(1.0, 1.0, 1.0)).normalization == "custom"
    assert not vision.Classifier(CLASSIFIER, apply_softmax=False).applies_softmax
    with pytest.raises(ValueError, match="not both"):
        vision.Classifier(CLASSIFIER, normalization="none", mean=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="must be one of"):
        vision.Classifier(CLASSIFIER, normalization="other")  # type: ignore[arg-type]
    ultralytics = {"author": "Ultralytics", "task": "Classify"}
    assert vision.is_ultralytics_classifier(ultralytics)
    name, mean, std = vision.resolve_normalization(ultralytics, normalization="auto", mean=None, std=None)
    assert (name, mean, std) == ("ultralytics", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
