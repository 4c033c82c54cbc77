"""Trains the demo detector on drawn pictures and writes ``detector.onnx``.

Needs PyTorch and onnx besides what ``scenes.py`` needs. The trunk starts from the weights of the demo
classifier, so that what is left to learn is where objects are, how large, and how to tell them apart when
they are small, faint or partly hidden::

    python train.py --steps 6000

A second process draws the pictures ahead; training reads those that are there.
"""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import scenes
import torch
from assign import detection_loss
from average_precision import average_precisions, overlaps
from network import STRIDES, Detector
from torch import nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
SIDE = 320
"""Width and height of the model's input in pixels."""

SHARD = 500
"""Pictures in one file of the cache: 154 MB."""

VALIDATION_START = 10_000_000
"""Validation pictures continue the training series far behind its end: never trained on."""

CONFIDENCE, OVERLAP = 0.001, 0.6
"""Least score of a detection that is measured, and the overlap above which the lesser of two is dropped."""


# ----------------------------------------------------------------------------------------------- pictures


def shard_path(cache: Path, seed: int, start: int) -> Path:
    """Return the file of pictures ``start`` to ``start + SHARD`` of a seed; labels are beside it."""
    return cache / f"{seed}-{start:08d}.npy"


def draw_shard(cache: Path, seed: int, start: int) -> None:
    """Draw one shard unless it exists: pictures amid grey squares, boxes in the squares' pixels."""
    path = shard_path(cache, seed, start)
    if path.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    pixels = np.full((SHARD, SIDE, SIDE, 3), 114, dtype=np.uint8)
    boxes, kinds = [], []
    for row, (image, box, kind) in enumerate(scenes.dataset(seed, SHARD, start, SIDE)):
        left, top = (SIDE - image.width) // 2, (SIDE - image.height) // 2
        pixels[row, top : top + image.height, left : left + image.width] = np.asarray(image)
        boxes.append(box + np.float32([left, top, left, top]))
        kinds.append(kind)
    counts = np.array([len(kind) for kind in kinds])
    np.savez(path.with_suffix(".npz"), n=counts, boxes=np.concatenate(boxes), kinds=np.concatenate(kinds))
    unfinished = path.with_suffix(".part.npy")
    np.save(unfinished, pixels)
    unfinished.rename(path)


def draw_ahead(cache: Path, pictures: int) -> None:
    """Draw all training pictures."""
    for start in range(0, pictures, SHARD):
        draw_shard(cache, scenes.TRAIN_SEED, start)


