"""The programs of ort-vision-sdk's guide, word for word, on Ortolan: a server with uploads, 200 pictures."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ortolan import dropin, vision
from PIL import Image

PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DETECTOR = EXAMPLES / "detector" / "detector.onnx"
SCENE = EXAMPLES / "detector" / "picture.jpg"
MUG = EXAMPLES / "classifier" / "picture.jpg"

START = """
import socket
import sys
from ortolan import dropin
dropin.install()
import uvicorn
from vision_guide_server import app
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("port", listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the model that the programs name."""
    shutil.copy(DETECTOR, tmp_path / "yolov8n.onnx")
    return tmp_path


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """A server's, which runs in a process of its own."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    pytest.importorskip("python_multipart")
    shutil.copy(PROGRAMS / "vision_guide_server.py", folder)
    (folder / "start.py").write_text(START)
    with subprocess.Popen(
        [sys.executable, "start.py"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            told = server.stdout.readline()
            assert told.startswith("port "), told
            yield int(told.split()[1])
        finally:
            server.terminate()
            server.wait(30)


def upload(port: int, picture: bytes) -> tuple[int, dict[str, list[dict[str, float]]] | str]:
    """Post a picture as a form does; return the status and what came back."""
    line = "----------------a-line-between"
    head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="picture.jpg"\r\n\r\n'
    body = head.encode() + picture + f"\r\n--{line}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/detect", body, {"Content-Type": f"multipart/form-data; boundary={line}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if answer.status == 200 else text
    finally:
        connection.close()


def test_server_detects_what_is_uploaded(port: int) -> None:
    pictures = [path.read_bytes() for path in (SCENE, MUG)]
    detector = vision.Detector(DETECTOR)
    expected = [
        [
            {"name": d.name, "conf": d.conf, **dict(zip(("x1", "y1", "x2", "y2"), d.box.xyxy, strict=True))}
            for d in found
        ]
        for found in (detector.predict(picture)[0] for picture in pictures)
    ]
    assert min(map(len, expected)) > 0
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda turn: upload(port, pictures[turn % 2]), range(24)))
    for turn, (status, answer) in enumerate(answers):
        assert status == 200
        assert isinstance(answer, dict)
        assert [found["name"] for found in answer["detections"]] == [f["name"] for f in expected[turn % 2]]
        for found, wanted in zip(answer["detections"], expected[turn % 2], strict=True):
            for key in ("conf", "x1", "y1", "x2", "y2"):
                assert found[key] == pytest.approx(wanted[key], abs=1e-3)
    # A broken picture costs its own request only.
    assert upload(port, b"no picture")[0] == 500
    assert upload(port, pictures[0])[0] == 200


def test_two_hundred_pictures_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.open(SCENE)
    for index in range(200):
        turned = picture.rotate(index).resize((160 + index, 120 + index // 2))
        turned.save(folder / f"img_{index}.jpg")
    monkeypatch.chdir(folder)
    loaded = {
        name: sys.modules[name] for name in sys.modules if re.match(r"onnxruntime|ort_vision_sdk", name)
    }
    dropin.install()
    try:
        results = runpy.run_path(str(PROGRAMS / "vision_guide_batch.py"))["results"]
    finally:
        dropin.uninstall()
        sys.modules.update(loaded)
    detector = vision.Detector("yolov8n.onnx")
    assert len(results) == 200
    found = 0
    for index, (result,) in enumerate(results):
        assert type(result) is vision.DetectionResults
        assert result.path == f"img_{index}.jpg"
        expected = detector.predict(f"img_{index}.jpg")[0]
        np.testing.assert_allclose(result.boxes.data, expected.boxes.data, atol=1e-3)
        found += len(result)
    assert found > 100


def test_pictures_in_flight_are_few(folder: Path) -> None:
    """However many predictions are awaited at once, only some pictures are decoded at a time."""

    class Slow:
        def __init__(self, session: vision.InferenceBackend) -> None:
            self._session, self.running, self.most = session, 0, 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._session, name)

        async def ort_async_run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0.001)
            self.running -= 1
            return self._session.run(feeds)

    session = Slow(vision.OrtSession(folder / "yolov8n.onnx"))
    detector = vision.Detector("", backend=session)

    async def all_of_them() -> list[list[vision.DetectionResults]]:
        return await asyncio.gather(*(detector.ort_async_predict(SCENE) for _ in range(30)))

    for _ in range(2):  # each event loop has its own limit
        assert len(asyncio.run(all_of_them())) == 30
    assert 2 <= session.most <= 8
