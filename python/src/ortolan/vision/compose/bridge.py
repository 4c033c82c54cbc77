"""The operators between a detector and what looks at its boxes, written as ONNX text.

A detector's output (1, 4 + classes, cells) becomes boxes that overlap no better ones, best first; RoiAlign
cuts each out of the picture at the size that the next model wants, in one batch. With a fixed number of rows
all shapes are fixed, and a picture without objects still makes a batch: of rows that the count leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ortolan.vision.fusion import (
    INPUT_PAD,
    INPUT_SCALE,
    INPUT_SOURCE,
    OUTPUT_BOXES,
    OUTPUT_CLASSES,
    OUTPUT_MASKS,
    OUTPUT_NUM_DETECTIONS,
    OUTPUT_SCORES,
    CropSource,
)

if TYPE_CHECKING:
    import onnx

MaskActivation = Literal["sigmoid", "softmax"]
"""How a segmenter's output becomes probabilities: each channel by itself, or against the others."""

MIN_OPSET = 16
"""The first with RoiAlign's ``half_pixel``, which cuts pictures where numpy would."""

Triple = tuple[float, float, float]


@dataclass
class BridgeGraph:
    """The bridge's part of a graph."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)


# Of all classes together and best first: boxes of centre and size become edges. `most` cuts the ranking.
_SELECT = """
  zero = Constant <value_ints = [0]> ()
  one = Constant <value_ints = [1]> ()
  four = Constant <value_ints = [4]> ()
  end = Constant <value_ints = [9223372036854775807]> ()
  cell_boxes = Slice (head, zero, four, one)
  cell_scores = Slice (head, four, end, one)
  boxes_last = Transpose <perm = [0, 2, 1]> (cell_boxes)
  per_class = Constant <value_ints = [{per_class}]> ()
  overlap = Constant <value_floats = [{overlap}]> ()
  least = Constant <value_floats = [{least}]> ()
  picked = NonMaxSuppression <center_point_box = 1> (boxes_last, cell_scores, per_class, overlap, least)
  thirds = Constant <value_ints = [1, 1, 1]> ()
  batch, kind, cell = Split <axis = 1> (picked, thirds)
  where = Concat <axis = 1> (kind, cell)
  score_rows = Squeeze (cell_scores, zero)
  score = GatherND (score_rows, where)
  there = Shape (score)
  {count}
  ranked_scores, order = TopK <axis = 0, largest = 1, sorted = 1> (score, count)
  cell_list = Squeeze (cell, one)
  kind_list = Squeeze (kind, one)
  ranked_cells = Gather <axis = 0> (cell_list, order)
  ranked_kinds = Gather <axis = 0> (kind_list, order)
  box_rows = Squeeze (boxes_last, zero)
  centred = Gather <axis = 0> (box_rows, ranked_cells)
  quarters = Constant <value_ints = [1, 1, 1, 1]> ()
  x, y, width, height = Split <axis = 1> (centred, quarters)
  half = Constant <value_floats = [0.5]> ()
  half_width = Mul (width, half)
  half_height = Mul (height, half)
  left0 = Sub (x, half_width)
  top0 = Sub (y, half_height)
  right0 = Add (x, half_width)
  bottom0 = Add (y, half_height)
"""

# From the letterboxed input to the original picture, and back with what was clipped there.
_TO_ORIGINAL = """
  first = Constant <value_ints = [0]> ()
  second = Constant <value_ints = [1]> ()
  pad_left = Gather <axis = 0> (pad, first)
  pad_top = Gather <axis = 0> (pad, second)
  left_in = Sub (left0, pad_left)
  top_in = Sub (top0, pad_top)
  right_in = Sub (right0, pad_left)
  bottom_in = Sub (bottom0, pad_top)
  left1 = Div (left_in, scale)
  top1 = Div (top_in, scale)
  right1 = Div (right_in, scale)
  bottom1 = Div (bottom_in, scale)
"""
_FROM_ORIGINAL = """
  left_back = Mul (left2, scale)
  top_back = Mul (top2, scale)
  right_back = Mul (right2, scale)
  bottom_back = Mul (bottom2, scale)
  left3 = Add (left_back, pad_left)
  top3 = Add (top_back, pad_top)
  right3 = Add (right_back, pad_left)
  bottom3 = Add (bottom_back, pad_top)
  shown = Concat <axis = 1> (left3, top3, right3, bottom3)
