"""OrtValue, OrtValueVector, SparseTensor, OrtDevice: facts, memory and errors are onnxruntime's."""

from __future__ import annotations

import gc

import numpy as np
import onnxruntime
import ortolan
import pytest
from models import model, value
from onnx import TensorProto, helper
from ortolan.capi import onnxruntime_pybind11_state as state

X = np.arange(6, dtype=np.float32).reshape(2, 3)
TYPES = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


@pytest.mark.parametrize("dtype", TYPES)
def test_facts_equal_onnxruntimes(dtype: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    facts = []
    for runtime in (ortolan, onnxruntime):
        made = runtime.OrtValue.ortvalue_from_numpy(array)
        facts.append(
            (
                list(made.shape()),
                made.data_type(),
                made.element_type(),
                made.device_name(),
                made.tensor_size_in_bytes(),
                made.data_ptr() == array.ctypes.data,
                (made.is_tensor(), made.is_sparse_tensor(), made.is_tensor_sequence(), made.has_value()),
                made.numpy().tolist(),
                made.numpy().dtype,
                tuple(made.__dlpack_device__()),
            )
        )
    assert facts[0] == facts[1]


def test_memory_is_shared_and_kept_alive() -> None:
    array = X.copy()
    made = ortolan.OrtValue.ortvalue_from_numpy(array)
    array[0, 0] = 42
    assert made.numpy()[0, 0] == 42
    seen = made.numpy()
    address = made.data_ptr()
    del made, array
    gc.collect()
    assert (seen.ctypes.data, seen[0, 0]) == (address, 42)
    strided = ortolan.OrtValue.ortvalue_from_numpy(X.T)
    np.testing.assert_array_equal(strided.numpy(), X.T)


@pytest.mark.parametrize("element_type", [np.float32, np.dtype("float32"), "float32", 1])
def test_uninitialised(element_type: object) -> None:
    made = ortolan.OrtValue.ortvalue_from_shape_and_type([2, 3], element_type)
    assert (made.shape(), made.data_type()) == ([2, 3], "tensor(float)")
    made.update_inplace(X + 1)
    np.testing.assert_array_equal(np.asarray(made), X + 1)
    made.update_inplace(np_arr=X + 2)
    made.update_inplace(ortolan.OrtValue.ortvalue_from_numpy(X + 3))
    np.testing.assert_array_equal(np.array(made, dtype=np.float64), X + 3)


def test_bits_of_types_that_numpy_lacks() -> None:
    bits = np.array([0x3F80, 0x4000], np.uint16)
    made = ortolan.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 16)
    assert (made.data_type(), made.element_type(), made.data_ptr()) == (
        "tensor(bfloat16)",
        16,
        bits.ctypes.data,
    )
    assert made.numpy().astype(np.float32).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="Items size in the incoming array: 2 specified by onnxtype: 4"):
        ortolan.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 1)


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_errors(runtime) -> None:  # noqa: ANN001 - a module
    make = runtime.OrtValue
    only_arrays = "only supported from non-string numpy arrays"
    for wrong in ([1, 2], np.array(["a"]), np.array(["a"], dtype=object)):
        with pytest.raises(RuntimeError, match=only_arrays):
            make.ortvalue_from_numpy(wrong)
    with pytest.raises(RuntimeError, match=only_arrays):
        make.ortvalue_from_shape_and_type([2], np.str_)
    with pytest.raises(RuntimeError, match="Can't allocate memory on the device using this package"):
        make.ortvalue_from_numpy(X, "cuda", 0)
    with pytest.raises(Exception, match="Unsupported device type: xpu") as caught:
        make.ortvalue_from_numpy(X, "xpu", 0)
    assert caught.type is Exception
    with pytest.raises(RuntimeError, match="tensor type 99 is not supported"):
        make.ortvalue_from_shape_and_type([2], 99)
    with pytest.raises(RuntimeError):
        make.ortvalue_from_shape_and_type([-2], np.float32)
    with pytest.raises(ValueError, match="needs to be of type"):
        make(X)
    with pytest.raises(RuntimeError, match="does not match the size of the OrtValue"):
        make.ortvalue_from_numpy(X.copy()).update_inplace(np.ones((3, 3), np.float32))
    with pytest.raises(TypeError, match="must be a numpy"):
        make.ortvalue_from_numpy(X.copy()).update_inplace([1, 2])
    with pytest.raises(RuntimeError, match="does not contain SparseTensor"):
        make.ortvalue_from_numpy(X).as_sparse_tensor()
    with pytest.raises(TypeError, match="valid DLPack capsule named 'dltensor'"):
        make.from_dlpack(3)
    with pytest.raises(RuntimeError, match="only supports contiguous tensor"):
        make.from_dlpack(X.T)