class Pictures:
    """Shards that have been drawn so far, left on disk and mapped."""

    def __init__(self) -> None:
        self._pixels: list[np.ndarray] = []
        self._labels: list[list[tuple[np.ndarray, np.ndarray]]] = []

    def __len__(self) -> int:
        """Return the number of pictures."""
        return SHARD * len(self._pixels)

    def add(self, path: Path) -> None:
        """Open one more shard."""
        self._pixels.append(np.load(path, mmap_mode="r"))
        stored = np.load(path.with_suffix(".npz"))
        ends = np.cumsum(stored["n"])[:-1]
        self._labels.append(
            list(zip(np.split(stored["boxes"], ends), np.split(stored["kinds"], ends), strict=True))
        )

    def add_new(self, cache: Path, seed: int) -> None:
        """Open the shards of a series that have been finished since the last call."""
        while (path := shard_path(cache, seed, len(self))).exists():
            self.add(path)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return one picture's pixels, boxes and class indices."""
        boxes, kinds = self._labels[index // SHARD][index % SHARD]
        return self._pixels[index // SHARD][index % SHARD], boxes, kinds


def make_batch(
    pictures: Pictures, rows: list[int], side: int, varied: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gather pictures as the model's input, float32 (N, 3, side, side), with padded boxes and classes.

    ``varied`` mirrors and recolours them by chance.
    """
    chosen = [pictures[row] for row in rows]
    most = max(1, *(len(kinds) for _, _, kinds in chosen))
    boxes, kinds = torch.zeros(len(rows), most, 4), torch.full((len(rows), most), -1)
    images = torch.empty(len(rows), 3, SIDE, SIDE)
    for row, (pixels, box, kind) in enumerate(chosen):
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255
        box = torch.from_numpy(box).clone()
        if varied and random.random() < 0.5:
            image = image.flip(2)
            box[:, [0, 2]] = SIDE - box[:, [2, 0]]
        if varied:
            if random.random() < 0.5:
                image = image[torch.randperm(3)]
            image = image * random.uniform(0.8, 1.2) + (torch.rand(3, 1, 1) - 0.5) * 0.2
        images[row] = image
        boxes[row, : len(box)] = box
        kinds[row, : len(kind)] = torch.from_numpy(kind)
    if side != SIDE:
        images = functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
        boxes = boxes * (side / SIDE)
    return images.contiguous(memory_format=torch.channels_last), boxes, kinds


# -------------------------------------------------------------------------------------------- measurement


def suppress(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the indices of the boxes of one class that are not doubles of better ones, best first."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        kept.append(order[0])
        order = order[1:][overlaps(boxes[order[:1]], boxes[order[1:]])[0] <= OVERLAP]
    return np.array(kept, dtype=np.int64)


def decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn one picture's output (4 + classes, cells) into boxes, scores and class indices."""
    kinds, scores = output[4:].argmax(0), output[4:].max(0)
    sure = scores >= CONFIDENCE
    kinds, scores, centre, size = kinds[sure], scores[sure], output[:2, sure].T, output[2:4, sure].T
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    kept = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    kept = np.concatenate([rows[suppress(boxes[rows], scores[rows])] for rows in kept] or [np.zeros(0, int)])
    return boxes[kept], scores[kept], kinds[kept]


def measure(model: Detector, pictures: Pictures, count: int) -> np.ndarray:
    """Return the average precision of each class on the first ``count`` pictures."""
    model = copy.deepcopy(model).eval()
    found, truths = [], []
    with torch.inference_mode():
        for first in range(0, count, 20):
            images, _, _ = make_batch(pictures, list(range(first, first + 20)), SIDE, varied=False)
            found += [decode(output) for output in model(images).numpy()]
            truths += [pictures[row][1:] for row in range(first, first + 20)]
    return average_precisions(found, truths, len(scenes.CLASSES))


# ----------------------------------------------------------------------------------------------- training


def trainable(model: Detector) -> list[nn.Parameter]:
    """Return all weights but those of the stem: edges and textures look the same to both models."""
    stem = {id(p) for p in model.stem.parameters()}
    return [p for p in model.parameters() if id(p) not in stem]


class Training:
    """A model, its running average (which is what gets exported) and its optimiser."""

    def __init__(self, args: argparse.Namespace, pictures: Pictures) -> None:
        self.args = args
        self.step = 0
        self.model = Detector(len(scenes.CLASSES))
        sample, _, _ = make_batch(pictures, list(range(32)), SIDE, varied=False)
        self.model.start_from_classifier(args.classifier, sample)
        self.model.to(memory_format=torch.channels_last)
        self.model.stem.requires_grad_(False)
        self.average = copy.deepcopy(self.model)
        weights = trainable(self.model)
        groups = [
            {"params": [p for p in weights if p.ndim > 1], "weight_decay": 0.02},
            {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=args.rate)
        if args.checkpoint.exists():
            stored = torch.load(args.checkpoint, weights_only=True)
            self.step = stored["step"]
            self.model.load_state_dict(stored["model"])
            self.average.load_state_dict(stored["average"])
            self.optimiser.load_state_dict(stored["optimiser"])

    def save(self) -> None:
        """Write everything that training on needs."""
        self.args.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.args.checkpoint.with_suffix(".part")
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, unfinished)
        unfinished.rename(self.args.checkpoint)

    def _rate(self) -> float:
        """Return the learning rate: a short rise, then half a cosine down to a fiftieth."""
        warm, progress = min(1.0, (self.step + 1) / 150), min(1.0, self.step / self.args.steps)
        return self.args.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)

    def advance(self, pictures: Pictures) -> float:
        """Make one step on a random batch; return its loss."""
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # The last steps see pictures as users do.
        varied = self.step < 0.92 * self.args.steps
        side = random.choice([256, 288, 320, 352, 384]) if varied else SIDE
        rows = random.sample(range(len(pictures)), self.args.batch)
        images, boxes, kinds = make_batch(pictures, rows, side, varied)
        self.model.train()
        self.model.stem.eval()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.half):
            predicted, logits = self.model.raw(images)
        loss = detection_loss(predicted, logits, boxes, kinds, (side, side))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trainable(self.model), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, self.step / (self.step + 20))
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.model.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        return loss.item()


