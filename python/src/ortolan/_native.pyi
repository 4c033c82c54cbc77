"""
Ortolan's engine. Use the package `ortolan`; this module may change with every version.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, overload

import numpy
from numpy.typing import NDArray

from ortolan.capi.onnxruntime_pybind11_state import (
    DeviceReset as DeviceReset,
    EPFail as EPFail,
    EngineError as EngineError,
    Fail as Fail,
    InvalidArgument as InvalidArgument,
    InvalidGraph as InvalidGraph,
    InvalidProtobuf as InvalidProtobuf,
    ModelLoadCanceled as ModelLoadCanceled,
    ModelLoaded as ModelLoaded,
    ModelRequiresCompilation as ModelRequiresCompilation,
    NoModel as NoModel,
    NoSuchFile as NoSuchFile,
    NotFound as NotFound,
    NotImplemented as NotImplemented,
    RuntimeException as RuntimeException
)


class OrtDevice:
    """Where memory is: type, kind of memory, vendor, number."""

    @overload
    def __init__(self, arg0: int, arg1: int, arg2: int, /) -> None: ...

    @overload
    def __init__(self, arg0: int, arg1: int, arg2: int, arg3: int, /) -> None: ...

    def device_type(self) -> int: ...

    def device_id(self) -> int: ...

    def mem_type(self) -> int: ...

    def vendor_id(self) -> int: ...

    @staticmethod
    def cpu() -> int: ...

    @staticmethod
    def gpu() -> int: ...

    @staticmethod
    def cuda() -> int: ...

    @staticmethod
    def webgpu() -> int: ...

    @staticmethod
    def fpga() -> int: ...

    @staticmethod
    def npu() -> int: ...

    @staticmethod
    def cann() -> int: ...

    @staticmethod
    def dml() -> int: ...

    @staticmethod
    def default_memory() -> int: ...

class SparseCooView:
    def __init__(self, *args, **kwargs) -> None: ...

    def indices(self) -> object: ...

class SparseCsrView:
    def __init__(self, *args, **kwargs) -> None: ...

    def inner(self) -> object: ...

    def outer(self) -> object: ...

class SparseBlockSparseView:
    def __init__(self, *args, **kwargs) -> None: ...

    def indices(self) -> object: ...

class SparseTensor:
    """A tensor of which the elements that are not zero are stored."""

    def __init__(self, *args, **kwargs) -> None: ...

    @staticmethod
    def sparse_coo_from_numpy(arg0: Sequence[int], arg1: object, arg2: object, arg3: OrtDevice, /) -> SparseTensor: ...

    @staticmethod
    def sparse_csr_from_numpy(arg0: Sequence[int], arg1: object, arg2: object, arg3: object, arg4: OrtDevice, /) -> SparseTensor: ...

    @staticmethod
    def blocksparse_from_numpy(arg0: Sequence[int], arg1: object, arg2: object, arg3: OrtDevice, /) -> SparseTensor: ...

    @property
    def format(self) -> object: ...

    @format.setter
    def format(self, arg: object, /) -> None: ...

    def dense_shape(self) -> list: ...

    def values(self) -> object: ...

    def data_type(self) -> str: ...

    def device_name(self) -> str: ...

    def get_coo_data(self) -> SparseCooView: ...

    def get_csrc_data(self) -> SparseCsrView: ...

    def get_blocksparse_data(self) -> SparseBlockSparseView: ...

    def to_cuda(self, arg: OrtDevice, /) -> None: ...

class OrtValue:
    """A value that runs take and give: a tensor, a sequence, ..."""

    def __init__(self, *args, **kwargs) -> None: ...

    @staticmethod
    def ortvalue_from_numpy(arg0: object, arg1: OrtDevice, /) -> OrtValue: ...

    @staticmethod
    def ortvalue_from_numpy_with_onnx_type(arg0: object, arg1: int, /) -> OrtValue: ...

    @staticmethod
    def ortvalue_from_shape_and_type(arg0: Sequence[int] | None, arg1: object | None, arg2: OrtDevice, /) -> OrtValue: ...

    @staticmethod
    def ortvalue_from_shape_and_onnx_type(arg0: Sequence[int], arg1: int, arg2: OrtDevice, /) -> OrtValue: ...

    @staticmethod
    def ortvalue_from_shape_and_type_for_memory_info(arg0: Sequence[int], arg1: object, arg2: object, /) -> OrtValue: ...

    @staticmethod
    def ortvalue_from_shape_and_onnx_type_for_memory_info(arg0: Sequence[int], arg1: object, arg2: object, /) -> OrtValue: ...

    @staticmethod
    def ort_value_from_sparse_tensor(arg: SparseTensor, /) -> OrtValue: ...

    @staticmethod
    def from_dlpack(data: object, is_bool_tensor: bool = False) -> OrtValue: ...

    def shape(self) -> list[int]: ...

    def data_ptr(self) -> int: ...

    def data_type(self) -> str: ...

    def element_type(self) -> int: ...

    def device_name(self) -> str: ...

    def has_value(self) -> bool: ...

    def is_tensor(self) -> bool: ...

    def is_sparse_tensor(self) -> bool: ...

    def is_tensor_sequence(self) -> bool: ...

    def numpy(self) -> object: ...

    def tensor_size_in_bytes(self) -> int: ...

    def as_sparse_tensor(self) -> SparseTensor: ...

    def as_python(self) -> object:
        """The value as run() gives it: an array, a list, a dict or None."""

    @overload
    def update_inplace(self, arg: OrtValue, /) -> None: ...

    @overload
    def update_inplace(self, arg: object, /) -> None: ...

    def to_dlpack(self) -> object: ...

    def __dlpack__(self, stream: object = None) -> object: ...

    def __dlpack_device__(self) -> tuple: ...

class OrtValueVector:
    """A list of OrtValues."""

    def __init__(self) -> None: ...

    @overload
    def push_back(self, arg: OrtValue, /) -> None: ...

    @overload
    def push_back(self, dlpack_tensor: object, is_bool_tensor: bool = False) -> None: ...

    def push_back_batch(self, arg0: list, arg1: Sequence[int], arg2: list, arg3: Sequence[Sequence[int]], arg4: Sequence[OrtDevice], /) -> None: ...

    def reserve(self, arg: int, /) -> None: ...

    def shrink_to_fit(self) -> None: ...

    def __len__(self) -> int: ...

    def __getitem__(self, arg: int, /) -> OrtValue: ...

    def __iter__(self) -> Iterator: ...

    def bool_tensor_indices(self) -> list: ...

    def dlpack_at(self, arg: int, /) -> object: ...

    def element_type_at(self, idx: int) -> int: ...

    def to_dlpacks(self, to_tensor: object | None) -> list: ...

def is_dlpack_uint8_tensor(arg: object, /) -> bool: ...

def copy_tensors(arg0: Sequence[OrtValue], arg1: Sequence[OrtValue], arg2: object | None, /) -> None: ...

class RunOptions:
    """
    Configuration of runs. `terminate` may be set from another thread while a run is under way.
    """

    def __init__(self) -> None: ...

    @property
    def log_severity_level(self) -> int:
        """0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1 the session's."""

    @log_severity_level.setter
    def log_severity_level(self, arg: int, /) -> None: ...

    @property
    def log_verbosity_level(self) -> int:
        """Detail of verbose logging."""

    @log_verbosity_level.setter
    def log_verbosity_level(self, arg: int, /) -> None: ...

    @property
    def logid(self) -> str:
        """The word that marks log lines of these runs."""

    @logid.setter
    def logid(self, arg: str, /) -> None: ...

    @property
    def terminate(self) -> bool:
        """
        True stops running and later calls that use this object, with an error, until it is set back.
        """

    @terminate.setter
    def terminate(self, arg: bool, /) -> None: ...

    @property
    def only_execute_path_to_fetches(self) -> bool:
        """Whether nodes that no asked output needs are left out."""

    @only_execute_path_to_fetches.setter
    def only_execute_path_to_fetches(self, arg: bool, /) -> None: ...

    @property
    def training_mode(self) -> bool:
        """
        Training or inferencing mode. It is kept; this engine's runs are inference.
        """

    @training_mode.setter
    def training_mode(self, arg: bool, /) -> None: ...

    def add_run_config_entry(self, arg0: str, arg1: str, /) -> None:
        """Set one configuration entry; the last value of a key wins."""

    def get_run_config_entry(self, arg: str, /) -> str:
        """Return a configuration entry; RuntimeError where there is none."""

    def add_active_adapter(self, arg: object, /) -> None:
        """Feed an adapter's parameters to the inputs of their names."""

