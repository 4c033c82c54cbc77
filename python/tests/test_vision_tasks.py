"""Segmenter, DetectClassify and what both rest on, against ort-vision-sdk on onnxruntime."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import vision_models
from ortolan import vision
from PIL import Image

ort_vision_sdk = pytest.importorskip("ort_vision_sdk", reason="needs Python 3.11")
compose = pytest.importorskip("ort_vision_sdk.compose")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MUG = EXAMPLES / "classifier" / "picture.jpg"
NAMES = {0: "ant", 1: "bee", 2: "cat", 3: "dog", 4: "eel"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind."""
    path = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(11)
    write = vision_models.write
    write(path / "detector.onnx", vision_models.detector(rng), {"names": repr(NAMES), "task": "detect"})
    write(path / "segmenter.onnx", vision_models.segmenter(rng), {"names": repr(NAMES), "task": "segment"})
    write(path / "batch.onnx", vision_models.segmenter(rng, batch="n"), {"names": repr(NAMES)})
    write(path / "classifier.onnx", vision_models.classifier(rng))
    write(path / "masker.onnx", vision_models.masker(rng))
    return path


class Counting:
    """Hands on what a session answers, and counts."""

    def __init__(self, session: vision.InferenceBackend) -> None:
        self._session, self.runs = session, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.runs += 1
        return self._session.run(feeds)


