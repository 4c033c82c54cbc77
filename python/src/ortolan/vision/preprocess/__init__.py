"""Pictures to models' inputs."""

from ortolan.vision.normalization import IMAGENET_MEAN, IMAGENET_STD
from ortolan.vision.preprocess.image import (
    Resampling,
    add_batch_dim,
    from_cv2,
    letterbox,
    normalize,
    reduction_factor,
    resize,
    to_chw,
    to_cv2,
    to_tensor,
)

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Resampling",
    "add_batch_dim",
    "from_cv2",
    "letterbox",
    "normalize",
    "reduction_factor",
    "resize",
    "to_chw",
    "to_cv2",
    "to_tensor",
]
