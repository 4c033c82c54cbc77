"""A detector and a classifier made one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ortolan.vision.compose import stages
from ortolan.vision.compose.bridge import MIN_OPSET
from ortolan.vision.fusion import INPUT_IMAGE, OUTPUT_PROBS, SDK_VERSION, CropSource, FusionSpec
from ortolan.vision.labels import LabelSpec
from ortolan.vision.normalization import Normalization, resolve_normalization

if TYPE_CHECKING:
    import onnx

__version__ = SDK_VERSION


def fuse_detect_classify(
    detector: str | Path,
    classifier: str | Path,
    output: str | Path | None = None,
    *,
    crop_source: CropSource = "detector_input",
    max_detections: int | None = 20,
    conf_threshold: float = 0.25,
    iou_threshold: float = 0.45,
    max_boxes_per_class: int | None = None,
    input_size: tuple[int, int] | None = None,
    crop_size: tuple[int, int] | None = None,
    normalization: Normalization = "auto",
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
    input_scale: float = 1.0,
    sampling_ratio: int = 0,
    apply_softmax: bool | None = None,
    detector_labels: LabelSpec = None,
    classifier_labels: LabelSpec = None,
    validate: bool = True,
) -> onnx.ModelProto:
    """Make one model that finds objects and names each; ``DetectClassify`` runs it.

    :param detector: a detector's ONNX file, its output (1, 4 + classes, cells)
    :param classifier: a classifier's ONNX file, which takes several pictures at once
    :param output: where the model is written; None: nowhere
    :param crop_source: what the classifier's pictures are cut from
    :param max_detections: the fixed number of rows; None: as many as there are
    :param conf_threshold: least score
    :param iou_threshold: of two boxes of a class that overlap by more, the lesser is dropped
    :param max_boxes_per_class: most boxes of a class before they are ranked together
    :param input_size: width and height, for detectors that leave them open
    :param crop_size: width and height, for classifiers that leave them open
    :param normalization: the classifier's; ``auto`` is by its metadata
    :param mean: instead of the normalisation's
    :param std: instead of the normalisation's
    :param input_scale: what samples of 0 to 1 are multiplied by before that
    :param sampling_ratio: samples for a pixel of a crop, each way; 0: by the box's size
    :param apply_softmax: whether ``DetectClassify`` has to; None: unless the classifier does
    :param detector_labels: names of the detector's classes; None: its own
    :param classifier_labels: names of the classifier's classes; None: its own
    :param validate: run the model once
    :return: the model
    :raises FusionError: the models cannot be made one
    :raises ValueError: a number is out of range
    """
    finder, namer = stages.read(detector, "detector"), stages.read(classifier, "classifier")
    channels = stages.channels_of(finder, namer)
    kinds = stages.detector_classes(finder)
    picture, crop = finder.size(input_size, "input_size"), namer.size(crop_size, "crop_size")
    opset = max(finder.opset, namer.opset, MIN_OPSET)
    name, mean, std = resolve_normalization(namer.metadata, normalization=normalization, mean=mean, std=std)
    spec = FusionSpec(
        input_size=picture,
        crop_size=crop,
        crop_source=crop_source,
        max_detections=max_detections,
        conf_threshold=conf_threshold,
        iou_threshold=iou_threshold,
        apply_softmax=not stages.ends_in_softmax(namer) if apply_softmax is None else apply_softmax,
        detector_names=finder.names(detector_labels, kinds),
        classifier_names=namer.names(classifier_labels, stages.classifier_classes(namer)),
        sdk_version=SDK_VERSION,
    )
    normal = mean, std, input_scale
    bridge = stages.cutter(spec, channels, "ovs_crops", max_boxes_per_class, normal, sampling_ratio)
    whole = stages.Assembly(spec, channels, opset)
    whole.add_stage(finder.raised(opset).renamed("det_"), INPUT_IMAGE, "ovs_head")
    whole.add_bridge(bridge)
    whole.add_stage(namer.raised(opset).renamed("clf_"), "ovs_crops", OUTPUT_PROBS)
    return stages.finish(whole.model(name), output, spec=spec, channels=channels, validate=validate)
