"""Trains the demo classifier on drawn pictures and writes ``objects.onnx``.

Needs PyTorch and onnx besides what ``pictures.py`` needs::

    python train.py --output first.onnx
    python train.py --refine first.onnx --epochs 5 --rate 8e-4 --strength 0.5 --seed 1

The first command draws the pictures and trains from scratch, the second trains on with smaller steps on
pictures that are varied less; together they take about an hour on two idle CPU cores. The same seed gives the
same pictures and the same order of training; weights may still differ in the last digits between versions of
PyTorch and kinds of processor.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import pictures
import torch
from layers import Classifier, load_exported
from pictures import CLASSES
from PIL import Image
from torch import nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
SIDE = 96
"""Width and height of the model's input in pixels."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's pixels (RGB, 0..1), the usual normalisation of image classifiers."""

HELD_OUT_COUNT = 1000
VALIDATION_COUNT = 1200


# ----------------------------------------------------------------------------------------------- pictures


def _shrunk(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the pictures of one job (seed, start, count) and resize them as the model's users do.

    Returns:
        RGB pixels, uint8 (count, SIDE, SIDE, 3), and class indices, int64 (count,).
    """
    seed, start, count = job
    pixels = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int64)
    for row, (image, label) in enumerate(pictures.dataset(seed, count, start)):
        pixels[row] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        labels[row] = label
    return pixels, labels