class NodeArg:
    """
    Name, type and shape of an input or output, as the model declares them.
    """

    def __init__(self, *args, **kwargs) -> None: ...

    @property
    def name(self) -> str:
        """The name that feeds and fetches use."""

    @property
    def type(self) -> str:
        """Such as ``tensor(float)`` or ``seq(map(string,tensor(float)))``."""

    @property
    def shape(self) -> list[int | str | None]:
        """
        A size, a symbol or None (unknown) for each dimension; empty for scalars and unknown ranks.
        """

    def __repr__(self) -> str: ...

class ModelMetadata:
    """What a model file says of itself; texts that are absent are empty."""

    def __init__(self, *args, **kwargs) -> None: ...

    @property
    def producer_name(self) -> str: ...

    @producer_name.setter
    def producer_name(self, arg: str, /) -> None: ...

    @property
    def graph_name(self) -> str: ...

    @graph_name.setter
    def graph_name(self, arg: str, /) -> None: ...

    @property
    def domain(self) -> str: ...

    @domain.setter
    def domain(self, arg: str, /) -> None: ...

    @property
    def description(self) -> str: ...

    @description.setter
    def description(self, arg: str, /) -> None: ...

    @property
    def graph_description(self) -> str: ...

    @graph_description.setter
    def graph_description(self, arg: str, /) -> None: ...

    @property
    def version(self) -> int: ...

    @version.setter
    def version(self, arg: int, /) -> None: ...

    @property
    def custom_metadata_map(self) -> dict[str, str]: ...

    @custom_metadata_map.setter
    def custom_metadata_map(self, arg: Mapping[str, str], /) -> None: ...

