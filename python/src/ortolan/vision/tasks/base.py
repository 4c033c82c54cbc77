"""What the tasks share: the model, the way of a picture through it, one after the other or many together."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from ortolan.vision.core.backend import InferenceBackend
from ortolan.vision.core.exceptions import ImageLoadError, NoDetectionsError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.session import OrtSession
from ortolan.vision.core.timing import SpeedTimer
from ortolan.vision.dtypes import as_float32, numpy_dtype_for
from ortolan.vision.io.image import load_image
from ortolan.vision.io.sources import Sources, pictures_of
from ortolan.vision.types import ImageArray, ImageInput

if TYPE_CHECKING:
    from ortolan.options import SessionOptions


class VisionTask:
    """A model that answers questions about pictures."""

    _input_size = (640, 640)

    def __init__(
        self,
        model_path: str | Path,
        *,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
    ) -> None:
        """Load the model, unless `backend` runs it already."""
        self._session: InferenceBackend = (
            backend
            if backend is not None
            else OrtSession(model_path, providers=providers, session_options=session_options)
        )
        names, types = self._session.input_names, self._session.input_dtypes
        self._gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._feed_dtypes = {
            name: numpy_dtype_for(declared) for name, declared in zip(names, types, strict=True)
        }

    @property
    def session(self) -> InferenceBackend:
        """What runs the model."""
        return self._session

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the model's input."""
        return self._input_size

    @property
    def input_dtype(self) -> np.dtype:
        """The element type of the model's input."""
        return self._feed_dtypes[self._session.input_name]

    def warmup(self, runs: int = 1) -> None:
        """Run on zeros, so that the first picture does not pay for what happens once."""
        feeds = self._as_feeds(self._warmup_feeds())
        for _ in range(runs):
            self._session.run(feeds)

    def _warmup_feeds(self) -> dict[str, np.ndarray]:
        width, height = self.input_size
        return {self._session.input_name: np.zeros((1, 3, height, width), dtype=np.float32)}

    def _as_feeds(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the arrays in the types that the model declares."""
        types = self._feed_dtypes
        return {
            name: array.astype(types[name], copy=False) if name in types else array
            for name, array in feeds.items()
        }


@dataclass(slots=True)
class Prepared:
    """A picture on its way: what it was, what the model gets, where it lies in the model's input."""

    picture: ImageArray
    path: str | None
    timer: SpeedTimer
    feeds: dict[str, np.ndarray] = field(default_factory=dict)
    scale: float = 1.0
    pad: tuple[int, int] = (0, 0)
    input_size: tuple[int, int] = (0, 0)
    decoded_here: bool = False
    """Nobody else can reach the picture's memory, then."""


_NO_PICTURE: ImageArray = np.empty((0, 0, 3), dtype=np.uint8)

ResultT = TypeVar("ResultT")
ChoiceT = TypeVar("ChoiceT")


class PictureTask(VisionTask, Generic[ChoiceT, ResultT]):
    """The way of every task: load, prepare, run, finish. A task defines `_prepare` and `_finish`.

    `ChoiceT` is what a call may choose (thresholds and the like), `ResultT` what a picture gets.
    """

    _output_names: list[str] | None = None

    def _prepare(self, prepared: Prepared) -> None:
        """Set the feeds, float32, of `prepared.picture`."""
        raise NotImplementedError

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: ChoiceT) -> ResultT:
        """Read the model's outputs, floating ones as float32; ends the stage of postprocessing."""
        raise NotImplementedError

    def _load_prepared(self, source: str | Path | bytes, prepared: Prepared) -> bool:
        """Load a picture and set its feeds while it is decoded; False where that cannot be."""
        return False

    def _started(self, source: ImageInput) -> Prepared:
        timer = SpeedTimer()
        prepared = Prepared(_NO_PICTURE, source_path(source), timer)
        if isinstance(source, (str, Path, bytes)):
            prepared.decoded_here = True
            if self._load_prepared(source, prepared):
                prepared.feeds = self._as_feeds(prepared.feeds)
                timer.stage("preprocess")
                return prepared
        prepared.picture = load_image(source)
        timer.stage("load")
        self._prepare(prepared)
        prepared.feeds = self._as_feeds(prepared.feeds)
        timer.stage("preprocess")
        return prepared

    def _ran(self, prepared: Prepared) -> list[np.ndarray]:
        prepared.timer.skip()
        outputs = self._session.run(prepared.feeds, **self._chosen_outputs())
        prepared.timer.stage("inference")
        return outputs

    def _chosen_outputs(self) -> dict[str, Any]:
        return {} if self._output_names is None else {"output_names": self._output_names}

    def _finished(self, outputs: list[np.ndarray], prepared: Prepared, choice: ChoiceT) -> ResultT:
        prepared.timer.skip()
        return self._finish([as_float32(output) for output in outputs], prepared, choice)

    def _predict(self, source: ImageInput | Sequence[ImageInput], choice: ChoiceT) -> list[ResultT]:
        if isinstance(source, (list, tuple)):
            return self._predict_many(source, choice)
        prepared = self._started(source)  # type: ignore[arg-type]
        return [self._finished(self._ran(prepared), prepared, choice)]

    def _predict_many(self, sources: Sequence[ImageInput], choice: ChoiceT) -> list[ResultT]:
        """Predict for several pictures: together where the model takes as many as there are, else in turn."""
        size = self._batch_size(len(sources))
        results: list[ResultT] = []
        for start in range(0, len(sources), size):
            together = [self._started(source) for source in sources[start : start + size]]
            if len(together) == 1 or size == 1:
                outputs = [self._ran(prepared) for prepared in together]
            else:
                outputs = self._ran_together(together)
            results += [
                self._finished(each, prepared, choice)
                for each, prepared in zip(outputs, together, strict=True)
            ]
        return results

    # More pictures in one run bring nothing but memory: by eight a core's caches are long full.
    _MOST_TOGETHER = 8

    def _batch_size(self, count: int) -> int:
        """Return how many pictures go into one run."""
        shapes = self._session.input_shapes
        if count < 2 or len(shapes) != 1 or not shapes[0]:
            return 1
        # Every output has to have a first axis that grows with the input's.
        follow = all(shape and not isinstance(shape[0], int) for shape in self._session.output_shapes)
        if isinstance(shapes[0][0], int) or not follow:
            return 1
        return min(count, self._MOST_TOGETHER)

    def _ran_together(self, together: list[Prepared]) -> list[list[np.ndarray]]:
        (name,) = together[0].feeds
        timer = SpeedTimer()
        feed = np.concatenate([prepared.feeds[name] for prepared in together])
        outputs = self._session.run({name: feed}, **self._chosen_outputs())
        timer.stage("inference")
        for prepared in together:
            prepared.timer.add("inference", timer.speed()["inference"] / len(together))
        if any(len(output) != len(together) for output in outputs):
            # What the model declares was not so: one by one, then.
            return [self._ran(prepared) for prepared in together]
        return [[output[i : i + 1] for output in outputs] for i in range(len(together))]

    async def _async_predict(
        self, source: ImageInput | Sequence[ImageInput], choice: ChoiceT
    ) -> list[ResultT]:
        return await asyncio.to_thread(self._predict, source, choice)

    async def _ort_async_predict(
        self, source: ImageInput | Sequence[ImageInput], choice: ChoiceT
    ) -> list[ResultT]:
        if isinstance(source, (list, tuple)):
            each = await asyncio.gather(*(self._ort_async_predict(one, choice) for one in source))
            return [result for results in each for result in results]
        async with self._gate():
            prepared = self._started(source)  # type: ignore[arg-type]
            outputs = await self._session.ort_async_run(prepared.feeds, **self._chosen_outputs())
            prepared.timer.stage("inference")
            return [self._finished(outputs, prepared, choice)]

    def stream(
        self,
        source: Sources,
        *,
        ahead: int = 4,
        progress: Callable[[int, int | None], object] | None = None,
        skipped: Callable[[ImageInput, ImageLoadError], object] | None = None,
        **choice: Any,  # noqa: ANN401 - what predict takes
    ) -> Iterator[ResultT]:
        """Predict for many pictures, one result after the other, while the next ones are being decoded.

        Pictures are taken from the source only as fast as results are taken from here, so that any number of
        them goes through a fixed amount of memory.

        :param source: a folder, a video (with OpenCV installed), a picture, or an iterable of pictures
        :param ahead: how many pictures are decoded before they are needed, at most
        :param progress: called after each picture with how many are done, and of how many where that is known
        :param skipped: called with what could not be read, which then is left out; None: the error is raised
        :param choice: what ``predict`` takes
        """
        if ahead < 1:
            raise ValueError(f"ahead must be at least 1, got {ahead}.")
        made = self._choice(**choice)
        pictures, count = pictures_of(source)
        return self._stream(pictures, count, ahead, progress, skipped, made)

    def _choice(self, **choice: Any) -> ChoiceT:  # noqa: ANN401 - by the task
        """Return what a call chooses, from what `predict` takes."""
        raise NotImplementedError

    def _stream(
        self,
        pictures: Iterator[ImageInput],
        count: int | None,
        ahead: int,
        progress: Callable[[int, int | None], object] | None,
        skipped: Callable[[ImageInput, ImageLoadError], object] | None,
        choice: ChoiceT,
    ) -> Iterator[ResultT]:
        started: deque[tuple[ImageInput, Future[Prepared]]] = deque()
        done = 0
        with ThreadPoolExecutor(1, "ortolan-stream") as decoder:
            try:
                while True:
                    while len(started) < ahead and (picture := next(pictures, None)) is not None:
                        started.append((picture, decoder.submit(self._started, picture)))
                    if not started:
                        return
                    picture, future = started.popleft()
                    try:
                        prepared = future.result()
                    except ImageLoadError as error:
                        if skipped is None:
                            raise
                        skipped(picture, error)
                    else:
                        yield self._finished(self._ran(prepared), prepared, choice)
                    done += 1
                    if progress is not None:
                        progress(done, count)
            finally:
                for _, future in started:
                    future.cancel()

    # Pictures between decoding and answer at a time, however many are asked for at once: the engine runs
    # four, and finds as many waiting. Hundreds of decoded pictures would fill the memory, and every cache.
    _MOST_STARTED = 8

    def _gate(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        gate = self._gates.get(loop)
        if gate is None:
            gate = self._gates[loop] = asyncio.Semaphore(self._MOST_STARTED)
        return gate


def source_path(source: ImageInput) -> str | None:
    """Return the path of a picture that was given by one."""
    return str(source) if isinstance(source, (str, Path)) else None


def require_detections(
    count: int,
    *,
    raise_on_empty: bool,
    conf_threshold: float,
    classes: list[int] | None,
    path: str | None,
) -> None:
    """Raise NoDetectionsError where nothing was found and the caller wants to be told."""
    if count > 0 or not raise_on_empty:
        return
    where = f" in {path}" if path is not None else ""
    among = f" among classes {sorted(classes)}" if classes is not None else ""
    threshold = f"{conf_threshold:.6f}".rstrip("0").rstrip(".")
    raise NoDetectionsError(f"No detections{where}{among}: nothing cleared conf_threshold={threshold}.")
