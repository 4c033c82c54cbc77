"""The models that are made one: read, brought to one opset, asked for sizes and classes, put together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ortolan.session import InferenceSession
from ortolan.vision.compose.bridge import MIN_OPSET, BridgeGraph, Triple, build_bridge
from ortolan.vision.core.exceptions import FusionError
from ortolan.vision.fusion import (
    INPUT_IMAGE,
    INPUT_PAD,
    INPUT_SCALE,
    INPUT_SOURCE,
    METADATA_PREFIX,
    OUTPUT_NUM_DETECTIONS,
    OUTPUT_PROBS,
    FusionSpec,
)
from ortolan.vision.graph import model_names
from ortolan.vision.labels import LabelSpec, default_labels, resolve_labels

if TYPE_CHECKING:
    import onnx

Size = tuple[int, int]


@dataclass
class Stage:
    """A model that becomes a part: one picture input, and its first output counts."""

    role: str
    model: onnx.ModelProto

    @property
    def input(self) -> onnx.ValueInfoProto:
        """The picture input."""
        weights = {tensor.name for tensor in self.model.graph.initializer}
        inputs = [each for each in self.model.graph.input if each.name not in weights]
        if len(inputs) != 1:
            raise FusionError(f"The {self.role} has {len(inputs)} inputs, expected one.")
        return inputs[0]

    @property
    def output(self) -> onnx.ValueInfoProto:
        """The output that counts."""
        if not self.model.graph.output:
            raise FusionError(f"The {self.role} has no output.")
        return self.model.graph.output[0]

    @property
    def metadata(self) -> dict[str, str]:
        """The model's own key-value pairs."""
        return {entry.key: entry.value for entry in self.model.metadata_props}

    @property
    def opset(self) -> int:
        """The version of ONNX's own operators."""
        versions = [each.version for each in self.model.opset_import if each.domain in ("", "ai.onnx")]
        return int(versions[0]) if versions else MIN_OPSET

    def size(self, requested: Size | None, argument: str) -> Size:
        """Return width and height of the input: the model's, else those asked for."""
        height, width = self.declared()[2:]
        if isinstance(height, int) and isinstance(width, int):
            if requested is not None and tuple(requested) != (width, height):
                warnings.warn(
                    f"The {self.role} takes pictures of {width}x{height}; {argument}={requested} is ignored.",
                    UserWarning,
                    stacklevel=3,
                )
            return width, height
        if requested is None:
            raise FusionError(
                f"The {self.role} leaves the size of its input open: pass {argument}=(width, height)."
            )
        return requested

    def declared(self) -> list[int | None]:
        """Return the sizes of the input (n, c, h, w); None for open ones."""
        shape = sizes(self.input)
        if len(shape) != 4:
            raise FusionError(
                f"The {self.role}'s input {self.input.name!r} has {len(shape)} dimensions, expected 4."
            )
        return shape

    def names(self, labels: LabelSpec, count: int | None) -> dict[int, str] | None:
        """Return the names of its classes: those given, else its own, else those that a task would take."""
        if labels is None:
            own = model_names(self.metadata)
            if own is not None or count is None:
                return own
            labels = default_labels(count)
        return dict(enumerate(resolve_labels(labels, num_classes=count)))

    def raised(self, opset: int) -> Stage:
        """Return the model at a later opset."""
        import onnx.version_converter

        if self.opset >= opset:
            return self
        try:
            return Stage(self.role, onnx.version_converter.convert_version(self.model, opset))
        except Exception as error:
            raise FusionError(
                f"The {self.role} of opset {self.opset} cannot be brought to opset {opset}: {error}."
                f" Export it again at opset {opset} or later."
            ) from error

    def renamed(self, prefix: str) -> Stage:
        """Return the model with a prefix before all names, so that they meet no other's."""
        import onnx.compose

        return Stage(self.role, onnx.compose.add_prefix(self.model, prefix))


