"""``ortolan.vision`` against ort-vision-sdk on onnxruntime, whose names it has.

With ``ORTOLAN_ZOO`` naming a folder that holds ``yolo11n.onnx``, ``yolo11n_seg.onnx``, ``yolo11n_cls.onnx``
and ``resnet18.onnx``, these are compared too.

Tolerances: pictures are equal to the last bit, and so are boxes, classes, scores and probabilities that both
packages read from the same model's output. Masks then differ in no more than one pixel of ten thousand: where
the weighted sum of the prototypes comes within a rounding of the threshold. Between the engines boxes differ
by less than half a pixel and scores by less than a thousandth.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import ortolan
import pytest
import vision_models
from ortolan import vision
from PIL import Image

ort_vision_sdk = pytest.importorskip("ort_vision_sdk", reason="needs Python 3.11")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLASSIFIER = EXAMPLES / "classifier" / "objects.onnx"
DETECTOR = EXAMPLES / "detector" / "detector.onnx"
ZOO = Path(os.environ.get("ORTOLAN_ZOO", ""))
# Name: mode, file format, options of the writer.
FORMATS: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG": ("RGB", "JPEG", {}),
    "PNG": ("RGB", "PNG", {}),
    "WebP": ("RGB", "WEBP", {}),
    "BMP": ("RGB", "BMP", {}),
    "GIF": ("RGB", "GIF", {}),
    "array": ("RGB", "", {}),
    "pillow": ("RGB", "", {}),
    "grey PNG": ("L", "PNG", {}),
    "CMYK JPEG": ("CMYK", "JPEG", {}),
    "RGBA PNG": ("RGBA", "PNG", {}),
    "grey JPEG": ("L", "JPEG", {"quality": 60}),
    "progressive JPEG": ("RGB", "JPEG", {"progressive": True, "quality": 90}),
    "4:4:4 JPEG": ("RGB", "JPEG", {"subsampling": 0, "quality": 97}),
    "4:2:2 JPEG": ("RGB", "JPEG", {"subsampling": 1}),
    "JPEG with a turn": (
        "RGB",
        "JPEG",
        {"exif": b"Exif\0\0MM\0*\0\0\0\b\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"},
    ),
    "palette PNG": ("P", "PNG", {}),
    "bilevel PNG": ("1", "PNG", {}),
    "grey and alpha PNG": ("LA", "PNG", {}),
    "16-bit PNG": ("I;16", "PNG", {}),
    "lossless WebP": ("RGBA", "WEBP", {"lossless": True}),
    "LZW TIFF": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "CMYK TIFF": ("CMYK", "TIFF", {}),
    "JPEG 2000": ("RGB", "JPEG2000", {}),
    "PPM": ("RGB", "PPM", {}),
    "palette BMP": ("P", "BMP", {}),
    "palette GIF": ("P", "GIF", {}),
    "grey TIFF": ("L", "TIFF", {"compression": "tiff_adobe_deflate"}),
}


def encoded(image: Image.Image, form: str) -> object:
    """Turn a picture into one of the things that ``predict`` takes."""
    if form == "array":
        return np.asarray(image)
    if form == "pillow":
        return image
    mode, file_format, options = FORMATS[form]
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


def pictures(count: int) -> Iterator[object]:
    """Draw scenes of 16 to 2000 pixels, most of them small, in each format in turn."""
    sys.path.insert(0, str(EXAMPLES / "detector"))
    try:
        scenes = importlib.import_module("scenes")
    finally:
        sys.path.pop(0)
    rng = np.random.default_rng(17)
    for index in range(count):
        image, _, _ = scenes.make_scene(rng, 320, 240)
        width, height = (int(side) for side in np.exp(rng.uniform(np.log(16), np.log(2000), 2)))
        yield encoded(image.resize((width, height)), list(FORMATS)[index % len(FORMATS)])


def options(package: object) -> object:
    """Return session options of either package for one thread."""
    made = package.SessionOptions()  # type: ignore[attr-defined]
    made.intra_op_num_threads = 1
    return made


@pytest.fixture(scope="module")
def sample() -> list[object]:
    return list(pictures(40))


def zoo_model(name: str) -> Path:
    """Return the path of a model that does not come with the sources."""
    if "ORTOLAN_ZOO" not in os.environ:
        pytest.skip("ORTOLAN_ZOO names no folder of models")
    return ZOO / f"{name}.onnx"


def check_classifiers(sample: list[object], model: Path = CLASSIFIER) -> None:
    theirs = ort_vision_sdk.Classifier(model, session_options=options(onnxruntime))
    ours = vision.Classifier(model, session_options=options(ortolan))
    for picture in sample:
        expected, result = theirs.predict(picture)[0], ours.predict(picture)[0]
        np.testing.assert_allclose(result.probs.data, expected.probs.data, atol=1e-3)
        if result.cls != expected.cls:  # only a tie may fall the other way
            assert abs(expected.probs.data[result.cls] - expected.conf) < 1e-3


def check_detectors(sample: list[object]) -> None:
    theirs = ort_vision_sdk.Detector(DETECTOR, session_options=options(onnxruntime), conf_threshold=0.2)
    ours = vision.Detector(DETECTOR, session_options=options(ortolan), conf_threshold=0.2)
    found = 0
    for picture in sample:
        expected, result = theirs.predict(picture)[0], ours.predict(picture)[0]
        assert result.boxes.cls.tolist() == expected.boxes.cls.tolist()
        np.testing.assert_allclose(result.boxes.xyxy, expected.boxes.xyxy, atol=0.5)
        np.testing.assert_allclose(result.boxes.conf, expected.boxes.conf, atol=1e-3)
        np.testing.assert_array_equal(result.orig_img, expected.orig_img)
        found += len(result)
    assert found > len(sample) / 4


class Recording:
    """Hands on what a session answers, and keeps it."""

    def __init__(self, session: vision.InferenceBackend) -> None:
        self._session = session

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.feeds = feeds
        self.output = self._session.run(feeds)
        return self.output


def candidates(run: Recording, scores: np.ndarray, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes and classes of all cells, none of them suppressed, in the cells' order."""
    height, width = picture.shape[:2]
    _, scale, pad = vision.letterbox(picture, (640, 640))
    cells, boxes, kinds, _ = vision.decode_yolo_anchors(
        run.output[0],
        num_classes=len(scores),
        original_size=(width, height),
        pad=pad,
        scale=scale,
        conf_threshold=-1,
        iou_threshold=1,
        max_detections=scores.shape[1],
    )
    order = np.argsort(cells)
    assert len(cells) == scores.shape[1]
    return boxes[order], kinds[order]


