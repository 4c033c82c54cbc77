"""Which cells of the detector answer for which object, and the loss that follows from it."""

from __future__ import annotations

import math

import torch
from network import STRIDES, centres
from torch.nn import functional

CANDIDATES = 10
"""Cells that answer for one object, at most."""


def overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the area that boxes (..., 4) share over the area that they cover; shapes broadcast."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1) for boxes in (first, second)]
    return shared / (areas[0] + areas[1] - shared + 1e-7)


def complete_overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the overlap of boxes (n, 4), less their distance and their difference in shape (CIoU)."""
    shared = overlap(first, second)
    hull = torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])
    apart = (first[:, :2] + first[:, 2:] - second[:, :2] - second[:, 2:]) / 2
    far = apart.square().sum(1) / (hull.square().sum(1) + 1e-7)
    (w1, h1), (w2, h2) = ((b[:, 2:] - b[:, :2]).clamp(min=1e-3).unbind(1) for b in (first, second))
    shape = (4 / math.pi**2) * (torch.atan(w2 / h2) - torch.atan(w1 / h1)).square()
    with torch.no_grad():
        weight = shape / (1 - shared + shape + 1e-7)
    return shared - far - weight * shape


def assign(
    boxes: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor, kinds: torch.Tensor, cells: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose for each object the cells that already predict it best (task-aligned assignment).

    Args:
        boxes: predicted boxes (N, cells, 4).
        logits: predicted scores (N, cells, classes).
        truth: the objects' boxes (N, objects, 4), padded with empty ones.
        kinds: their classes (N, objects), -1 for padding.
        cells: centres of the cells (cells, 2).

    Returns:
        The object of each cell, int64 (N, cells), -1 for none; the score it should have, (N, cells).
    """
    middle, half = (truth[..., :2] + truth[..., 2:]) / 2, (truth[..., 2:] - truth[..., :2]) / 2
    # Objects narrower than two of the finest cells still need some, hence the least half width.
    near = (cells - middle[:, :, None]).abs() < half.clamp(min=STRIDES[0])[:, :, None]
    near = near.all(3) & (kinds >= 0)[..., None]
    shared = overlap(boxes[:, None], truth[:, :, None]) * near
    score = logits.sigmoid().transpose(1, 2)
    score = score.gather(1, kinds.clamp(min=0)[..., None].expand(-1, -1, score.shape[2]))
    fit = score.sqrt() * shared.pow(6) + near * 1e-9
    best = fit.topk(CANDIDATES, dim=2)
    chosen = torch.zeros_like(near).scatter_(2, best.indices, best.values > 0)
    # A cell that two objects want goes to the one that it overlaps more.
    wanted = torch.where(chosen, shared + 1e-9, torch.zeros(()))
    most, owner = wanted.max(1)
    owner = torch.where(most > 0, owner, -1)
    kept = (
        functional.one_hot(owner.clamp(min=0), truth.shape[1]).transpose(1, 2).bool() & (owner >= 0)[:, None]
    )
    fit, shared = fit * kept, shared * kept
    scale = shared.amax(2, keepdim=True) / (fit.amax(2, keepdim=True) + 1e-12)
    return owner, (fit * scale).amax(1)


def detection_loss(
    boxes: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor, kinds: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Return the loss of a batch: how far scores and boxes are from what :func:`assign` asks for.

    ``size`` is the pictures' height and width; the other arguments are those of :func:`assign`.
    """
    cells = torch.cat([centres(size[0] // s, size[1] // s, s) for s in STRIDES])
    with torch.no_grad():
        owner, score = assign(boxes, logits, truth, kinds, cells)
        kind = kinds.gather(1, owner.clamp(min=0))
        wanted = functional.one_hot(kind.clamp(min=0), logits.shape[2]) * score[..., None]
        total = score.sum().clamp(min=1.0)
    by_class = functional.binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype), reduction="sum")
    picture, cell = (owner >= 0).nonzero(as_tuple=True)
    quality = complete_overlap(boxes[picture, cell], truth[picture, owner[picture, cell]])
    by_box = ((1 - quality) * score[picture, cell]).sum()
    return (by_class + 6.0 * by_box) / total