def read(path: str | Path, role: str) -> Stage:
    """Read a model."""
    import onnx

    if not Path(path).is_file():
        raise FusionError(f"{role} model not found: {path}")
    try:
        return Stage(role, onnx.load(str(path)))
    except Exception as error:
        raise FusionError(f"The {role} model {path} cannot be read: {error}") from error


def sizes(value: onnx.ValueInfoProto) -> list[int | None]:
    """Return an input's or output's shape; None for open sizes."""
    dims = value.type.tensor_type.shape.dim
    return [int(dim.dim_value) if dim.HasField("dim_value") else None for dim in dims]


def element_type(value: onnx.ValueInfoProto) -> int:
    """Return an input's or output's element type; float where it says none."""
    return int(value.type.tensor_type.elem_type) or 1


def channels_of(detector: Stage, other: Stage) -> int:
    """Return how many channels both take."""
    first, second = detector.declared()[1], other.declared()[1]
    if first is not None and second is not None and first != second:
        raise FusionError(
            f"The detector takes {first} channels and the {other.role} {second}: no crop fits both."
        )
    channels = second if first is None else first
    if channels is None:
        raise FusionError("Neither model says how many channels its pictures have.")
    return channels


def detector_classes(detector: Stage) -> int | None:
    """Return how many classes an output (1, 4 + classes, cells) has; None where it is open."""
    shape = sizes(detector.output)
    if len(shape) != 3 or (shape[1] is not None and shape[1] < 5):
        raise FusionError(
            f"The detector's output {detector.output.name!r} is {shape}, expected (1, 4 + classes, cells)."
        )
    return None if shape[1] is None else shape[1] - 4


def classifier_classes(classifier: Stage) -> int | None:
    """Return how many classes a classifier has; None where it is open."""
    shape = sizes(classifier.output)
    return shape[-1] if shape else None


def ends_in_softmax(classifier: Stage) -> bool:
    """Tell whether the output is probabilities already."""
    nodes = classifier.model.graph.node
    return any(node.op_type == "Softmax" and classifier.output.name in node.output for node in nodes)


def cutter(
    spec: FusionSpec,
    channels: int,
    target: str,
    most_per_class: int | None,
    normal: tuple[Triple, Triple, float],
    sampling_ratio: int,
    crops_output: str | None = None,
) -> BridgeGraph:
    """Build the bridge from "ovs_head" to the crops that the next model takes; `normal`: mean, std, scale."""
    mean, std, input_scale = normal
    if most_per_class is None:
        # More than there is room for, so that a crowd of one class leaves room for the others.
        most_per_class = 300 if spec.max_detections is None else 4 * spec.max_detections
    return build_bridge(
        detector_output="ovs_head",
        detector_input=INPUT_IMAGE,
        classifier_input=target,
        crop_size=spec.crop_size,
        channels=channels,
        crop_source=spec.crop_source,
        max_detections=spec.max_detections,
        conf_threshold=spec.conf_threshold,
        iou_threshold=spec.iou_threshold,
        max_boxes_per_class=most_per_class,
        mean=mean,
        std=std,
        input_scale=input_scale,
        sampling_ratio=sampling_ratio,
        crops_output=crops_output,
    )


