"""A detector, a segmenter of what it finds and a classifier made one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ortolan.vision.compose import stages
from ortolan.vision.compose.bridge import MIN_OPSET, MaskActivation, build_mask_bridge
from ortolan.vision.core.exceptions import FusionError
from ortolan.vision.fusion import (
    FUSION_KIND_DETECT_SEGMENT_CLASSIFY,
    INPUT_IMAGE,
    OUTPUT_PROBS,
    SDK_VERSION,
    CropSource,
    FusionSpec,
)
from ortolan.vision.labels import LabelSpec
from ortolan.vision.normalization import Normalization, resolve_normalization

if TYPE_CHECKING:
    import onnx

__version__ = SDK_VERSION


def fuse_detect_segment_classify(
    detector: str | Path,
    segmenter: str | Path,
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
    mask_channel: int = 0,
    mask_activation: MaskActivation | None = None,
    mask_threshold: float = 0.5,
    apply_mask: bool = True,
    segmenter_normalization: Normalization = "auto",
    segmenter_mean: tuple[float, float, float] | None = None,
    segmenter_std: tuple[float, float, float] | None = None,
    segmenter_input_scale: float = 1.0,
    normalization: Normalization = "auto",
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
    input_scale: float = 1.0,
    sampling_ratio: int = 0,
    apply_softmax: bool | None = None,
    detector_labels: LabelSpec = None,
    segmenter_labels: LabelSpec = None,
    classifier_labels: LabelSpec = None,
    validate: bool = True,
) -> onnx.ModelProto:
    """Make one model that finds objects, masks each and names it; ``DetectClassify`` runs it.

    As ``fuse_detect_classify``, and besides:

    :param segmenter: an ONNX file that makes (n, channels, height, width) of crops (n, c, height, width)
    :param mask_channel: its channel that is the object
    :param mask_activation: what makes probabilities of its output; None: by its channels' number
    :param mask_threshold: what a pixel has to exceed, of 0 to 1
    :param apply_mask: whether the classifier sees only what is under the mask
    :param segmenter_normalization: the segmenter's; ``auto`` is by its metadata
    :param segmenter_mean: instead of the normalisation's
    :param segmenter_std: instead of the normalisation's
    :param segmenter_input_scale: what samples of 0 to 1 are multiplied by before that
    :param segmenter_labels: names of the segmenter's channels, for who reads the file
    """
    finder, masker = stages.read(detector, "detector"), stages.read(segmenter, "segmenter")
    namer = stages.read(classifier, "classifier")
    channels = stages.channels_of(finder, namer)
    picture, crop = finder.size(input_size, "input_size"), _crop_size(masker, crop_size, namer)
    planes = [*stages.sizes(masker.output), None, None][1]
    activation = mask_activation or ("softmax" if (planes or 1) > 1 else "sigmoid")
    opset = max(MIN_OPSET, *(stage.opset for stage in (finder, masker, namer)))
    _, masker_mean, masker_std = resolve_normalization(
        masker.metadata, normalization=segmenter_normalization, mean=segmenter_mean, std=segmenter_std
    )
    name, mean, std = resolve_normalization(namer.metadata, normalization=normalization, mean=mean, std=std)
    spec = FusionSpec(
        input_size=picture,
        crop_size=crop,
        crop_source=crop_source,
        max_detections=max_detections,
        conf_threshold=conf_threshold,
        iou_threshold=iou_threshold,
        apply_softmax=not stages.ends_in_softmax(namer) if apply_softmax is None else apply_softmax,
        detector_names=finder.names(detector_labels, stages.detector_classes(finder)),
        classifier_names=namer.names(classifier_labels, stages.classifier_classes(namer)),
        sdk_version=SDK_VERSION,
        kind=FUSION_KIND_DETECT_SEGMENT_CLASSIFY,
        segmenter_names=masker.names(segmenter_labels, planes),
        mask_threshold=mask_threshold,
        mask_applied=apply_mask,
    )
    normal = masker_mean, masker_std, segmenter_input_scale
    cutter = stages.cutter(
        spec, channels, "ovs_segmenter", max_boxes_per_class, normal, sampling_ratio, "ovs_raw_crops"
    )
    masks = build_mask_bridge(
        segmenter_output="ovs_segments",
        crops="ovs_raw_crops",
        classifier_input="ovs_crops",
        crop_size=crop,
        channels=channels,
        max_detections=max_detections,
        mask_channel=mask_channel,
        mask_activation=activation,
        mask_threshold=mask_threshold,
        apply_mask=apply_mask,
        mean=mean,
        std=std,
        input_scale=input_scale,
    )
    whole = stages.Assembly(spec, channels, opset)
    whole.add_stage(finder.raised(opset).renamed("det_"), INPUT_IMAGE, "ovs_head")
    whole.add_bridge(cutter)
    whole.add_stage(masker.raised(opset).renamed("seg_"), "ovs_segmenter", "ovs_segments")
    whole.add_bridge(masks)
    whole.add_stage(namer.raised(opset).renamed("clf_"), "ovs_crops", OUTPUT_PROBS)
    return stages.finish(whole.model(name), output, spec=spec, channels=channels, validate=validate)


def _crop_size(
    masker: stages.Stage, requested: tuple[int, int] | None, namer: stages.Stage
) -> tuple[int, int]:
    crop = masker.size(requested, "crop_size")
    height, width = namer.declared()[2:]
    if isinstance(height, int) and isinstance(width, int) and (width, height) != crop:
        raise FusionError(
            f"The segmenter takes crops of {crop[0]}x{crop[1]} and the classifier of {width}x{height}; the"
            " mask lies on the crop pixel by pixel, so both have to be of one size."
        )
    return crop
