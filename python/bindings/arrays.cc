#define ORTOLAN_IMPORTS_NUMPY
#include "numpy_api.h"

#include <nanobind/stl/string.h>

#include <cstring>

#include "arrays.h"
#include "ort_value.h"

namespace ortolan::python {

void EnsureNumpy() {
  static const bool imported = [] { return _import_array() >= 0; }();
  if (!imported) nb::raise_python_error();
}

namespace {

// A Python reference that a Tensor keeps; given back under the GIL, whichever thread drops it.
std::shared_ptr<const void> KeepAlive(PyObject* object) {
  return {object, [](const void* kept) {
            if (!Py_IsInitialized()) return;
            const PyGILState_STATE state = PyGILState_Ensure();
            Py_DECREF(static_cast<PyObject*>(const_cast<void*>(kept)));
            PyGILState_Release(state);
          }};
}

Dims DimsOf(PyArrayObject* array) {
  return {PyArray_DIMS(array), PyArray_DIMS(array) + PyArray_NDIM(array)};
}

// Texts of a numpy array: object arrays hold str (anything else by its str()), fixed-width arrays are
// converted.
Tensor StringsFromArray(PyArrayObject* array) {
  nb::object objects = nb::borrow(reinterpret_cast<PyObject*>(array));
  if (PyArray_TYPE(array) == NPY_STRING)
    objects = nb::module_::import_("numpy").attr("char").attr("decode")(objects, "utf-8");
  if (PyArray_TYPE(array) != NPY_OBJECT) objects = objects.attr("astype")("O");
  const nb::object flat = nb::module_::import_("numpy").attr("ravel")(objects);
  Tensor tensor = ValueOrRaise(Tensor::Allocate(DType::kString, DimsOf(array)));
  std::span<std::string> strings = tensor.Items<std::string>();
  size_t i = 0;
  for (nb::handle item : flat.attr("tolist")()) {
    if (PyBytes_Check(item.ptr())) {
      strings[i++] =
          std::string(PyBytes_AS_STRING(item.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(item.ptr())));
      continue;
    }
    const nb::object text = nb::str(item);
    Py_ssize_t size = 0;
    const char* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (utf8 == nullptr) nb::raise_python_error();
    strings[i++] = std::string(utf8, static_cast<size_t>(size));
  }
  return tensor;
}

// 4- and 2-bit elements: one to a byte in numpy, packed low bits first here.
Tensor PackBits(PyArrayObject* array, DType dtype) {
  Tensor tensor = ValueOrRaise(Tensor::Allocate(dtype, DimsOf(array)));
  const int bits = DTypeBits(dtype);
  const auto* from = static_cast<const uint8_t*>(PyArray_DATA(array));
  auto* to = static_cast<uint8_t*>(tensor.data());
  if (tensor.bytes() > 0) std::memset(to, 0, tensor.bytes());
  const int64_t per_byte = 8 / bits;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    to[i / per_byte] =
        static_cast<uint8_t>(to[i / per_byte] | ((from[i] & ((1 << bits) - 1)) << (i % per_byte * bits)));
  }
  return tensor;
}

Tensor TensorOf(PyArrayObject* array) {
  const DType dtype = DTypeOfDescr(PyArray_DESCR(array));
  if (dtype == DType::kUndefined) {
    RaiseRuntimeError(fmt::format("Numpy_type {} can't be converted to MLDataType.", PyArray_TYPE(array)));
  }
  if (dtype == DType::kString) return StringsFromArray(array);
  nb::object dense = nb::borrow(reinterpret_cast<PyObject*>(array));
  if (!PyArray_ISCARRAY_RO(array)) {  // not C-contiguous, not aligned, or of foreign byte order
    PyArray_Descr* native = PyArray_DescrNewByteorder(PyArray_DESCR(array), NPY_NATIVE);
    if (native == nullptr) nb::raise_python_error();
    dense = nb::steal(PyArray_FromArray(array, native, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED));
    if (!dense.is_valid()) nb::raise_python_error();
  }
  auto* whole = reinterpret_cast<PyArrayObject*>(dense.ptr());
  if (DTypeBits(dtype) < 8) return PackBits(whole, dtype);
  void* data = PyArray_DATA(whole);
  return Tensor::Wrap(dtype, DimsOf(whole), data, KeepAlive(dense.release().ptr()));
}

nb::object NewArray(DType dtype, const Dims& dims, void* data) {
  npy_intp sizes[32];  // what every numpy takes
  if (dims.size() > std::size(sizes))
    RaiseRuntimeError(fmt::format("numpy has no arrays of rank {}", dims.size()));
  std::copy(dims.begin(), dims.end(), sizes);
  PyObject* made = PyArray_NewFromDescr(&PyArray_Type, DescrOf(dtype), static_cast<int>(dims.size()), sizes,
                                        nullptr, data, data == nullptr ? 0 : NPY_ARRAY_CARRAY, nullptr);
  if (made == nullptr) nb::raise_python_error();
  return nb::steal(made);
}

nb::object StringArray(const Tensor& tensor) {
  nb::object array = NewArray(DType::kString, tensor.dims(), nullptr);
  auto** items = static_cast<PyObject**>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.ptr())));
  const std::span<const std::string> strings = tensor.Items<const std::string>();
  for (size_t i = 0; i < strings.size(); ++i) {
    PyObject* text =
        PyUnicode_DecodeUTF8(strings[i].data(), static_cast<Py_ssize_t>(strings[i].size()), "replace");
    if (text == nullptr) nb::raise_python_error();
    Py_XSETREF(items[i], text);
  }
  return array;
}