"""

# Inside the picture and at least a pixel wide and high, so that there is something to cut.
_CLIP = """
  source_shape = Shape (source)
  second_last = Constant <value_ints = [2]> ()
  last = Constant <value_ints = [3]> ()
  rows_int = Gather <axis = 0> (source_shape, second_last)
  columns_int = Gather <axis = 0> (source_shape, last)
  rows = Cast <to = 1> (rows_int)
  columns = Cast <to = 1> (columns_int)
  none = Constant <value_floats = [0.0]> ()
  pixel = Constant <value_floats = [1.0]> ()
  last_column = Sub (columns, pixel)
  last_row = Sub (rows, pixel)
  left_low = Max ({left}, none)
  left2 = Min (left_low, last_column)
  top_low = Max ({top}, none)
  top2 = Min (top_low, last_row)
  right_high = Min ({right}, columns)
  right_least = Add (left2, pixel)
  right2 = Max (right_high, right_least)
  bottom_high = Min ({bottom}, rows)
  bottom_least = Add (top2, pixel)
  bottom2 = Max (bottom_high, bottom_least)
  cut = Concat <axis = 1> (left2, top2, right2, bottom2)
"""

# Rows of zeros up to the fixed number; to cut them they are made a pixel wide and high.
_FILL = """
  all_rows = Constant <value_ints = [{rows}]> ()
  missing = Sub (all_rows, count)
  pad_rows = Concat <axis = 0> (zero, zero, missing, zero)
  pad_list = Concat <axis = 0> (zero, missing)
  no_float = Constant <value_float = 0.0> ()
  no_int = Constant <value_int = 0> ()
  table = Constant <value_ints = [{rows}, 4]> ()
  shown_long = Pad ({shown}, pad_rows, no_float)
  shown_all = Reshape (shown_long, table)
  cut_long = Pad (cut, pad_rows, no_float)
  cut_padded = Reshape (cut_long, table)
  left4, top4, right4, bottom4 = Split <axis = 1> (cut_padded, quarters)
  right_min = Add (left4, pixel)
  bottom_min = Add (top4, pixel)
  right5 = Max (right4, right_min)
  bottom5 = Max (bottom4, bottom_min)
  cut_all = Concat <axis = 1> (left4, top4, right5, bottom5)
  scores_long = Pad (ranked_scores, pad_list, no_float)
  scores_all = Reshape (scores_long, all_rows)
  kinds_long = Pad (ranked_kinds, pad_list, no_int)
  kinds_all = Reshape (kinds_long, all_rows)
"""

_CROP = """
  cut_shape = Shape ({cut})
  cut_rows = Slice (cut_shape, zero, one, zero)
  batches = ConstantOfShape <value = int64[1] {{0}}> (cut_rows)
  crops_any = RoiAlign <coordinate_transformation_mode = "half_pixel", mode = "avg", output_height = {height},
    output_width = {width}, sampling_ratio = {samples}, spatial_scale = 1.0> (source, {cut}, batches)
"""

# What users of the model see has the same name in every one.
_OUTER = {
    "scale": INPUT_SCALE,
    "pad": INPUT_PAD,
    "boxes": OUTPUT_BOXES,
    "scores": OUTPUT_SCORES,
    "classes": OUTPUT_CLASSES,
    "num_detections": OUTPUT_NUM_DETECTIONS,
}

_MASK = """
  probable = {activation} (segments)
  channel = Constant <value_ints = [{channel}]> ()
  front = Gather <axis = 1> (probable, channel)
  least = Constant <value_floats = [{least}]> ()
  inside = Greater (front, least)
  mask = Cast <to = 1> (inside)
  masks = Identity (mask)