def check_untrained_detectors(sample: list[object], model: Path) -> None:
    """Compare detections where there is no order to rely on.

    With random weights thousands of cells have scores that round to 1, in several classes. Which of them
    outlive the suppression, and make the first 300, hangs on the last bit. So each detection of one engine is
    looked up in the other's output, at its cell: the box has to be there, the class's score, and no other
    class may be ahead.
    """
    theirs = Recording(ort_vision_sdk.OrtSession(model, session_options=options(onnxruntime)))
    ours = Recording(vision.OrtSession(model, session_options=options(ortolan)))
    detectors = (
        ort_vision_sdk.Detector(model, backend=theirs),
        vision.Detector(model, backend=ours),
    )
    for picture in sample:
        found = [detector.predict(picture)[0] for detector in detectors]
        scores = [recording.output[0][0, 4:] for recording in (theirs, ours)]
        cells = [
            candidates(recording, each, found[0].orig_img)
            for recording, each in zip((theirs, ours), scores, strict=True)
        ]
        assert len(found[0]) == len(found[1]) == 300
        for this, other in ((0, 1), (1, 0)):
            index = {box.tobytes(): cell for cell, box in enumerate(cells[this][0])}
            where = np.array([index[box.astype(np.float32).tobytes()] for box in found[this].boxes.xyxy])
            kinds = found[this].boxes.cls
            np.testing.assert_allclose(cells[other][0][where], found[this].boxes.xyxy, atol=0.5)
            np.testing.assert_allclose(scores[other][kinds, where], found[this].boxes.conf, atol=1e-3)
            ahead = scores[other][cells[other][1][where], where] - scores[other][kinds, where]
            assert (ahead[cells[other][1][where] != kinds] < 1e-3).all()


def check_segmenters(sample: list[object], model: Path, least: float) -> None:
    """Compare what both packages read from the outputs of one engine, and the outputs of the two engines."""
    session = Recording(ort_vision_sdk.OrtSession(model, session_options=options(onnxruntime)))
    other = vision.OrtSession(model, session_options=options(ortolan))
    facts = {"backend": session, "conf_threshold": least, "max_detections": 40}
    theirs, ours = ort_vision_sdk.Segmenter(model, **facts), vision.Segmenter(model, **facts)
    pixels = different = 0
    for picture in sample:
        expected = theirs.predict(picture)[0]
        outputs, feeds = session.output, session.feeds
        result = ours.predict(picture)[0]
        for name, planes in feeds.items():
            np.testing.assert_array_equal(session.feeds[name], planes)
        for one, two in zip(other.run(feeds), outputs, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-3 * max(1.0, float(np.abs(two).max())))
        np.testing.assert_array_equal(result.boxes.data, expected.boxes.data)
        np.testing.assert_array_equal(result.orig_img, expected.orig_img)
        for one, two in zip(result, expected, strict=True):
            assert one.mask.shape == two.mask.shape
            same = one.mask == two.mask
            np.testing.assert_array_equal(one.segmented_image[same], two.segmented_image[same])
            pixels, different = pixels + same.size, different + np.count_nonzero(~same)
    assert pixels > 0
    assert different <= pixels * 1e-4