def test_update_of_another_width_is_refused() -> None:
    with pytest.raises(RuntimeError, match="elements of the array are double"):
        ortolan.OrtValue.ortvalue_from_numpy(X.copy()).update_inplace(np.ones((2, 3)))


@pytest.mark.parametrize("dtype", TYPES)
def test_dlpack_both_ways(dtype: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    seen = np.from_dlpack(ortolan.OrtValue.ortvalue_from_numpy(array))
    assert np.shares_memory(seen, array)
    assert (seen.dtype, seen.tolist()) == (array.dtype, array.tolist())
    made = ortolan.OrtValue.from_dlpack(array)
    assert (made.data_ptr(), made.numpy().dtype) == (array.ctypes.data, array.dtype)
    del array, seen
    gc.collect()
    assert made.numpy().astype(int).tolist() == [[0, 1, 1], [1, 0, 1]]


def test_capsules_are_taken_once_and_dropped_unused() -> None:
    made = ortolan.OrtValue.ortvalue_from_numpy(X.copy())
    capsule = made.__dlpack__()
    other = state.OrtValue.from_dlpack(capsule)
    assert other.data_ptr() == made.data_ptr()
    with pytest.raises(TypeError):
        state.OrtValue.from_dlpack(capsule)
    del capsule
    unused = made.__dlpack__()
    del unused
    truths = state.OrtValue.from_dlpack(np.array([1, 0], np.uint8).__dlpack__(), True)
    assert (truths.data_type(), truths.numpy().tolist()) == ("tensor(bool)", [True, False])
    assert state.is_dlpack_uint8_tensor(np.array([1], np.uint8).__dlpack__())
    assert not state.is_dlpack_uint8_tensor(X.__dlpack__())


def test_vector() -> None:
    vector = state.OrtValueVector()
    vector.reserve(4)
    vector.push_back(ortolan.OrtValue.ortvalue_from_numpy(X)._ortvalue)
    vector.push_back(ortolan.OrtValue.ortvalue_from_numpy(np.array([True, False]))._ortvalue)
    vector.push_back(X.__dlpack__())
    vector.push_back(np.array([1], np.uint8).__dlpack__(), True)
    vector.push_back_batch([X], [X.ctypes.data], [np.float32], [[3, 2]], [state.OrtDevice(0, 0, 0)])
    vector.shrink_to_fit()
    assert (len(vector), [item.shape() for item in vector]) == (5, [[2, 3], [2], [2, 3], [1], [3, 2]])
    assert (vector.bool_tensor_indices(), vector.element_type_at(1)) == ([1, 3], 9)
    assert vector[4].numpy().tolist() == X.reshape(3, 2).tolist()
    assert len(vector.to_dlpacks(None)) == 5
    assert vector.to_dlpacks(lambda capsule: state.OrtValue.from_dlpack(capsule).shape())[4] == [3, 2]
    assert state.OrtValue.from_dlpack(vector.dlpack_at(0)).data_ptr() == X.ctypes.data
    for wrong in (vector.element_type_at, vector.dlpack_at, vector.__getitem__):
        with pytest.raises(IndexError):
            wrong(5)


def test_copy_tensors() -> None:
    target = ortolan.OrtValue.ortvalue_from_numpy(np.zeros((2, 3), np.float32))
    ortolan.copy_tensors([ortolan.OrtValue.ortvalue_from_numpy(X)], [target])
    np.testing.assert_array_equal(target.numpy(), X)
    with pytest.raises(RuntimeError, match="Invalid arguments provided to CopyTensors"):
        ortolan.copy_tensors([target], [])
    with pytest.raises(RuntimeError, match="cannot be copied"):
        ortolan.copy_tensors([target], [ortolan.OrtValue.ortvalue_from_numpy(np.zeros(7))])


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_sparse_tensors(runtime) -> None:  # noqa: ANN001 - a module
    cpu = runtime.OrtDevice.make("cpu", 0)
    make = runtime.SparseTensor
    values = np.array([1, 2, 3], np.float32)
    coo = make.sparse_coo_from_numpy([3, 3], values, np.array([1, 4, 7]), cpu)
    assert int(coo.format()) == 1
    assert str(coo.format()) == "OrtSparseFormat.ORT_SPARSE_COO"
    assert (list(coo.dense_shape()), coo.data_type(), coo.device_name()) == (
        [3, 3],
        "sparse_tensor(float)",
        "cpu",
    )
    assert coo.values().tolist() == [1, 2, 3]
    assert coo.as_coo_view().indices().tolist() == [1, 4, 7]
    pairs = make.sparse_coo_from_numpy([3, 3], values, np.array([[0, 1], [1, 1], [2, 1]]), cpu)
    assert pairs.as_coo_view().indices().tolist() == [[0, 1], [1, 1], [2, 1]]
    csr = make.sparse_csr_from_numpy([3, 3], values, np.array([1, 1, 1]), np.array([0, 1, 2, 3]), cpu)
    assert csr.as_csrc_view().inner().tolist() == [1, 1, 1]
    assert csr.as_csrc_view().outer().tolist() == [0, 1, 2, 3]
    texts = make.sparse_coo_from_numpy([3, 3], np.array(["a", "b", "c"]), np.array([1, 4, 5]), cpu)
    assert (texts.values().tolist(), texts.data_type()) == (["a", "b", "c"], "sparse_tensor(string)")
    with pytest.raises(RuntimeError, match=r"does not contain CSR\(C\) format"):
        coo.as_csrc_view()
    with pytest.raises(RuntimeError, match="does not contain BlockSparse format"):
        coo.as_blocksparse_view()
    with pytest.raises(RuntimeError, match="does not contain COO format"):
        csr.as_coo_view()
    with pytest.raises(RuntimeError, match="Cuda is not available in this build"):
        coo.to_cuda(runtime.OrtDevice.make("cuda", 0))
    with pytest.raises(RuntimeError, match="must be equal to or twice the values size: 3"):
        make.sparse_coo_from_numpy([3, 3], values, np.array([1, 4]), cpu)
    with pytest.raises(RuntimeError, match="Expecting inner index size: 2 the same as values size: 3"):
        make.sparse_csr_from_numpy([3, 3], values, np.array([1, 1]), np.array([0, 1, 2, 3]), cpu)
    held = runtime.OrtValue.ort_value_from_sparse_tensor(coo)
    assert (held.is_sparse_tensor(), held.is_tensor(), held.data_type()) == (
        True,
        False,
        "sparse_tensor(float)",
    )
    assert (list(held.shape()), held.element_type()) == ([3, 3], 1)
    assert held.as_sparse_tensor().values().tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="Tensors"):
        held.numpy()