def scene(seed: int, width: int = 150, height: int = 110) -> np.ndarray:
    """Return a picture of smooth noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def same_boxes(result: vision.DetectionResults, expected: vision.DetectionResults) -> None:
    np.testing.assert_array_equal(result.boxes.data, expected.boxes.data)
    for name in ("xyxy", "xywh", "xyxyn", "xywhn", "cls", "conf"):
        ours, theirs = getattr(result.boxes, name), getattr(expected.boxes, name)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert result.orig_shape == expected.orig_shape
    assert result.names == expected.names
    assert result.path == expected.path


def mostly_equal(mask: np.ndarray, expected: np.ndarray, few: int) -> None:
    assert mask.shape == expected.shape
    assert mask.dtype == expected.dtype == np.uint8
    # Where a pixel is within a rounding of the threshold, the order of a sum decides.
    assert np.count_nonzero(mask != expected) <= few


class FixedBoxes:
    """Stands for a session whose detector finds two boxes: a large one and a small one."""

    input_names = property(lambda self: ["image"])
    input_name = "image"
    input_shapes = property(lambda self: [(1, 3, 64, 64)])
    input_shape = (1, 3, 64, 64)
    input_dtypes = property(lambda self: ["tensor(float)"])
    output_names = property(lambda self: ["output0"])
    output_shapes = property(lambda self: [(1, 9, 16)])
    metadata = property(lambda self: {})

    def run(self, _: dict[str, np.ndarray]) -> list[np.ndarray]:
        output = np.zeros((1, 9, 16), np.float32)
        output[0, :5, 0] = 32, 32, 50, 40, 0.9
        output[0, :5, 1] = 20, 30, 6, 5, 0.8
        return [output]


def test_crops_are_those_of_the_picture_as_it_was(tmp_path: Path) -> None:
    picture = scene(5, 200, 200)
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    detector = vision.Detector("", backend=FixedBoxes(), labels=list("abcde"))
    expected = [picture[37:162, 21:178], picture[85:101, 53:71]]
    for source in (path, path.read_bytes(), picture.copy(), Image.fromarray(picture)):
        (result,) = detector.predict(source)
        # Whoever draws on the picture, or on the array that it came in, finds the crops clean.
        if result.orig_img.flags.writeable:
            result.orig_img[:] = 0
        assert [item.cropped_image.shape for item in result] == [part.shape for part in expected]
        for item, part in zip(result, expected, strict=True):
            np.testing.assert_array_equal(item.cropped_image, part)
            assert item.cropped_image is item.cropped_image
            assert item.cropped_image.flags.c_contiguous
            assert item.cropped_image.flags.owndata
    (result,) = detector.predict(path)
    np.testing.assert_array_equal(result[0].cropped_image, expected[0])
    again = pickle.loads(pickle.dumps(detector.predict(path)[0]))
    np.testing.assert_array_equal(again[0].cropped_image, expected[0])
    np.testing.assert_array_equal(again.orig_img, picture)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result[0].cropped_image = picture  # type: ignore[misc]


def test_the_same_outputs_give_the_same_instances(folder: Path) -> None:
    session = ort_vision_sdk.OrtSession(folder / "segmenter.onnx")
    found = different = 0
    for mask_threshold in (0.5, 0.3):
        facts = {"backend": session, "conf_threshold": 0.5, "mask_threshold": mask_threshold}
        theirs, ours = ort_vision_sdk.Segmenter("", **facts), vision.Segmenter("", **facts)
        assert (ours.labels, ours.names, ours.num_classes, ours.head) == (
            theirs.labels, theirs.names, theirs.num_classes, theirs.head,
        )  # fmt: skip
        assert ours.input_size == theirs.input_size
        assert ours.input_dtype == theirs.input_dtype
        for seed, size in enumerate([(150, 110), (64, 64), (31, 200), (300, 20), (1000, 700), (5, 3)]):
            picture = scene(seed, *size)
            for classes in (None, [0, 3]):
                expected = theirs.predict(picture, classes=classes)[0]
                result = ours.predict(picture, classes=classes)[0]
                same_boxes(result, expected)
                assert len(result.masks) == len(expected.masks) == len(result)
                assert result.masks.shape == expected.masks.shape
                for one, other in zip(result, expected, strict=True):
                    mostly_equal(one.mask, other.mask, 2)
                    assert one.segmented_image.shape == other.segmented_image.shape
                    kept = one.mask == other.mask
                    np.testing.assert_array_equal(one.segmented_image[kept], other.segmented_image[kept])
                    different += np.count_nonzero(~kept)
                found += len(result)
    assert found > 100
    assert different <= 3


def test_decode_yolo_seg_agrees() -> None:
    rng = np.random.default_rng(8)
    for turn in range(15):
        output = rng.normal(0, 1, (1, 4 + 3 + 6, 80)).astype(np.float32)
        output[:, :2] = rng.uniform(0, 96, (1, 2, 80))
        output[:, 2:4] = rng.uniform(0, 50, (1, 2, 80))
        output[:, 4:7] = rng.random((1, 3, 80))
        prototypes = rng.normal(0, 1, (1, 6, 24, 20)).astype(np.float32)
        facts = {
            "num_classes": 3,
            "input_size": (80, 96),
            "original_size": (60 + turn, 100),
            "pad": (turn, 2),
            "scale": 0.4 + turn * 0.07,
            "conf_threshold": 0.6,
            "iou_threshold": 0.5,
            "max_detections": 30,
            "mask_threshold": 0.45,
        }
        expected = ort_vision_sdk.decode_yolo_seg(output, prototypes, **facts)
        result = vision.decode_yolo_seg(output[0], prototypes[0], **facts)
        assert len(result) == len(expected) > 3
        for one, other in zip(result, expected, strict=True):
            assert (one[0].xyxy, one[1:3]) == (other[0].xyxy, other[1:3])
            mostly_equal(one[3], other[3], 2)
    with pytest.raises(ValueError, match=r"channel count 13 does not match 4 \+ num_classes \(4\)"):
        vision.decode_yolo_seg(output, prototypes, **(facts | {"num_classes": 4}))


def test_segmenter_predicts_in_every_way(folder: Path) -> None:
    segmenter = vision.Segmenter(folder / "segmenter.onnx", conf_threshold=0.5)
    picture = scene(1)
    expected = segmenter(picture)[0]
    assert len(expected) > 2
    segmenter.warmup()

    async def both() -> list[vision.SegmentationResults]:
        return [
            (await segmenter.async_predict(picture))[0],
            (await segmenter.ort_async_predict(picture))[0],
        ]

    for result in asyncio.run(both()):
        same_boxes(result, expected)
        for one, other in zip(result.masks, expected.masks, strict=True):
            np.testing.assert_array_equal(one, other)
    plain = vision.Detector("", backend=segmenter.session, labels=[str(i) for i in range(13)])
    assert len(plain.predict(picture)[0]) >= 0
    plotted = expected.plot()
    assert plotted.shape == picture.shape
    covered = expected.masks.full()
    assert covered.shape == (len(expected), *picture.shape[:2])
    box = expected[0].box.as_int_xyxy()
    np.testing.assert_array_equal(covered[0][box[1] : box[3], box[0] : box[2]], expected[0].mask > 0)
    written = json.loads(expected.to_json())["objects"][0]["mask"]
    runs = np.repeat(np.arange(len(written["counts"])) % 2, written["counts"])
    np.testing.assert_array_equal(runs.reshape(written["size"][::-1]).T, expected[0].mask // 255)
    with pytest.raises(vision.NoDetectionsError, match=r"nothing cleared conf_threshold=1\."):
        segmenter.predict(picture, conf_threshold=1, raise_on_empty=True)
    with pytest.raises(ValueError, match="Unsupported segmenter head 'x'"):
        vision.Segmenter(folder / "segmenter.onnx", head="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one 3-D and one 4-D output"):
        vision.Segmenter(folder / "detector.onnx", labels=["a"]).predict(picture)


def test_lists_give_what_single_pictures_do(folder: Path) -> None:
    pictures = [scene(seed, 60 + 20 * seed, 90) for seed in range(11)]
    for name in ("batch.onnx", "segmenter.onnx"):
        segmenter = vision.Segmenter(folder / name, conf_threshold=0.5, labels=list(NAMES.values()))
        session = Counting(segmenter.session)
        segmenter = vision.Segmenter("", backend=session, conf_threshold=0.5, labels=list(NAMES.values()))
        together = segmenter.predict(list(pictures))
        assert session.runs == (2 if name == "batch.onnx" else 11)
        assert len(together) == 11
        for picture, result in zip(pictures, together, strict=True):
            alone = segmenter.predict(picture)[0]
            np.testing.assert_allclose(result.boxes.data, alone.boxes.data, atol=1e-3)
            assert set(result.speed) == {"load", "preprocess", "inference", "postprocess"}
        same = asyncio.run(segmenter.ort_async_predict(list(pictures)))
        assert [len(result) for result in same] == [len(result) for result in together]
        assert segmenter.predict([]) == []


def test_metadata_of_fused_files_reads_both_ways() -> None:
    for extra in (
        {},
        {"kind": "detect_segment_classify", "segmenter_names": {0: "x"}, "mask_applied": False},
    ):
        facts: dict[str, Any] = {
            "input_size": (64, 48), "crop_size": (32, 16), "crop_source": "original", "max_detections": None,
            "conf_threshold": 0.1, "iou_threshold": 0.7, "apply_softmax": True, "detector_names": {0: "a"},
            "classifier_names": None, "sdk_version": "9", **extra,
        }  # fmt: skip
        ours, theirs = vision.FusionSpec(**facts), ort_vision_sdk.FusionSpec(**facts)
        entries = ours.to_metadata()
        assert entries == theirs.to_metadata()
        assert vision.FusionSpec.from_metadata(entries) == ours
        assert (ours.has_masks, ours.needs_source_image) == (theirs.has_masks, theirs.needs_source_image)
        for key in entries:
            for broken in ("", "x", "0", "1,2,3", "-1,2"):
                changed = entries | {key: broken}
                one, other = (
                    kind.from_metadata(changed) for kind in (vision.FusionSpec, ort_vision_sdk.FusionSpec)
                )
                assert (one is None) == (other is None), (key, broken)
                if one is not None:
                    assert one.to_metadata() == other.to_metadata(), (key, broken)
    assert vision.FusionSpec.from_metadata(None) is None


@pytest.mark.parametrize("source", ["detector_input", "original"])
@pytest.mark.parametrize("most", [6, None])
@pytest.mark.parametrize("masked", [False, True])
def test_fused_models_agree(
    folder: Path, tmp_path: Path, source: str, most: int | None, masked: bool
) -> None:
    parts = [folder / "detector.onnx", folder / "classifier.onnx"]
    if masked:
        parts.insert(1, folder / "masker.onnx")
    names = {"crop_source": source, "max_detections": most, "conf_threshold": 0.55}
    make = "fuse_detect_segment_classify" if masked else "fuse_detect_classify"
    getattr(vision.compose, make)(*parts, tmp_path / "ours.onnx", validate=most is not None, **names)
    getattr(compose, make)(*parts, tmp_path / "theirs.onnx", validate=False, **names)
    made = [onnx.load(tmp_path / f"{name}.onnx") for name in ("ours", "theirs")]
    entries = [{entry.key: entry.value for entry in each.metadata_props} for each in made]
    assert entries[0] == entries[1]
    for side in ("input", "output"):
        described = [[(value.name, str(value.type)) for value in getattr(each.graph, side)] for each in made]
        assert described[0] == described[1]
    tasks = [
        vision.DetectClassify(tmp_path / "ours.onnx"),
        vision.DetectClassify(tmp_path / "theirs.onnx"),
        ort_vision_sdk.DetectClassify(tmp_path / "ours.onnx"),
        ort_vision_sdk.DetectClassify(tmp_path / "theirs.onnx"),
    ]
    for task in tasks:
        task.warmup()
    for name in ("labels", "names", "classifier_labels", "classifier_names", "input_size", "input_dtype"):
        assert len({str(getattr(task, name)) for task in tasks}) == 1
    for seed in range(3):
        results = [task.predict(scene(seed, 130, 90 + 40 * seed), top_k=3)[0] for task in tasks]
        expected = results[-1]
        assert len(expected) > 1
        for result in results[:-1]:
            assert result.boxes.cls.tolist() == expected.boxes.cls.tolist()
            np.testing.assert_allclose(result.boxes.xyxy, expected.boxes.xyxy, atol=1e-2)
            np.testing.assert_allclose(result.boxes.conf, expected.boxes.conf, atol=1e-4)
            for one, other in zip(result, expected, strict=True):
                assert one.classification.name == other.classification.name
                assert len(one.classification.probabilities) == 3
                np.testing.assert_allclose(one.classification.conf, other.classification.conf, atol=1e-3)
                np.testing.assert_array_equal(one.classification.image, other.classification.image)
                if masked:
                    assert one.mask.shape == other.mask.shape == one.cropped_image.shape[:2]
                    assert np.mean(one.mask != other.mask) < 0.01
                else:
                    assert one.mask is other.mask is None


def test_fused_models_in_every_way(folder: Path, tmp_path: Path) -> None:
    vision.compose.fuse_detect_classify(
        folder / "detector.onnx", folder / "classifier.onnx", tmp_path / "both.onnx", conf_threshold=0.55
    )
    task = vision.DetectClassify(tmp_path / "both.onnx", classifier_labels=[f"kind {i}" for i in range(7)])
    picture = scene(2)
    expected = task(picture)[0]
    for result in (
        asyncio.run(task.async_predict(picture))[0],
        asyncio.run(task.ort_async_predict(picture))[0],
    ):
        same_boxes(result, expected)
    kinds = expected.boxes.cls.tolist()
    assert task.predict(picture, classes=kinds[:1])[0].boxes.cls.tolist() == [
        k for k in kinds if k == kinds[0]
    ]
    best = expected[0]
    assert best.classification.name.startswith("kind ")
    assert [row["kind"] for row in expected.rows()] == [each.classification.name for each in expected]
    assert json.loads(expected.to_json(indent=2))["objects"][0]["kind"] == best.classification.name
    assert (expected.plot() != picture).any()
    with pytest.raises(vision.NoDetectionsError, match=r"conf_threshold=1\.$"):
        task.predict(picture, conf_threshold=1, raise_on_empty=True)
    assert len(task.predict(picture, conf_threshold=1)[0]) == 0
    with pytest.raises(vision.LabelMapError):
        vision.DetectClassify(tmp_path / "both.onnx", classifier_labels=["one"])


def test_what_cannot_be_made_one(folder: Path, tmp_path: Path) -> None:
    fuse = vision.compose.fuse_detect_classify
    parts = folder / "detector.onnx", folder / "classifier.onnx"
    with pytest.raises(vision.FusionError, match="its metadata has no"):
        vision.DetectClassify(folder / "detector.onnx")
    with pytest.raises(vision.FusionError, match="detector model not found"):
        fuse("none.onnx", folder / "classifier.onnx")
    with pytest.raises(vision.FusionError, match=r"expected \(1, 4 \+ classes, cells\)"):
        fuse(folder / "classifier.onnx", folder / "classifier.onnx")
    for name, wrong in (("max_detections", 0), ("max_boxes_per_class", 0), ("std", (1.0, 0.0, 1.0))):
        with pytest.raises(ValueError, match=name):
            fuse(*parts, **{name: wrong})
    fixed = vision_models.write(
        tmp_path / "fixed.onnx", vision_models.classifier(np.random.default_rng(1), batch=1)
    )
    with pytest.warns(UserWarning, match="crop_size="):
        fuse(folder / "detector.onnx", fixed, max_detections=1, crop_size=(8, 8))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\xff\xff")
    with pytest.raises(vision.FusionError, match="cannot be read"):
        fuse(broken, fixed)
    with pytest.raises(vision.FusionError, match="of one size"):
        vision.compose.fuse_detect_segment_classify(
            parts[0],
            vision_models.write(tmp_path / "m.onnx", vision_models.masker(np.random.default_rng(1), side=16)),
            parts[1],
        )


def test_optimized_models_say_so(folder: Path, tmp_path: Path) -> None:
    source = EXAMPLES / "classifier" / "objects.onnx"
    for level in ("basic", "extended"):
        written = vision.optimize_model(source, tmp_path / "optimized.onnx", level=level)
        assert written == tmp_path / "optimized.onnx"
        assert vision.OrtSession(written).metadata == {
            **vision.OrtSession(source).metadata,
            vision.GRAPH_OPTIMIZATION_KEY: level,
        }
        probs = [
            package.Classifier(model).predict(MUG)[0].probs.data
            for package, model in ((vision, written), (ort_vision_sdk, written), (vision, source))
        ]
        for other in probs[1:]:
            np.testing.assert_allclose(probs[0], other, atol=1e-4)
    with pytest.raises(ValueError, match="level must be 'basic' or 'extended', got 'all'"):
        vision.optimize_model(source, tmp_path / "x.onnx", level="all")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="Model file not found: none"):
        vision.optimize_model("none", tmp_path / "x.onnx")
    with pytest.raises(NotImplementedError, match="does not quantize models yet"):
        vision.quantize_model(source, tmp_path / "x.onnx", [])
    with pytest.raises(FileNotFoundError):
        vision.quantize_model("none", tmp_path / "x.onnx", [])


def test_small_things_agree() -> None:
    for name in ("cpu", "GPU", "trt", "mps", "rocm", "CPUExecutionProvider"):
        ours = vision.core.providers.normalize_provider(name)
        assert ours == ort_vision_sdk.core.providers.normalize_provider(name)
    for kind in (*ort_vision_sdk.dtypes.ORT_TO_NUMPY, "tensor(string)", ""):
        assert vision.numpy_dtype_for(kind) == ort_vision_sdk.numpy_dtype_for(kind)
    for package in (vision, ort_vision_sdk):
        timer = package.SpeedTimer()
        timer.stage("load")
        timer.stage("load")
        assert list(timer.speed()) == list(package.STAGES)
        assert timer.speed()["load"] > 0 == timer.speed()["inference"]
        with pytest.raises(ValueError, match="expected an HWC 3-channel array"):
            package.from_cv2(np.zeros((3, 3), np.uint8))
    boxes = np.array([[1.0, 2, 30, 40]]), np.array([2]), np.array([0.5]), (50, 60)
    result = vision.SegmentationResults(
        vision.Boxes(*boxes),
        vision.Masks((np.ones((38, 29), np.uint8),), boxes[0], (50, 60)),
        (),
        {},
        np.zeros((50, 60, 3), np.uint8),
        (50, 60),
    )
    assert result.masks.full().sum() == 38 * 29
    assert list(result) == []
    assert repr(result) == "SegmentationResults(0 detections, path=None, orig_shape=(50, 60))"


def test_session_runs_in_every_way(folder: Path) -> None:
    session = vision.OrtSession(folder / "segmenter.onnx")
    feeds = {"image": np.zeros((1, 3, 64, 64), np.float32)}
    expected = session.run(feeds)
    theirs = ort_vision_sdk.OrtSession(folder / "segmenter.onnx")
    for name in (
        "input_names",
        "input_shapes",
        "input_dtypes",
        "output_names",
        "output_shapes",
        "metadata",
        "providers",
    ):
        assert getattr(session, name) == getattr(theirs, name), name
    for one in (
        asyncio.run(session.async_run(feeds, output_names=["output1"])),
        asyncio.run(session.ort_async_run(feeds, output_names=["output1"])),
        session.run(feeds, output_names=["output1"]),
    ):
        assert len(one) == 1
        np.testing.assert_array_equal(one[0], expected[1])
    for wrong in ({"x": feeds["image"]}, {"image": np.zeros((1, 3, 8, 8), np.float32)}):
        with pytest.raises(vision.InferenceError, match="Inference failed"):
            session.run(wrong)
        with pytest.raises(vision.InferenceError, match="Inference failed"):
            asyncio.run(session.ort_async_run(wrong))


def test_programs_that_import_ort_vision_sdk_run_on_ortolan(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import onnxruntime as ort
import ort_vision_sdk
from ort_vision_sdk import COCO_CLASSES, Detector, Segmenter, load_image
from ort_vision_sdk.core.exceptions import ModelLoadError
from ort_vision_sdk.tasks.detector import Detector as Same
import ort_vision_sdk.postprocess.segmentation as segmentation
options = ort.SessionOptions()
options.intra_op_num_threads = 1
detector = Detector({str(folder / "detector.onnx")!r}, session_options=options, providers=["cpu"])
assert Same is Detector and len(COCO_CLASSES) == 80 and segmentation.decode_yolo_seg
result = detector.predict({str(MUG)!r})[0]
print(type(detector).__module__, ort_vision_sdk.__version__, len(result), sorted(result.speed))
try:
    Segmenter("none.onnx")
except ModelLoadError as error:
    print(error)
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "ortolan.dropin", str(program)], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("ortolan.vision.tasks.detector 0.12.0")
    assert second == "Model file not found: none.onnx"