class Assembly:
    """A graph in the making: stages and bridges in order, joined by name, with casts where types differ."""

    def __init__(self, spec: FusionSpec, channels: int, opset: int) -> None:
        self._spec, self._channels, self._opset = spec, channels, opset
        self.stages: list[Stage] = []
        self.nodes: list[onnx.NodeProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.weights: list[onnx.TensorProto] = []

    def join(self, source: str, source_type: int, target: str, target_type: int) -> None:
        """Make one value another one."""
        from onnx import helper

        if source_type == target_type:
            self.nodes.append(helper.make_node("Identity", [source], [target]))
        else:
            self.nodes.append(helper.make_node("Cast", [source], [target], to=target_type))

    def add_stage(self, stage: Stage, source: str, target: str) -> None:
        """Run a model on a float value, its output as a float value."""
        self.join(source, 1, stage.input.name, element_type(stage.input))
        self.nodes.extend(stage.model.graph.node)
        self.weights.extend(stage.model.graph.initializer)
        self.join(stage.output.name, element_type(stage.output), target, 1)
        self.stages.append(stage)

    def add_bridge(self, bridge: BridgeGraph) -> None:
        """Add a bridge."""
        self.nodes.extend(bridge.nodes)
        self.weights.extend(bridge.initializers)
        self.inputs.extend(bridge.inputs)
        self.outputs.extend(bridge.outputs)

    def model(self, normalization: str) -> onnx.ModelProto:
        """Return the model, checked."""
        import onnx
        from onnx import helper

        spec, first, last = self._spec, self.stages[0], self.stages[-1]
        width, height = spec.input_size
        picture = helper.make_tensor_value_info(INPUT_IMAGE, 1, [1, self._channels, height, width])
        rows = OUTPUT_NUM_DETECTIONS if spec.max_detections is None else spec.max_detections
        kinds = classifier_classes(last)
        probs = helper.make_tensor_value_info(
            OUTPUT_PROBS, 1, [rows, "num_classifier_classes" if kinds is None else kinds]
        )
        graph = helper.make_graph(
            self.nodes,
            f"ortolan_{spec.kind}",
            [picture, *self.inputs],
            [*self.outputs, probs],
            self.weights,
            # The crops' batch is no longer what the models declared: none of the values between is declared.
            value_info=list(first.model.graph.value_info),
        )
        model = helper.make_model(
            graph,
            opset_imports=self._opsets(),
            functions=[function for stage in self.stages for function in stage.model.functions],
            producer_name="ortolan",
            ir_version=max(stage.model.ir_version for stage in self.stages),
        )
        entries = {key: entry for key, entry in first.metadata.items() if not key.startswith(METADATA_PREFIX)}
        entries |= spec.to_metadata()
        entries[f"{METADATA_PREFIX}classifier_normalization"] = normalization
        helper.set_model_props(model, entries)
        try:
            onnx.checker.check_model(model)
        except Exception as error:
            raise FusionError(f"The models made one are no valid model: {error}") from error
        return model

    def _opsets(self) -> Sequence[onnx.OperatorSetIdProto]:
        from onnx import helper

        versions = {"": self._opset}
        for stage in self.stages:
            for each in stage.model.opset_import:
                if each.domain not in ("", "ai.onnx"):
                    versions[each.domain] = max(versions.get(each.domain, 0), int(each.version))
        return [helper.make_opsetid(domain, version) for domain, version in versions.items()]


def finish(
    model: onnx.ModelProto,
    output: str | Path | None,
    *,
    spec: FusionSpec,
    channels: int,
    validate: bool,
) -> onnx.ModelProto:
    """Write the model where that is wanted, and try it: on nothing, so that all of its rows are empty."""
    import onnx

    if output is not None:
        onnx.save(model, str(output))
    if not validate:
        return model
    width, height = spec.input_size
    feeds = {INPUT_IMAGE: np.zeros((1, channels, height, width), dtype=np.float32)}
    if spec.needs_source_image:
        feeds[INPUT_SOURCE] = np.zeros((1, channels, 2 * height, 2 * width), dtype=np.float32)
        feeds[INPUT_SCALE] = np.array([0.5], dtype=np.float32)
        feeds[INPUT_PAD] = np.zeros(2, dtype=np.float32)
    try:
        source = model.SerializeToString() if output is None else str(output)
        InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, feeds)
    except Exception as error:
        raise FusionError(
            f"The models made one do not run: {error}. Most often the second one takes only the batch that"
            " it was exported with: export it with an open batch, or set max_detections to its batch."
        ) from error
    return model
