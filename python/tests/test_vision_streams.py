"""Folders, iterators and videos of pictures through a task, one result after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ortolan import vision
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLASSIFIER = EXAMPLES / "classifier" / "objects.onnx"
DETECTOR = EXAMPLES / "detector" / "detector.onnx"
MUG = EXAMPLES / "classifier" / "picture.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of five pictures, a broken one and a text."""
    for index, suffix in enumerate((".jpg", ".PNG", ".webp", ".bmp", ".gif")):
        Image.open(MUG).resize((100 + 20 * index, 90)).save(tmp_path / f"{index}{suffix}")
    (tmp_path / "2b.jpg").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_in_order(folder: Path) -> None:
    classifier = vision.Classifier(CLASSIFIER)
    steps: list[tuple[int, int | None]] = []
    broken: list[tuple[object, str]] = []
    results = classifier.stream(
        folder,
        top_k=2,
        progress=lambda *step: steps.append(step),
        skipped=lambda picture, error: broken.append((picture, str(error))),
    )
    names = []
    for result in results:
        assert result.path is not None
        names.append(Path(result.path).name)
        assert len(result.probabilities) == 2
        np.testing.assert_array_equal(result.probs.data, classifier.predict(folder / names[-1])[0].probs.data)
    assert names == ["0.jpg", "1.PNG", "2.webp", "3.bmp", "4.gif"]
    assert steps == [(done, 6) for done in range(1, 7)]
    assert [path for path, _ in broken] == [folder / "2b.jpg"]
    with pytest.raises(vision.ImageLoadError, match=r"2b\.jpg"):
        list(classifier.stream(folder))


def test_pictures_are_taken_as_results_are() -> None:
    taken = []

    def endless() -> Iterator[np.ndarray]:
        for index in itertools.count():
            taken.append(index)
            yield np.full((40, 40, 3), index % 256, np.uint8)

    detector = vision.Detector(DETECTOR)
    stream = detector.stream(endless(), ahead=3, conf_threshold=0.9)
    assert taken == []
    for done, result in enumerate(itertools.islice(stream, 5)):
        assert result.orig_img[0, 0, 0] == done
        assert len(taken) <= done + 3
    stream.close()
    assert len(taken) <= 8


def test_what_streams_refuse(tmp_path: Path) -> None:
    detector = vision.Detector(DETECTOR)
    with pytest.raises(vision.ImageLoadError, match="No such folder or file"):
        detector.stream(tmp_path / "none")
    with pytest.raises(ValueError, match="ahead must be at least 1"):
        detector.stream([MUG], ahead=0)
    with pytest.raises(TypeError, match="top_k"):
        detector.stream([MUG], top_k=3)
    assert list(detector.stream([])) == []
    assert len(list(detector.stream(MUG))) == 1


def test_videos(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 120))
    for _ in range(7):
        writer.write(vision.to_cv2(np.asarray(Image.open(MUG).resize((160, 120)))))
    writer.release()
    results = list(vision.Classifier(CLASSIFIER).stream(path))
    assert [result.name for result in results] == ["mug"] * 7
    (tmp_path / "broken.mp4").write_bytes(b"x")
    with pytest.raises(vision.ImageLoadError, match="Failed to open video"):
        list(vision.Classifier(CLASSIFIER).stream(tmp_path / "broken.mp4"))