def test_block_sparse() -> None:
    blocks = np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2)
    indices = np.array([[0, 1], [0, 1]], np.int32)
    device = state.OrtDevice(0, 0, 0)
    made = ortolan.SparseTensor(state.SparseTensor.blocksparse_from_numpy([4, 4], blocks, indices, device))
    assert made.format() == ortolan.OrtSparseFormat.ORT_SPARSE_BLOCK_SPARSE
    assert made.as_blocksparse_view().indices().tolist() == indices.tolist()
    np.testing.assert_array_equal(made.values(), blocks)
    # A sparse value that is fed where a dense one is declared is written out.
    identity = helper.make_node("Identity", ["x"], ["z"])
    session = ortolan.InferenceSession(model([identity], [value("x", [4, 4])], [value("z", [4, 4])]))
    held = ortolan.OrtValue.ort_value_from_sparse_tensor(made)
    want = np.zeros((4, 4), np.float32)
    want[:2, :2], want[2:, 2:] = blocks
    np.testing.assert_array_equal(session.run(None, {"x": held})[0], want)


def test_devices() -> None:
    for name in ("cpu", "cuda", "dml", "cann", "npu"):
        facts = []
        for runtime in (ortolan, onnxruntime):
            device = runtime.OrtDevice.make(name, 1)
            facts.append(
                (
                    device.device_type(),
                    device.device_id(),
                    device.device_mem_type(),
                    device.device_vendor_id(),
                )
            )
        assert facts[0] == facts[1], name
    with pytest.raises(ValueError, match="needs to be of type"):
        ortolan.OrtDevice(1)  # type: ignore[arg-type]