"""


def build_bridge(
    *,
    detector_output: str,
    detector_input: str,
    classifier_input: str,
    crop_size: tuple[int, int],
    channels: int,
    crop_source: CropSource,
    max_detections: int | None,
    conf_threshold: float,
    iou_threshold: float,
    max_boxes_per_class: int,
    mean: Triple,
    std: Triple,
    input_scale: float,
    sampling_ratio: int,
    crops_output: str | None = None,
    prefix: str = "ovs_bridge_",
) -> BridgeGraph:
    """Build what joins a detector's output to the next model's input.

    :param detector_output: (1, 4 + classes, cells)
    :param detector_input: the picture that the detector gets, letterboxed, samples of 0 to 1
    :param classifier_input: what the crops are called, normalised
    :param crop_size: their width and height
    :param channels: of the pictures
    :param crop_source: what the crops are cut from
    :param max_detections: the fixed number of rows; None: as many as there are
    :param conf_threshold: least score
    :param iou_threshold: of two boxes of a class that overlap by more, the lesser is dropped
    :param max_boxes_per_class: most boxes of a class before they are ranked together
    :param mean: of the next model, by channel
    :param std: of the next model, by channel
    :param input_scale: what samples are multiplied by before that
    :param sampling_ratio: RoiAlign's samples for a pixel; 0: by the box's size
    :param crops_output: a second name for the crops before they are normalised
    :param prefix: of all other names
    :raises ValueError: a number is out of range
    """
    for name, number in (
        ("max_detections", 1 if max_detections is None else max_detections),
        ("max_boxes_per_class", max_boxes_per_class),
        ("crop_size", min(crop_size)),
        ("channels", channels),
    ):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}.")
    _check_deviation(std)
    original, fixed = crop_source == "original", max_detections is not None
    count = (
        f"most = Constant <value_ints = [{max_detections}]> ()\n  count = Min (there, most)"
        if fixed
        else "count = Identity (there)"
    )
    stage = 1 if original else 0
    edges = {edge: f"{edge}{stage}" for edge in ("left", "top", "right", "bottom")}
    shown = "shown" if original else "cut"
    text = _SELECT.format(
        per_class=max_boxes_per_class, overlap=_real(iou_threshold), least=_real(conf_threshold), count=count
    )
    text += (_TO_ORIGINAL if original else "") + _CLIP.format(**edges) + (_FROM_ORIGINAL if original else "")
    if fixed:
        text += _FILL.format(rows=max_detections, shown=shown)
    width, height = crop_size
    text += _CROP.format(
        cut="cut_all" if fixed else "cut", width=width, height=height, samples=sampling_ratio
    )
    if fixed:
        text += (
            f"  crop_shape = Constant <value_ints = [{max_detections}, {channels}, {height}, {width}]> ()\n"
        )
    text += f"  crops = {'Reshape (crops_any, crop_shape)' if fixed else 'Identity (crops_any)'}\n"
    if crops_output is not None:
        text += "  raw_crops = Identity (crops)\n"
    text += _normalization("crops", channels, mean, std, input_scale)
    text += f"""
  boxes = Identity ({"shown_all" if fixed else shown})
  scores = Identity ({"scores_all" if fixed else "ranked_scores"})
  classes = Identity ({"kinds_all" if fixed else "ranked_kinds"})
  num_detections = Identity (count)
