"""Heads other than YOLOv8's: told from shapes and metadata, decoded as numpy decodes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ortolan import vision

NAMES = {"names": "{0: 'a', 1: 'b', 2: 'c'}"}
PICTURE = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
HEIGHT, WIDTH = PICTURE.shape[:2]


class Fixed:
    """A backend that answers with the same arrays, whatever it is asked."""

    def __init__(
        self,
        outputs: dict[str, np.ndarray],
        *,
        metadata: dict[str, str] | None = None,
        inputs: dict[str, tuple[str, tuple[Any, ...]]] | None = None,
        open_shapes: bool = False,
    ) -> None:
        inputs = inputs or {"images": ("tensor(float)", (1, 3, 64, 64))}
        self.input_names, self.input_name = list(inputs), next(iter(inputs))
        self.input_dtypes = [kind for kind, _ in inputs.values()]
        self.input_shapes = [shape for _, shape in inputs.values()]
        self.input_dtype, self.input_shape = self.input_dtypes[0], self.input_shapes[0]
        self.output_names = list(outputs)
        self.output_shapes = [
            tuple("n" if open_shapes else size for size in output.shape) for output in outputs.values()
        ]
        self.metadata = metadata or {}
        self.outputs, self.feeds = list(outputs.values()), {}

    def run(self, feeds: dict[str, np.ndarray], **_: object) -> list[np.ndarray]:
        self.feeds = feeds
        return self.outputs

    async def async_run(self, feeds: dict[str, np.ndarray], **_: object) -> list[np.ndarray]:
        return self.run(feeds)

    ort_async_run = async_run


def detect(backend: Fixed, **options: str) -> vision.DetectionResults:
    return vision.Detector("", backend=backend, conf_threshold=0.3, iou_threshold=0.5, **options).predict(
        PICTURE
    )[0]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) for box in (one, other)]
    union = areas[0] + areas[1] - width * height
    return width * height / union if union > 0 else 0.0


def from_letterbox(boxes: np.ndarray) -> np.ndarray:
    """Edges in an input of 64 x 64 to edges in the picture, clipped."""
    scale = 64 / WIDTH
    top = (64 - round(HEIGHT * scale)) // 2
    moved = (boxes - np.array([0, top, 0, top])) / scale
    return moved.clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])


def edges(centres: np.ndarray) -> np.ndarray:
    return np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], 1)


def suppressed(boxes: np.ndarray, scores: np.ndarray, kinds: np.ndarray) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] < 0.3:
            break
        rivals = [other for other in kept if kinds[other] == kinds[index]]
        if all(overlap(boxes[other], boxes[index]) <= 0.5 for other in rivals):
            kept.append(int(index))
    return kept


def check(result: vision.DetectionResults, boxes: np.ndarray, kinds: np.ndarray, scores: np.ndarray) -> None:
    assert len(scores) > 0
    assert result.boxes.cls.tolist() == kinds.tolist()
    np.testing.assert_allclose(result.boxes.conf, scores, rtol=1e-5)
    np.testing.assert_allclose(result.boxes.xyxy, boxes, atol=1e-3)


def some_cells(rng: np.random.Generator, count: int) -> np.ndarray:
    """Centres and sizes in an input of 64 x 64."""
    return np.concatenate([rng.uniform(5, 60, (count, 2)), rng.uniform(4, 30, (count, 2))], 1).astype(
        np.float32
    )


@pytest.mark.parametrize("open_shapes", [False, True])
def test_yolov5_has_a_score_for_the_box(open_shapes: bool) -> None:
    rng = np.random.default_rng(2)
    cells = 3 * (8 * 8 + 4 * 4 + 2 * 2)  # three boxes a cell: nothing else has as many
    boxes, scores = some_cells(rng, cells), rng.random((cells, 4)).astype(np.float32)
    backend = Fixed(
        {"output": np.concatenate([boxes, scores], 1)[None]}, metadata=NAMES, open_shapes=open_shapes
    )
    detector = vision.Detector("", backend=backend)
    assert detector.head == ("yolo" if open_shapes else "yolov5")  # open shapes: a run tells
    result = detect(backend)
    both = scores[:, 1:] * scores[:, :1]
    kinds, best, places = both.argmax(1), both.max(1), from_letterbox(edges(boxes))
    kept = suppressed(places, best, kinds)
    check(result, places[kept], kinds[kept], best[kept])
    assert detect(backend, head="yolov5").boxes.data.tolist() == result.boxes.data.tolist()


def test_yolov5_segments() -> None:
    rng = np.random.default_rng(3)
    cells = 3 * (8 * 8 + 4 * 4 + 2 * 2)
    boxes, scores = some_cells(rng, cells), rng.random((cells, 4)).astype(np.float32)
    rows = np.concatenate([boxes, scores, rng.normal(0, 1, (cells, 6)).astype(np.float32)], 1)
    planes = rng.normal(0, 1, (1, 6, 16, 16)).astype(np.float32)
    ours = vision.Segmenter(
        "", backend=Fixed({"o0": rows[None], "o1": planes}, metadata=NAMES), conf_threshold=0.5
    )
    assert ours.head == "yolov5-seg"
    # The same objects in YOLOv8's form have the same masks.
    both = scores[:, 1:] * scores[:, :1]
    as_v8 = np.concatenate([boxes, both, rows[:, 8:]], 1).T[None]
    other = vision.Segmenter(
        "",
        backend=Fixed({"o0": np.ascontiguousarray(as_v8), "o1": planes}, metadata=NAMES),
        conf_threshold=0.5,
    )
    assert other.head == "yolo-seg"
    one, two = ours.predict(PICTURE)[0], other.predict(PICTURE)[0]
    assert len(one) > 3
    np.testing.assert_array_equal(one.boxes.data, two.boxes.data)
    for mine, its in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine.mask, its.mask)
        np.testing.assert_array_equal(mine.segmented_image, its.segmented_image)


@pytest.mark.parametrize("numbers", [2, 3])
def test_poses(numbers: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    cells, count = 84, 5
    boxes, scores = some_cells(rng, cells), rng.random((cells, 1)).astype(np.float32)
    points = rng.uniform(0, 64, (cells, count, numbers)).astype(np.float32)
    points[..., 2:] /= 64
    output = np.concatenate([boxes, scores, points.reshape(cells, -1)], 1).T[None]
    facts = {"task": "pose", "kpt_shape": f"[{count}, {numbers}]", "names": "{0: 'person'}"}
    backend = Fixed({"output0": np.ascontiguousarray(output)}, metadata=facts)
    detector = vision.Detector("", backend=backend)
    assert (detector.head, detector.num_classes) == ("yolo-pose", 1)
    result = detect(backend)
    assert isinstance(result, vision.PoseResults)
    places = from_letterbox(edges(boxes))
    kept = suppressed(places, scores[:, 0], np.zeros(cells, int))
    check(result, places[kept], np.zeros(len(kept), int), scores[kept, 0])
    both = from_letterbox(np.tile(points[kept, :, :2].reshape(-1, 2), 2))[:, :2].reshape(-1, count, 2)
    np.testing.assert_allclose(result.keypoints.xy, both, atol=1e-3)
    assert (result.keypoints.conf is None) == (numbers == 2)
    if result.keypoints.conf is not None:
        np.testing.assert_array_equal(result.keypoints.conf, points[kept, :, 2])
    np.testing.assert_array_equal(result[0].keypoints, result.keypoints.data[0])
    assert result.to_dict()["objects"][0]["keypoints"] == result[0].keypoints.tolist()
    assert (result.plot() != PICTURE).any()
    assert vision.load_image(result.save(tmp_path / "poses.png")).shape == PICTURE.shape


def covariance(box: np.ndarray) -> np.ndarray:
    turn = np.array([[np.cos(box[4]), -np.sin(box[4])], [np.sin(box[4]), np.cos(box[4])]])
    return turn @ np.diag([box[2] ** 2 / 12, box[3] ** 2 / 12]) @ turn.T


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """One minus the Hellinger distance of two Gaussians, from its textbook form."""
    first, second, apart = covariance(one), covariance(other), one[:2] - other[:2]
    mean = (first + second) / 2
    distance = apart @ np.linalg.inv(mean) @ apart / 8
    distance += np.log(np.linalg.det(mean) / np.sqrt(np.linalg.det(first) * np.linalg.det(second))) / 2
    return 1 - float(np.sqrt(1 - np.exp(-distance)))


def test_turned_boxes() -> None:
    rng = np.random.default_rng(5)
    cells = 84
    boxes, scores = some_cells(rng, cells), rng.random((cells, 3)).astype(np.float32)
    angles = rng.uniform(-0.7, 2.3, (cells, 1)).astype(np.float32)
    output = np.ascontiguousarray(np.concatenate([boxes, scores, angles], 1).T[None])
    result = detect(Fixed({"output0": output}, metadata={"task": "obb", **NAMES}))
    assert isinstance(result, vision.TurnedResults)
    assert result.obb is not None
    scale = 64 / WIDTH
    top = (64 - round(HEIGHT * scale)) // 2
    turned = np.concatenate([(boxes - [0, top, 0, 0]) / scale, angles], 1)
    kinds, best = scores.argmax(1), scores.max(1)
    order = [int(index) for index in np.argsort(-best, kind="stable") if best[index] >= 0.3]
    kept = [
        index
        for rank, index in enumerate(order)
        if all(likeness(turned[o], turned[index]) <= 0.5 for o in order[:rank] if kinds[o] == kinds[index])
    ]
    assert 3 < len(kept) < len(order)
    assert result.boxes.cls.tolist() == kinds[kept].tolist()
    np.testing.assert_allclose(result.obb.xywhr, turned[kept], atol=1e-3)
    for found, box in zip(result, turned[kept], strict=True):
        turn = np.array([[np.cos(box[4]), -np.sin(box[4])], [np.sin(box[4]), np.cos(box[4])]])
        sides = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * box[2:4] / 2
        corners = sides @ turn.T + box[:2]
        np.testing.assert_allclose(found.corners, corners, atol=1e-3)
        around = np.concatenate([corners.min(0), corners.max(0)]).clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        np.testing.assert_allclose(found.bbox.xyxy, around, atol=1e-3)
    assert (result.plot() != PICTURE).any()


@pytest.mark.parametrize("extra", ["", "-pose", "-obb"])
def test_end_to_end(extra: str) -> None:
    rng = np.random.default_rng(6)
    boxes = edges(some_cells(rng, 30))
    scores = rng.random(30).astype(np.float32)
    kinds = rng.integers(0, 3, 30)
    rows = [boxes, scores[:, None], kinds[:, None]]
    facts = dict(NAMES, description="Ultralytics YOLOv10n model")
    if extra == "-pose":
        points = rng.uniform(0, 64, (30, 12))
        rows, facts = [*rows, points], dict(facts, task="pose", kpt_shape="[4, 3]")
    if extra == "-obb":
        rows, facts = [*rows, rng.uniform(0, 1, (30, 1))], dict(facts, task="obb")
        rows[0] = some_cells(rng, 30)
    output = np.concatenate(rows, 1).astype(np.float32)[None]
    backend = Fixed({"output0": output}, metadata=facts)
    result = detect(backend)
    assert vision.Detector("", backend=backend).head == f"end2end{extra}"
    order = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] >= 0.3]
    if extra == "-obb":
        assert result.boxes.cls.tolist() == kinds[order].tolist()
        np.testing.assert_allclose(result.obb.xywhr[:, 4], output[0, order, 6])
        np.testing.assert_allclose(result.obb.xywhr[:, 2], output[0, order, 2] * WIDTH / 64, rtol=1e-5)
    else:
        check(result, from_letterbox(boxes)[order], kinds[order], scores[order])
    if extra == "-pose":
        assert result.keypoints.shape == (len(order), 4, 3)
        np.testing.assert_allclose(result.keypoints.xy[:, 1, 0], points[order, 3] * WIDTH / 64, rtol=1e-5)


def test_rtdetr_and_detr() -> None:
    rng = np.random.default_rng(7)
    shares = np.concatenate([rng.uniform(0.2, 0.8, (30, 2)), rng.uniform(0.1, 0.5, (30, 2))], 1).astype(
        np.float32
    )
    logits = rng.normal(-1, 2, (30, 3)).astype(np.float32)
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = (edges(shares) * size).clip(0, size)

    def expect(result: vision.DetectionResults, scores: np.ndarray) -> None:
        best = scores.max(1)
        order = [int(index) for index in np.argsort(-best, kind="stable") if best[index] >= 0.3]
        check(result, boxes[order], scores.argmax(1)[order], best[order])

    whole = np.concatenate([shares, chances], 1).astype(np.float32)[None]
    backend = Fixed({"output0": whole}, metadata=dict(NAMES, description="Ultralytics RT-DETR-l model"))
    assert vision.Detector("", backend=backend).head == "rtdetr"
    expect(detect(backend), chances.astype(np.float32))
    # No grey around it: the picture is stretched.
    np.testing.assert_allclose(
        backend.feeds["images"][0], vision.to_tensor(vision.resize(PICTURE, (64, 64))), atol=1e-6
    )

    apart = {"logits": logits[None], "pred_boxes": shares[None]}
    expect(detect(Fixed(apart, metadata=NAMES)), chances.astype(np.float32))
    with pytest.raises(ValueError, match=r"fit both detr .* and rtdetr. Name the head"):
        detect(Fixed(apart))
    expect(detect(Fixed(apart), head="rtdetr"), chances.astype(np.float32))

    nothing = np.concatenate([logits, rng.normal(0, 1, (30, 1)).astype(np.float32)], 1)
    softened = np.exp(nothing.astype(np.float64))
    softened /= softened.sum(1, keepdims=True)
    sizes = {
        "pixel_values": ("tensor(float)", (1, 3, "h", "w")),
        "pixel_mask": ("tensor(int64)", (1, 64, 64)),
    }
    backend = Fixed({"logits": nothing[None], "pred_boxes": shares[None]}, metadata=NAMES, inputs=sizes)
    expect(detect(backend), softened[:, :3])
    assert backend.feeds["pixel_values"].shape == (1, 3, 800, 1067)  # the shorter side is 800
    assert backend.feeds["pixel_mask"].shape == (1, 64, 64)


def test_rtdetr_that_is_told_the_size() -> None:
    rng = np.random.default_rng(8)
    boxes = edges(some_cells(rng, 20))[None]
    inputs = {"images": ("tensor(float)", ("N", 3, 64, 64)), "orig_target_sizes": ("tensor(int64)", ("N", 2))}
    outputs = {
        "labels": rng.integers(0, 3, (1, 20)),
        "boxes": boxes,
        "scores": rng.random((1, 20)).astype(np.float32),
    }
    backend = Fixed(outputs, metadata=NAMES, inputs=inputs)
    result = detect(backend)
    assert backend.feeds["orig_target_sizes"].tolist() == [[WIDTH, HEIGHT]]
    order = [i for i in np.argsort(-outputs["scores"][0], kind="stable") if outputs["scores"][0, i] >= 0.3]
    check(result, boxes[0, order].clip(0), outputs["labels"][0, order], outputs["scores"][0, order])


@pytest.mark.parametrize("names", [("boxes", "labels", "scores"), ("1770", "1771", "1772")])
@pytest.mark.parametrize("side", [64, "side"])
def test_ready_boxes(names: tuple[str, str, str], side: int | str) -> None:
    rng = np.random.default_rng(9)
    boxes, scores = edges(some_cells(rng, 20)), rng.random(20).astype(np.float32)
    kinds = rng.integers(1, 91, 20)
    outputs = dict(zip(names, (boxes, kinds, scores), strict=True))
    backend = Fixed(outputs, inputs={"image": ("tensor(float)", (3, side, side))})
    backend.output_dtypes = ["tensor(float)", "tensor(int64)", "tensor(float)"]  # type: ignore[attr-defined]
    result = detect(backend)
    assert backend.feeds["image"].shape == ((3, 64, 64) if side == 64 else PICTURE.transpose(2, 0, 1).shape)
    scale = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) / 64 if side == 64 else 1
    order = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= 0.3]
    places = (boxes * scale).clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    check(result, places[order], kinds[order], scores[order])
    assert result.names[1] == "person"  # by COCO's own ids
    assert result.names[90] == "toothbrush"


def test_pixels() -> None:
    rng = np.random.default_rng(10)
    logits = rng.normal(0, 1, (1, 4, 16, 16)).astype(np.float32)
    segmenter = vision.SemanticSegmenter("", backend=Fixed({"out": logits}))
    result = segmenter.predict(PICTURE)[0]

    def share(size: int) -> np.ndarray:
        at = ((np.arange(size) + 0.5) * 16 / size - 0.5).clip(0, 15)
        low = np.floor(at).astype(int)
        weights = np.zeros((size, 16))
        weights[np.arange(size), low] += 1 - (at - low)
        weights[np.arange(size), np.minimum(low + 1, 15)] += at - low
        return weights

    enlarged = np.einsum("yi,cij,xj->cyx", share(HEIGHT), logits[0].astype(np.float64), share(WIDTH))
    top = np.sort(enlarged, axis=0)
    clear = top[-1] - top[-2] > 1e-5
    np.testing.assert_array_equal(result.classes[clear], enlarged.argmax(0)[clear])
    assert clear.mean() > 0.99
    assert sum(row["share"] for row in result.rows()) == pytest.approx(1)
    assert result.mask(2).sum() == (result.classes == 2).sum()
    tinted = (result.plot() != PICTURE).any(2)
    assert not tinted[result.classes == 0].any()
    assert tinted[result.classes != 0].mean() > 0.99
    one = vision.SemanticSegmenter("", backend=Fixed({"out": logits[:, :1]}), labels=["not", "is"])
    where = enlarged[0] > 0
    sure = np.abs(enlarged[0]) > 1e-5
    np.testing.assert_array_equal(one.predict(PICTURE)[0].classes[sure], where[sure])
    ready = rng.integers(0, 9, (1, 30, 40))
    result = vision.SemanticSegmenter("", backend=Fixed({"out": ready})).predict(PICTURE)[0]
    np.testing.assert_array_equal(result.classes, ready[0].repeat(3, 0).repeat(3, 1))


def test_heads_that_cannot_be_told() -> None:
    two = {"names": "{0: 'a', 1: 'b'}"}
    rows = np.zeros((1, 300, 6), np.float32)
    with pytest.raises(ValueError, match="fit both end2end and rtdetr"):
        detect(Fixed({"output0": rows}, metadata=two))
    assert len(detect(Fixed({"output0": rows}, metadata=two), head="end2end")) == 0
    assert vision.Detector("", backend=Fixed({"output0": rows})).head == "end2end"
    with pytest.raises(ValueError, match="neither YOLOv5's nor YOLOv8's"):
        detect(Fixed({"output0": np.zeros((1, 84, 8), np.float32)}))
    with pytest.raises(ValueError, match="SemanticSegmenter"):
        detect(Fixed({"out": np.zeros((1, 4, 8, 8), np.float32)}))
    with pytest.raises(ValueError, match="Unsupported detector head"):
        detect(Fixed({"out": np.zeros((1, 84, 8400), np.float32)}), head="yolo9000")
    broken = {
        "boxes": np.zeros((3, 4), np.float32),
        "labels": np.zeros(3, int),
        "scores": np.zeros(2, np.float32),
    }
    with pytest.raises(ValueError, match="do not fit"):
        detect(Fixed(broken))


@pytest.mark.parametrize(
    "name", ["fasterrcnn_mobilenet", "ssdlite320_nms", "deeplabv3_mobilenet_v3", "lraspp_mobilenet_v3"]
)
def test_zoo(name: str) -> None:
    """Real exports: the same input, made by hand, and the same reading of the same outputs."""
    if "ORTOLAN_ZOO" not in os.environ:
        pytest.skip("ORTOLAN_ZOO names no folder of models")
    model = Path(os.environ["ORTOLAN_ZOO"]) / f"{name}.onnx"
    session = vision.OrtSession(model)
    if name in ("fasterrcnn_mobilenet", "ssdlite320_nms"):
        fitted = PICTURE if name.startswith("faster") else vision.resize(PICTURE, (320, 320))
        run = session.run({"image": vision.to_tensor(fitted)})
        answers = dict(zip(session.output_names, run, strict=True))
        result = vision.Detector(model, conf_threshold=0.1).predict(PICTURE)[0]
        sure = answers["scores"] >= 0.1
        scale = 1 if name.startswith("faster") else np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) / 320
        assert len(result) == sure.sum() > 10
        # Samples differ in the last bit (1/255 times, or over 255), so that the order may, too.
        np.testing.assert_allclose(result.boxes.conf, np.sort(answers["scores"][sure])[::-1], atol=1e-3)
        places = (answers["boxes"][sure] * scale).clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        gaps = np.abs(result.boxes.xyxy[:, None] - places[None]).max(2)
        alike = np.abs(result.boxes.conf[:, None] - answers["scores"][sure][None]) < 1e-3
        same = result.boxes.cls[:, None] == answers["labels"][sure][None]
        assert ((gaps < 0.5) & alike & same).any(1).all()
        return
    planes = vision.normalize(
        vision.resize(PICTURE, (320, 320)), mean=vision.IMAGENET_MEAN, std=vision.IMAGENET_STD
    )
    (logits,) = session.run({"input": planes.transpose(2, 0, 1)[None]})
    theirs = vision.SemanticSegmenter("", backend=Fixed({"out": logits})).predict(PICTURE)[0]
    result = vision.SemanticSegmenter(model).predict(PICTURE)[0]
    assert (result.classes == theirs.classes).mean() > 0.999