def export(model: Detector, path: Path, measured: float | None) -> None:
    """Write the model as ONNX (opset 17, IR version 8) with descriptive metadata.

    Args:
        model: a trained :class:`Detector`.
        path: file to write.
        measured: mAP50 on held-out pictures, 0..1, for the description.
    """
    model = copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, SIDE, SIDE),),
            str(raw),
            input_names=["images"],
            output_names=["output0"],
            opset_version=17,
            dynamo=False,
        )
        proto = onnx.load(raw)
    names = dict(enumerate(scenes.CLASSES))
    proto.ir_version = 8
    proto.producer_name = "ortolan-examples-detector"
    proto.producer_version = "1"
    proto.graph.name = "detector"
    quality = f"; mAP50 {measured:.3f} on held-out pictures" if measured is not None else ""
    description = f"Finds {len(names)} kinds of drawn objects in photo-like pictures{quality}."
    proto.doc_string = description
    metadata = {
        "names": repr(names),
        "imgsz": repr([SIDE, SIDE]),
        "task": "detect",
        "stride": str(max(STRIDES)),
        "description": description,
    }
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def main() -> None:
    """Draw the pictures, train, measure and export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=12000, help="number of training pictures")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16 where that is safe")
    parser.add_argument("--seed", type=int, default=0, help="seed of initial weights and order")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--classifier", type=Path, default=HERE.parent / "classifier" / "objects.onnx")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="folder for drawn pictures")
    parser.add_argument("--checkpoint", type=Path, default=HERE / ".cache" / "checkpoint.pt")
    parser.add_argument("--output", type=Path, default=HERE / "detector.onnx")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    random.seed(args.seed)

    draw_shard(args.cache, scenes.TRAIN_SEED, VALIDATION_START)
    check = Pictures()
    check.add(shard_path(args.cache, scenes.TRAIN_SEED, VALIDATION_START))
    draw_shard(args.cache, scenes.TRAIN_SEED, 0)
    ahead = multiprocessing.get_context("spawn").Process(
        target=draw_ahead, args=(args.cache, args.pictures), daemon=True
    )
    ahead.start()
    pictures = Pictures()
    pictures.add_new(args.cache, scenes.TRAIN_SEED)
    training = Training(args, pictures)
    print(f"{sum(p.numel() for p in training.model.parameters())} parameters", flush=True)
    began, losses = time.monotonic(), []
    while training.step < args.steps:
        losses.append(training.advance(pictures))
        if training.step % 100 == 0:
            pictures.add_new(args.cache, scenes.TRAIN_SEED)
            training.save()
            line = f"step {training.step}  loss {np.mean(losses):.3f}  {len(pictures)} pictures"
            if training.step % 500 == 0 or training.step == args.steps:
                quality = measure(training.average, check, 200).mean()
                export(training.average, args.output, None)
                line += f"  validation mAP50 {quality:.4f}"
            print(f"{line}  {time.monotonic() - began:.0f} s", flush=True)
            losses = []

    # Only now, so that nothing could be tuned to them.
    draw_shard(args.cache, scenes.HELD_OUT_SEED, 0)
    held_out = Pictures()
    held_out.add(shard_path(args.cache, scenes.HELD_OUT_SEED, 0))
    each = measure(training.average, held_out, SHARD)
    for name, quality in zip(scenes.CLASSES, each, strict=True):
        print(f"{name:10s} {quality:.3f}")
    print(f"mAP50 {each.mean():.4f} on {SHARD} held-out pictures")
    export(training.average, args.output, float(each.mean()))
    print(f"wrote {args.output.name}: {args.output.stat().st_size / 1e6:.3f} MB")


if __name__ == "__main__":
    main()