def load_pictures(
    seed: int, start: int, count: int, cache: Path, workers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures ``start`` to ``start + count`` of a seed, or read them from the cache.

    Args:
        seed: seed of the series, ``TRAIN_SEED`` or ``HELD_OUT_SEED``.
        start: index of the first picture.
        count: number of pictures.
        cache: folder that keeps them for the next time.
        workers: number of processes that draw.

    Returns:
        RGB pixels, uint8 (count, SIDE, SIDE, 3), and class indices, int64 (count,).
    """
    # Pictures drawn by older code must not be mistaken for those of the present one.
    files = [HERE / "pictures.py", *sorted((HERE.parent / "drawings").glob("*.py"))]
    code = b"".join(file.read_bytes() for file in files)
    version = hashlib.sha256(code).hexdigest()[:12]
    path = cache / f"pictures-{version}-{seed}-{start}-{count}.npz"
    if path.exists():
        stored = np.load(path)
        return stored["pixels"], stored["labels"]
    jobs = [(seed, start + first, min(100, count - first)) for first in range(0, count, 100)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.map(_shrunk, jobs, chunksize=1)
    pixels, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(path, pixels=pixels, labels=labels)
    return pixels, labels


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Turn uint8 pixels (N, SIDE, SIDE, 3) into the model's input, float32 (N, 3, SIDE, SIDE)."""
    scaled = pixels.permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def augment(images: torch.Tensor, generator: torch.Generator, strength: float) -> torch.Tensor:
    """Vary a batch of pictures (N, 3, SIDE, SIDE): mirror, zoom, turn, shift and recolour each by chance.

    ``strength`` scales all changes but the mirroring; 0 leaves pictures as they were drawn.
    """
    count = images.shape[0]

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    angle = strength * uniform(-0.3, 0.3)
    zoom = torch.exp(strength * uniform(-0.2, 0.12))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    rows = [
        torch.stack(
            [torch.cos(angle) * zoom * mirror, -torch.sin(angle) * zoom, strength * uniform(-0.1, 0.1)], 1
        ),
        torch.stack(
            [torch.sin(angle) * zoom * mirror, torch.cos(angle) * zoom, strength * uniform(-0.1, 0.1)], 1
        ),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    # Colour says nothing about the class: swap the channels at will, then shift contrast and brightness.
    order = torch.argsort(torch.rand(count, 3, generator=generator), dim=1)
    order = torch.where((uniform(0, 1) < 0.5 * strength)[:, None], order, torch.arange(3)[None])
    images = torch.gather(images, 1, order[:, :, None, None].expand_as(images))
    return images * (1 + strength * uniform(-0.25, 0.25, 1, 1, 1)) + strength * uniform(-0.3, 0.3, 3, 1, 1)


def accuracy(model: nn.Module, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures, uint8 (count, SIDE, SIDE, 3), whose class the model gets right."""
    model.eval()
    right = 0
    with torch.inference_mode():
        for first in range(0, len(labels), 200):
            images = normalise(torch.from_numpy(pixels[first : first + 200]))
            guess = model(images.contiguous(memory_format=torch.channels_last)).argmax(1).numpy()
            right += int((guess == labels[first : first + 200]).sum())
    return right / len(labels)


# ----------------------------------------------------------------------------------------------- training


def train(
    pixels: np.ndarray, labels: np.ndarray, check: tuple[np.ndarray, np.ndarray], args: argparse.Namespace
) -> nn.Module:
    """Train a fresh model and return the running average of its weights, which beats the last ones.

    Args:
        pixels: training pictures, uint8 (count, SIDE, SIDE, 3).
        labels: their class indices, int64 (count,).
        check: validation pictures and labels; they are reported on but change nothing.
        args: the command line's ``epochs``, ``batch``, ``rate``, ``strength``, ``seed`` and ``refine``.
    """
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    model = Classifier(len(CLASSES)).to(memory_format=torch.channels_last)
    if args.refine:
        load_exported(model, args.refine)
        print(f"validation {accuracy(model, *check):.4f} before refining", flush=True)
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate)
    steps_per_epoch = len(labels) // args.batch
    total = steps_per_epoch * args.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, total_steps=total, pct_start=0.15)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    source, target = torch.from_numpy(pixels), torch.from_numpy(labels)
    began = time.monotonic()
    step = 0
    for epoch in range(args.epochs):
        model.train(not args.refine)
        order = torch.randperm(len(labels), generator=generator)
        losses = 0.0
        for index in range(steps_per_epoch):
            rows = order[index * args.batch : (index + 1) * args.batch]
            images = augment(normalise(source[rows]), generator, args.strength)
            loss = loss_of(model(images.contiguous(memory_format=torch.channels_last)), target[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            losses += loss.item()
            step += 1
            keep = min(0.998, step / (step + 20))
            with torch.no_grad():
                for mean, now in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
                    if mean.dtype.is_floating_point:
                        mean.lerp_(now, 1 - keep)
                    else:
                        mean.copy_(now)
        print(
            f"epoch {epoch + 1:2d}/{args.epochs}  loss {losses / steps_per_epoch:.4f}"
            f"  validation {accuracy(average, *check):.4f}  {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return average


def export(model: nn.Module, path: Path, measured: float) -> None:
    """Write the model as ONNX (opset 17, IR version 8) with a dynamic batch and descriptive metadata.

    Args:
        model: a trained :class:`Classifier`.
        path: file to write.
        measured: held-out accuracy, 0..1, for the description.
    """
    model = copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, SIDE, SIDE),),
            str(raw),
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
        proto = onnx.load(raw)
    names = dict(enumerate(CLASSES))
    proto.ir_version = 8
    proto.producer_name = "ortolan-examples-classifier"
    proto.producer_version = "1"
    proto.graph.name = "objects"
    description = (
        f"Tells {len(names)} kinds of drawn objects apart on photo-like backgrounds;"
        f" {measured:.1%} right on {HELD_OUT_COUNT} held-out pictures."
    )
    proto.doc_string = description
    proto.graph.doc_string = (
        f"{description} Input 'images': RGB, the whole picture resized to {SIDE} x {SIDE} (bilinear,"
        f" antialiased), divided by 255, minus {list(MEAN)}, over {list(STD)}."
        " Output 'logits': one score per class, no softmax."
    )
    metadata = {
        "names": repr(names),
        "imgsz": repr([SIDE, SIDE]),
        "task": "classify",
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
    parser.add_argument("--pictures", type=int, default=30000, help="number of training pictures")
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--strength", type=float, default=1.0, help="how much pictures are varied, 0 to 1")
    parser.add_argument("--refine", type=Path, help="exported model to train further, instead of a fresh one")
    parser.add_argument("--seed", type=int, default=0, help="seed of initial weights, order and augmentation")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw pictures")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="folder for drawn pictures")
    parser.add_argument("--output", type=Path, default=HERE / "objects.onnx")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)

    began = time.monotonic()
    pixels, labels = load_pictures(pictures.TRAIN_SEED, 0, args.pictures, args.cache, args.workers)
    # Validation pictures continue the training series far behind its end: never trained on.
    check = load_pictures(pictures.TRAIN_SEED, 10_000_000, VALIDATION_COUNT, args.cache, args.workers)
    print(f"{len(labels)} training pictures after {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    model = train(pixels, labels, check, args)
    print(
        f"trained {sum(p.numel() for p in model.parameters())} parameters in {time.monotonic() - began:.0f} s"
    )

    # Only now, so that nothing could be tuned to them.
    held_out = load_pictures(pictures.HELD_OUT_SEED, 0, HELD_OUT_COUNT, args.cache, args.workers)
    measured = accuracy(model, *held_out)
    print(f"held-out accuracy {measured:.4f} on {HELD_OUT_COUNT} pictures of seed {pictures.HELD_OUT_SEED}")
    export(model, args.output, measured)
    print(f"wrote {args.output.name}: {args.output.stat().st_size / math.pow(10, 6):.3f} MB")


if __name__ == "__main__":
    main()