def test_memory_infos_and_arenas() -> None:
    facts = []
    for runtime in (ortolan, onnxruntime):
        info = runtime.OrtMemoryInfo(
            "Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType(0)
        )
        arena = runtime.OrtArenaCfg({"max_mem": 5, "arena_extend_strategy": 1})
        four = runtime.OrtArenaCfg(1, 2, 3, 4)
        runtime.create_and_register_allocator(info, arena)
        runtime.create_and_register_allocator_v2("CPUExecutionProvider", info, {}, arena)
        with pytest.raises(RuntimeError, match="Invalid OrtArenaCfg option: nope"):
            runtime.OrtArenaCfg({"nope": 0})
        with pytest.raises(TypeError):
            runtime.OrtArenaCfg()
        with pytest.raises(RuntimeError, match="Specified device is not supported"):
            runtime.OrtMemoryInfo("Foo", runtime.OrtAllocatorType(0), 0, runtime.OrtMemType(0))
        facts.append(
            (
                (info.name, int(info.allocator_type), info.device_id, int(info.mem_type)),
                (int(info.device_mem_type), info.device_vendor_id),
                (arena.max_mem, arena.arena_extend_strategy, arena.initial_chunk_size_bytes),
                (four.max_mem, four.max_dead_bytes_per_chunk, four.max_power_of_two_extend_bytes),
            )
        )
    assert facts[0] == facts[1]


def test_values_in_feeds_and_results() -> None:
    nodes = [
        helper.make_node("Add", ["x", "x"], ["y"]),
        helper.make_node("Cast", ["x"], ["n"], to=TensorProto.INT64),
    ]
    outputs = [value("y", [2, 3]), value("n", [2, 3], TensorProto.INT64)]
    session = ortolan.InferenceSession(model(nodes, [value("x", [2, 3])], outputs))
    made = ortolan.OrtValue.ortvalue_from_numpy(X)
    np.testing.assert_array_equal(session.run(["y"], {"x": made})[0], X + X)
    results = session.run_with_ort_values(["n", "y"], {"x": made})
    assert [item.data_type() for item in results] == ["tensor(int64)", "tensor(float)"]
    np.testing.assert_array_equal(results[1].numpy(), X + X)
    with pytest.raises(AttributeError):
        session.run_with_ort_values(None, {"x": X})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="Required inputs"):
        session.run_with_ort_values(None, {})
    feeds, fetches = state.OrtValueVector(), state.OrtValueVector()
    feeds.push_back(made._ortvalue)
    device = state.OrtDevice(0, 0, 0)
    session.run_with_ortvaluevector(ortolan.RunOptions(), ["x"], feeds, ["y"], fetches, [device])
    np.testing.assert_array_equal(fetches[0].numpy(), X + X)
    with pytest.raises(state.InvalidArgument, match="feed names has 2 elements, but feed has 1 elements"):
        session.run_with_ortvaluevector(None, ["x", "x"], feeds, ["y"], fetches, [device])