def optimized_model(path_or_bytes: object, options: object) -> tuple: ...

class InferenceSession:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, arg0: object, arg1: object, arg2: bool, arg3: bool, /) -> None: ...

    def initialize_session(self, arg0: object, arg1: object, arg2: object, /) -> None: ...

    def run(self, output_names: object | None, input_feed: object, run_options: RunOptions | None = None) -> list:
        """Computes outputs from a dict of feeds; releases the GIL meanwhile."""

    def run_with_ort_values(self, input_feed: dict, output_names: object | None, run_options: RunOptions | None = None) -> OrtValueVector: ...

    def run_with_ortvaluevector(self, run_options: RunOptions | None, feed_names: Sequence[str], feeds: OrtValueVector, fetch_names: Sequence[str], fetches: OrtValueVector, fetch_devices: Sequence[OrtDevice]) -> None: ...

    def run_async(self, output_names: object | None, input_feed: object, callback: object, user_data: object | None, run_options: RunOptions | None = None) -> None: ...

    @property
    def inputs_meta(self) -> list[NodeArg]: ...

    @property
    def outputs_meta(self) -> list[NodeArg]: ...

    @property
    def overridable_initializers(self) -> list[NodeArg]: ...

    @property
    def model_meta(self) -> ModelMetadata: ...

    @property
    def session_options(self) -> object: ...

    def get_providers(self) -> list[str]: ...

    def assigned_nodes(self) -> list: ...

    def memory_stats(self) -> dict[str, int]: ...

    def trim(self) -> None: ...

    def end_profiling(self) -> str: ...

    @property
    def get_profiling_start_time_ns(self) -> int: ...

    def run_with_iobinding(self, iobinding: SessionIOBinding, run_options: RunOptions | None = None) -> None: ...

class SessionIOBinding:
    """Inputs and outputs of a session's runs, bound once."""

    def __init__(self, arg: InferenceSession, /) -> None: ...

    @overload
    def bind_input(self, arg0: str, arg1: object, /) -> None: ...

    @overload
    def bind_input(self, arg0: str, arg1: OrtDevice, arg2: object, arg3: Sequence[int], arg4: int, /) -> None: ...

    def bind_ortvalue_input(self, arg0: str, arg1: OrtValue, /) -> None: ...

    @overload
    def bind_output(self, arg0: str, arg1: OrtDevice, /) -> None: ...

    @overload
    def bind_output(self, arg0: str, arg1: OrtDevice, arg2: object, arg3: Sequence[int], arg4: int, /) -> None: ...

    def bind_ortvalue_output(self, arg0: str, arg1: OrtValue, /) -> None: ...

    def clear_binding_inputs(self) -> None: ...

    def clear_binding_outputs(self) -> None: ...

    def synchronize_inputs(self) -> None: ...

    def synchronize_outputs(self) -> None: ...

    def copy_outputs_to_cpu(self) -> list: ...

    def get_outputs(self) -> OrtValueVector: ...

def set_default_logger_severity(arg: int, /) -> None: ...

def set_default_logger_verbosity(arg: int, /) -> None: ...

def set_seed(arg: int, /) -> None: ...

def set_global_thread_pool_sizes(intra_op_num_threads: int = 0, inter_op_num_threads: int = 0) -> None: ...

def all_operators() -> list:
    """
    (domain, name, versions, inputs, outputs, type constraints, attributes) of every operator.
    """