nb::object UnpackedArray(const Tensor& tensor) {
  nb::object array = NewArray(tensor.dtype(), tensor.dims(), nullptr);
  auto* to = static_cast<uint8_t*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.ptr())));
  const auto* from = static_cast<const uint8_t*>(tensor.data());
  const int bits = DTypeBits(tensor.dtype());
  const int64_t per_byte = 8 / bits;
  const bool is_signed = tensor.dtype() == DType::kInt4 || tensor.dtype() == DType::kInt2;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    int element = (from[i / per_byte] >> (i % per_byte * bits)) & ((1 << bits) - 1);
    if (is_signed && (element >> (bits - 1)) != 0) element -= 1 << bits;
    to[i] = static_cast<uint8_t>(element);
  }
  return array;
}

}  // namespace

bool IsArray(nb::handle object) {
  EnsureNumpy();
  return PyArray_Check(object.ptr());
}

Tensor TensorFromArray(nb::handle array) {
  EnsureNumpy();
  return TensorOf(reinterpret_cast<PyArrayObject*>(array.ptr()));
}

Tensor TensorFromBits(nb::handle array, DType dtype) {
  EnsureNumpy();
  const nb::object dense =
      nb::steal(PyArray_FromAny(array.ptr(), nullptr, 0, 0, NPY_ARRAY_CARRAY_RO, nullptr));
  if (!dense.is_valid()) nb::raise_python_error();
  auto* whole = reinterpret_cast<PyArrayObject*>(dense.ptr());
  const auto width = static_cast<size_t>(PyArray_ITEMSIZE(whole));
  if (width != DTypeBytes(dtype, 1)) {
    RaiseRuntimeError(fmt::format("Items size in the incoming array: {} specified by onnxtype: {}", width,
                                  DTypeBytes(dtype, 1)));
  }
  // Types of 4 and 2 bits: the packed bytes stand at the array's front, which has the tensor's shape, as in
  // onnxruntime.
  return Tensor::Wrap(dtype, DimsOf(whole), PyArray_DATA(whole),
                      KeepAlive(nb::object(dense).release().ptr()));
}