@pytest.fixture(scope="module")
def small_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter with random weights."""
    made = vision_models.segmenter(np.random.default_rng(6), side=96)
    return vision_models.write(tmp_path_factory.mktemp("models") / "segmenter.onnx", made)


def test_segmenters_agree(sample: list[object], small_segmenter: Path) -> None:
    check_segmenters(sample, small_segmenter, 0.6)


def test_zoo_segmenters_agree(sample: list[object]) -> None:
    check_segmenters(sample[:6], zoo_model("yolo11n_seg"), 0.25)


def test_classifiers_agree(sample: list[object]) -> None:
    check_classifiers(sample)


def test_detectors_agree(sample: list[object]) -> None:
    check_detectors(sample)


@pytest.mark.slow
def test_both_agree_on_500_pictures(small_segmenter: Path) -> None:
    many = list(pictures(500))
    check_classifiers(many)
    check_detectors(many)
    check_segmenters(many, small_segmenter, 0.6)


@pytest.mark.parametrize("name", ["yolo11n_cls", "resnet18"])
def test_zoo_classifiers_agree(sample: list[object], name: str) -> None:
    check_classifiers(sample, zoo_model(name))


def test_zoo_detectors_agree(sample: list[object]) -> None:
    check_untrained_detectors(sample[:12], zoo_model("yolo11n"))


@pytest.mark.slow
def test_zoo_agrees_on_500_pictures() -> None:
    detector, segmenter, *classifiers = map(zoo_model, ("yolo11n", "yolo11n_seg", "yolo11n_cls", "resnet18"))
    many = list(pictures(500))
    for classifier in classifiers:
        check_classifiers(many, classifier)
    check_untrained_detectors(many, detector)
    check_segmenters(many, segmenter, 0.25)


def test_same_model_output_gives_the_same_bits(sample: list[object]) -> None:
    session = ort_vision_sdk.OrtSession(DETECTOR, session_options=options(onnxruntime))
    theirs = ort_vision_sdk.Detector(DETECTOR, backend=session, conf_threshold=0.02)
    ours = vision.Detector(DETECTOR, backend=session, conf_threshold=0.02)
    for picture in sample:
        expected, result = theirs.predict(picture)[0], ours.predict(picture)[0]
        np.testing.assert_array_equal(result.boxes.data, expected.boxes.data)
        assert [box.bbox.xyxy for box in result] == [box.bbox.xyxy for box in expected]
        for one, other in zip(result, expected, strict=True):
            np.testing.assert_array_equal(one.cropped_image, other.cropped_image)


def test_random_outputs_decode_to_the_same_bits() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        # Coarse scores, so that there are many ties.
        scores = np.round(rng.random((1, 7, 500)), 1)
        output = np.concatenate([rng.uniform(0, 64, (1, 2, 500)), rng.uniform(0, 40, (1, 2, 500)), scores], 1)
        facts = {
            "original_size": (100, 90),
            "pad": (3, 5),
            "scale": 0.6,
            "conf_threshold": 0.7,
            "iou_threshold": float(rng.uniform(0.1, 0.9)),
            "max_detections": 60,
        }
        expected = ort_vision_sdk.decode_yolo(output.astype(np.float32), **facts)
        result = vision.decode_yolo(output.astype(np.float32), **facts)
        assert [(box.xyxy, kind, score) for box, kind, score in result] == [
            (box.xyxy, kind, score) for box, kind, score in expected
        ]


def test_functions_agree() -> None:
    rng = np.random.default_rng(4)
    for width, height in ((50, 40), (333, 200), (7, 90), (640, 640)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for size in ((64, 64), (100, 30), (320, 320)):
            ours, theirs = vision.letterbox(image, size), ort_vision_sdk.letterbox(image, size)
            np.testing.assert_array_equal(ours[0], theirs[0])
            assert ours[1:] == theirs[1:]
            np.testing.assert_array_equal(vision.resize(image, size), ort_vision_sdk.resize(image, size))
            np.testing.assert_array_equal(
                vision.resize(image, size, resample=vision.preprocess.Resampling.BICUBIC),
                ort_vision_sdk.resize(image, size, resample=Image.Resampling.BICUBIC),
            )
        np.testing.assert_array_equal(vision.to_tensor(image), ort_vision_sdk.to_tensor(image))
        facts = {"mean": vision.IMAGENET_MEAN, "std": vision.IMAGENET_STD}
        np.testing.assert_array_equal(
            vision.normalize(image, **facts), ort_vision_sdk.normalize(image, **facts)
        )
    boxes = rng.uniform(0, 100, (200, 4))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(-3, 30, (200, 2))
    scores, kinds = np.round(rng.random(200), 1), rng.integers(0, 3, 200)
    np.testing.assert_array_equal(
        vision.batched_nms(boxes, scores, kinds, 0.4), ort_vision_sdk.batched_nms(boxes, scores, kinds, 0.4)
    )
    np.testing.assert_array_equal(vision.nms(boxes, scores, 0.4), ort_vision_sdk.nms(boxes, scores, 0.4))
    for k in (None, 1, 50):
        for one, other in zip(vision.topk(scores, k), ort_vision_sdk.topk(scores, k), strict=True):
            np.testing.assert_array_equal(one, other)