def decode_image(data: bytes) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """The bytes of a picture file as RGB (h, w, 3)."""

def read_image(path: str) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """A picture file as RGB (h, w, 3)."""

def resize(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], width: int, height: int) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """Pillow's reduce, then its resize with BILINEAR."""

def classifier_input(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], width: int, height: int, mean: Sequence[float], std: Sequence[float]) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None))]:
    """Resized and normalised: (1, 3, height, width)."""

def detector_input(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], width: int, height: int) -> tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None))], float, tuple[int, int]]:
    """
    Letterboxed: (1, 3, height, width) of 0..1, the scale, and the padding left and above.
    """

def decode_yolo(output: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], classes: int, width: int, height: int, pad: tuple[int, int], scale: float, confidence: float, overlap: float, most: int) -> tuple[Annotated[NDArray[numpy.int64], dict(shape=(None,))], Annotated[NDArray[numpy.float32], dict(shape=(None, None))], Annotated[NDArray[numpy.int64], dict(shape=(None,))], Annotated[NDArray[numpy.float32], dict(shape=(None,))]]:
    """Cells, boxes, classes and scores of what is found, best first."""

def decode_masks(output: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], prototypes: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], classes: int, boxes: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], cells: Sequence[int], pad: tuple[int, int], scale: float, input: tuple[int, int], threshold: float, picture: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)] | None = None) -> tuple[list, list]:
    """
    Masks of what decode_yolo found, and with a picture what is under them.
    """

def masks_of(coefficients: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], prototypes: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], boxes: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], pad: tuple[int, int], scale: float, input: tuple[int, int], threshold: float, picture: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)] | None = None) -> tuple[list, list]:
    """decode_masks, from coefficients (n, m)."""

class Head:
    """What a model's outputs mean."""

    @property
    def name(self) -> str: ...

    @property
    def fit(self) -> str: ...

    @property
    def classes(self) -> int: ...

    @property
    def sure(self) -> bool: ...

    @property
    def batched(self) -> bool: ...

    @property
    def prototypes(self) -> int: ...

    @property
    def picture(self) -> int: ...

    @property
    def picture_size(self) -> int: ...

    @property
    def pixel_mask(self) -> int: ...

    def fill(self, image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], width: int, height: int) -> tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None))], float, tuple[int, int], tuple[int, int]]:
        """
        The input (1, 3, h, w), the letterbox's scale and padding, the input's width and height.
        """

    def load(self, source: object, width: int, height: int) -> tuple:
        """
        A picture file's path or bytes as RGB, what fill makes of it, the milliseconds that fill took.
        """

    def decode(self, outputs: Sequence[Annotated[NDArray, dict(order='C', device='cpu', writable=False)]], picture: tuple[int, int], input: tuple[int, int], pad: tuple[int, int], scale: float, confidence: float, overlap: float, most: int) -> tuple:
        """
        Cells, boxes, classes, scores, keypoints, turned boxes, corners, coefficients.
        """

def recognize_head(inputs: Sequence[tuple[str, str, Sequence[int]]], outputs: Sequence[tuple[str, str, Sequence[int]]], metadata: Mapping[str, str], wanted: str, labels: int, width: int, height: int) -> Head:
    """Tells what outputs mean; inputs and outputs are (name, type, shape)."""

def decode_class_map(output: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], width: int, height: int) -> Annotated[NDArray[numpy.uint16], dict(shape=(None, None))]:
    """
    The class of each pixel of a picture, from a semantic segmenter's output.
    """

def suppress_overlaps(boxes: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], scores: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)], overlap: float) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]:
    """Indices of the boxes that are no doubles of better ones, best first."""

def draw_boxes(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], boxes: Sequence[tuple[float, float, float, float]], captions: Sequence[str], class_ids: Sequence[int], masks: Sequence[Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)]], keypoints: Sequence[Sequence[tuple[float, float, float]]] = [], corners: Sequence[Sequence[tuple[float, float]]] = []) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """
    A copy with frames, captions and, where there are any, masks, keypoints and turned frames; the first box on top.
    """

def tint_classes(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], classes: Annotated[NDArray[numpy.uint16], dict(shape=(None, None), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """A copy in which each pixel of another class than 0 is tinted."""

def draw_lines(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], lines: Sequence[str]) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None, None))]:
    """A copy with lines of text in its upper left corner."""

def write_image(image: Annotated[NDArray[numpy.uint8], dict(shape=(None, None, 3), order='C', device='cpu', writable=False)], path: str) -> None:
    """Writes JPEG, PNG or WebP, by the path's ending."""