nb::object ArrayFromTensor(const Tensor& tensor) {
  EnsureNumpy();
  if (tensor.dtype() == DType::kString) return StringArray(tensor);
  if (DTypeBits(tensor.dtype()) < 8) return UnpackedArray(tensor);
  static char nothing = 0;  // numpy allocates where it gets no pointer; an empty tensor may have none
  nb::object array =
      NewArray(tensor.dtype(), tensor.dims(), tensor.data() != nullptr ? tensor.data() : &nothing);
  auto* owner = new std::shared_ptr<const void>(tensor.owner());
  PyObject* capsule = PyCapsule_New(owner, nullptr, [](PyObject* self) {
    delete static_cast<std::shared_ptr<const void>*>(PyCapsule_GetPointer(self, nullptr));
  });
  if (capsule == nullptr ||
      PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array.ptr()), capsule) < 0) {
    nb::raise_python_error();
  }
  return array;
}

namespace {

Value SequenceFromList(nb::handle list, const ValueType& item, const std::string& name) {
  auto sequence = std::make_shared<Sequence>();
  sequence->element = item.IsTensor() ? item.dtype : DType::kUndefined;
  for (nb::handle element : list) {
    Value value = ValueFromPython(element, item, name);
    if (item.IsTensor() && value.kind() == Value::Kind::kTensor && value.tensor().dtype() != item.dtype) {
      RaiseRuntimeError("TensorSeq: tensor to be added has a different data type.");
    }
    sequence->items.push_back(std::move(value));
  }
  return Value(std::shared_ptr<const Sequence>(std::move(sequence)));
}

Value MapFromDict(nb::handle dict, const ValueType& type, const std::string& name) {
  auto map = std::make_shared<Map>();
  const nb::object numpy = nb::module_::import_("numpy");
  const nb::list values = nb::borrow<nb::dict>(dict).values();
  const DType dtype = type.inner != nullptr && type.inner->IsTensor() ? type.inner->dtype : DType::kFloat;
  if (type.dtype == DType::kString) {
    std::vector<std::string> keys;
    for (auto [key, value] : nb::borrow<nb::dict>(dict)) keys.push_back(nb::cast<std::string>(key));
    map->keys = std::move(keys);
  } else {
    std::vector<int64_t> keys;
    for (auto [key, value] : nb::borrow<nb::dict>(dict))
      keys.push_back(nb::cast<int64_t>(nb::int_(nb::borrow(key))));
    map->keys = std::move(keys);
  }
  const nb::object array =
      numpy.attr("asarray")(values, nb::steal(reinterpret_cast<PyObject*>(DescrOf(dtype))));
  map->values = ValueFromPython(array, ValueType::TensorOf(dtype), name).tensor();
  return Value(std::shared_ptr<const Map>(std::move(map)));
}

}  // namespace

Value ValueFromPython(nb::handle object, const ValueType& declared, const std::string& name) {
  EnsureNumpy();
  if (object.is_none()) return {};
  if (PyArray_Check(object.ptr())) return TensorOf(reinterpret_cast<PyArrayObject*>(object.ptr()));
  if (declared.kind == ValueType::Kind::kOptional) return ValueFromPython(object, *declared.inner, name);
  if (declared.kind == ValueType::Kind::kSequence && PyList_Check(object.ptr())) {
    return SequenceFromList(object, *declared.inner, name);
  }
  if (declared.kind == ValueType::Kind::kMap && PyDict_Check(object.ptr()))
    return MapFromDict(object, declared, name);
  if (declared.IsTensor() && (PyList_Check(object.ptr()) || PyArray_IsAnyScalar(object.ptr()))) {
    // Plain Python numbers and lists take the declared element type.
    PyArray_Descr* descr = PyArray_IsScalar(object.ptr(), Generic) ? nullptr : DescrOf(declared.dtype);
    nb::object array = nb::steal(
        PyArray_FromAny(object.ptr(), descr, 0, 0, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST, nullptr));
    if (!array.is_valid()) nb::raise_python_error();
    return TensorOf(reinterpret_cast<PyArrayObject*>(array.ptr()));
  }
  if (const OrtValue* made = FindOrtValue(object)) return FeedOf(*made);
  const std::string type = nb::cast<std::string>(nb::str(object.type()));
  if (PyTuple_Check(object.ptr())) {
    RaiseRuntimeError(fmt::format("Iterable of {} should be given as array for input '{}'.", type, name));
  }
  RaiseRuntimeError(fmt::format("Unable to handle object of type {} for input '{}'", type, name));
}