"""
    names = {
        **_OUTER,
        "head": detector_output,
        "source": INPUT_SOURCE if original else detector_input,
        "normal": classifier_input,
        "raw_crops": crops_output or "",
    }
    rows = max_detections if fixed else OUTPUT_NUM_DETECTIONS
    return BridgeGraph(
        nodes=_nodes(text, names, prefix),
        inputs=_source_inputs(channels) if original else [],
        outputs=[
            _value(OUTPUT_BOXES, "float", [rows, 4]),
            _value(OUTPUT_SCORES, "float", [rows]),
            _value(OUTPUT_CLASSES, "int64", [rows]),
            _value(OUTPUT_NUM_DETECTIONS, "int64", [1]),
        ],
    )


def build_mask_bridge(
    *,
    segmenter_output: str,
    crops: str,
    classifier_input: str,
    crop_size: tuple[int, int],
    channels: int,
    max_detections: int | None,
    mask_channel: int,
    mask_activation: MaskActivation,
    mask_threshold: float,
    apply_mask: bool,
    mean: Triple,
    std: Triple,
    input_scale: float,
    prefix: str = "ovs_mask_",
) -> BridgeGraph:
    """Build what makes masks of a segmenter's output and hands the crops under them to a classifier.

    :param segmenter_output: (rows, channels, height, width), before any activation
    :param crops: the crops before they were normalised
    :param classifier_input: what the crops are called that the classifier gets
    :param crop_size: their width and height
    :param channels: of the pictures
    :param max_detections: the fixed number of rows; None: as many as there are
    :param mask_channel: the segmenter's channel that is the object
    :param mask_activation: what makes probabilities of the channels
    :param mask_threshold: what a pixel has to exceed, of 0 to 1
    :param apply_mask: whether the classifier sees only what is under the mask
    :param mean: of the classifier, by channel
    :param std: of the classifier, by channel
    :param input_scale: what samples are multiplied by before that
    :param prefix: of all other names
    :raises ValueError: a number is out of range
    """
    if mask_channel < 0:
        raise ValueError(f"mask_channel must be at least 0, got {mask_channel}.")
    if not 0.0 < mask_threshold < 1.0:
        raise ValueError(f"mask_threshold must be between 0 and 1, got {mask_threshold}.")
    _check_deviation(std)
    activation = "Softmax <axis = 1>" if mask_activation == "softmax" else "Sigmoid"
    text = _MASK.format(activation=activation, channel=mask_channel, least=_real(mask_threshold))
    text += "  seen = Mul (crops, mask)\n" if apply_mask else "  seen = Identity (crops)\n"
    text += _normalization("seen", channels, mean, std, input_scale)
    names = {
        "segments": segmenter_output,
        "crops": crops,
        "normal": classifier_input,
        "masks": OUTPUT_MASKS,
    }
    rows = OUTPUT_NUM_DETECTIONS if max_detections is None else max_detections
    width, height = crop_size
    return BridgeGraph(
        nodes=_nodes(text, names, prefix), outputs=[_value(OUTPUT_MASKS, "float", [rows, 1, height, width])]
    )


def _check_deviation(std: Triple) -> None:
    if 0.0 in std:
        raise ValueError(f"std must not be 0, got {std}.")


def _real(number: float) -> str:
    """Return a number as ONNX text has it: with a point or an exponent."""
    return repr(float(number))


def _normalization(crops: str, channels: int, mean: Triple, std: Triple, scale: float) -> str:
    """Return the text that makes `normal` of crops; steps that change nothing are left out."""
    text, current = "", crops

    def step(operator: str, name: str, constant: str) -> None:
        nonlocal text, current
        text += f"  {name} = Constant <value = {constant}> ()\n"
        text += f"  {name}_done = {operator} ({current}, {name})\n"
        current = f"{name}_done"

    def per_channel(numbers: Triple) -> str:
        return f"float[1, {channels}, 1, 1] {{{', '.join(map(_real, numbers[:channels]))}}}"

    if scale != 1.0:
        step("Mul", "factor", f"float {{{_real(scale)}}}")
    if any(mean):
        step("Sub", "mean", per_channel(mean))
    if any(each != 1.0 for each in std):
        step("Div", "deviation", per_channel(std))
    return text + f"  normal = Identity ({current})\n"


def _nodes(text: str, names: dict[str, str], prefix: str) -> list[onnx.NodeProto]:
    """Return the nodes of a text; its names get the prefix, but for those in `names`."""
    import onnx.parser

    graph = onnx.parser.parse_graph(f"bridge () => () {{\n{text}\n}}")

    def outer(name: str) -> str:
        return names.get(name, prefix + name)

    nodes = list(graph.node)
    for index, node in enumerate(nodes):
        node.input[:] = [outer(name) for name in node.input]
        node.output[:] = [outer(name) for name in node.output]
        node.name = f"{prefix}{node.op_type}_{index}"
    return nodes


def _value(name: str, kind: Literal["float", "int64"], shape: list[int | str]) -> onnx.ValueInfoProto:
    from onnx import TensorProto, helper

    types = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64}
    return helper.make_tensor_value_info(name, types[kind], shape)


def _source_inputs(channels: int) -> list[onnx.ValueInfoProto]:
    return [
        _value(INPUT_SOURCE, "float", [1, channels, "source_height", "source_width"]),
        _value(INPUT_SCALE, "float", [1]),
        _value(INPUT_PAD, "float", [2]),
    ]