namespace {

PyObject* NewText(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}
PyObject* NewKey(int64_t key) {
  return PyLong_FromLongLong(key);
}
PyObject* NewKey(const std::string& key) {
  return NewText(key);
}

// One element of a map's values as what numpy's `tolist` would make of it.
nb::object ItemOf(const Tensor& tensor, size_t i) {
  PyObject* item = nullptr;
  switch (tensor.dtype()) {
    case DType::kFloat:
      item = PyFloat_FromDouble(static_cast<double>(tensor.Items<const float>()[i]));
      break;
    case DType::kDouble:
      item = PyFloat_FromDouble(tensor.Items<const double>()[i]);
      break;
    case DType::kInt64:
      item = PyLong_FromLongLong(tensor.Items<const int64_t>()[i]);
      break;
    case DType::kString:
      item = NewText(tensor.Items<const std::string>()[i]);
      break;
    default:
      RaiseRuntimeError(fmt::format("A map cannot hold values of type {}", DTypeName(tensor.dtype())));
  }
  if (item == nullptr) nb::raise_python_error();
  return nb::steal(item);
}

// Dicts of maps. The maps of a sequence mostly have the same keys (ZipMap's all have), which are then made
// once.
class DictMaker {
 public:
  nb::object Make(const Map& map) {
    if (last_ == nullptr || last_->keys != map.keys) MakeKeys(map);
    last_ = &map;
    nb::object dict = nb::steal(PyDict_New());
    if (!dict.is_valid()) nb::raise_python_error();
    for (size_t i = 0; i < keys_.size(); ++i) {
      const nb::object item = ItemOf(map.values, i);
      if (PyDict_SetItem(dict.ptr(), keys_[i].ptr(), item.ptr()) < 0) nb::raise_python_error();
    }
    return dict;
  }

 private:
  void MakeKeys(const Map& map) {
    keys_.clear();
    std::visit(
        [&](const auto& keys) {
          for (const auto& key : keys) {
            PyObject* made = NewKey(key);
            if (made == nullptr) nb::raise_python_error();
            keys_.push_back(nb::steal(made));
          }
        },
        map.keys);
  }

  const Map* last_ = nullptr;
  std::vector<nb::object> keys_;
};

nb::object ListOf(const Sequence& sequence) {
  const auto count = static_cast<Py_ssize_t>(sequence.items.size());
  nb::object list = nb::steal(PyList_New(count));
  if (!list.is_valid()) nb::raise_python_error();
  DictMaker dicts;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Value& item = sequence.items[static_cast<size_t>(i)];
    nb::object made = item.kind() == Value::Kind::kMap ? dicts.Make(item.map()) : PythonFromValue(item);
    PyList_SET_ITEM(list.ptr(), i, made.release().ptr());
  }
  return list;
}

}  // namespace

nb::object PythonFromValue(const Value& value) {
  EnsureNumpy();
  switch (value.kind()) {
    case Value::Kind::kNone:
      return nb::none();
    case Value::Kind::kTensor:
      return ArrayFromTensor(value.tensor());
    case Value::Kind::kSequence:
      return ListOf(value.sequence());
    case Value::Kind::kMap:
      return DictMaker().Make(value.map());
  }
  return nb::none();
}

}  // namespace ortolan::python
