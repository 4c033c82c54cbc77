// SparseTensor and the views that give its indices. Arrays are shared, not copied, where they are dense.
#include "value/sparse.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "ort_value.h"

namespace ortolan::python {
namespace {

using SparsePtr = std::shared_ptr<SparseTensor>;

// A view keeps its tensor alive.
struct CooView {
  SparsePtr tensor;
};
struct CsrView {
  SparsePtr tensor;
};
struct BlockView {
  SparsePtr tensor;
};

SparsePtr Shared(Result<SparseTensor> made) {
  return std::make_shared<SparseTensor>(ValueOrRuntimeError(std::move(made)));
}

// An array of `dtype`: what holds other integers is converted, as numpy would for an argument of this type.
Tensor Integers(nb::handle array, const char* dtype) {
  return TensorFromArray(nb::module_::import_("numpy").attr("ascontiguousarray")(array, dtype));
}

Tensor ValuesOf(nb::handle array) {
  if (!IsArray(array)) RaiseRuntimeError("The values of a sparse tensor must be a numpy array");
  return TensorFromArray(array);
}

Dims DimsOf(const std::vector<int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

SparsePtr CooFromArrays(const std::vector<int64_t>& shape, nb::handle values, nb::handle indices,
                        const OrtDevice& device) {
  CheckHasMemory(device);
  return Shared(MakeCoo(DimsOf(shape), ValuesOf(values), Integers(indices, "int64")));
}

SparsePtr CsrFromArrays(const std::vector<int64_t>& shape, nb::handle values, nb::handle inner,
                        nb::handle outer, const OrtDevice& device) {
  CheckHasMemory(device);
  return Shared(MakeCsr(DimsOf(shape), ValuesOf(values), Integers(inner, "int64"), Integers(outer, "int64")));
}

SparsePtr BlocksFromArrays(const std::vector<int64_t>& shape, nb::handle values, nb::handle indices,
                           const OrtDevice& device) {
  CheckHasMemory(device);
  return Shared(MakeBlocks(DimsOf(shape), ValuesOf(values), Integers(indices, "int32")));
}

SparsePtr Checked(SparsePtr tensor, SparseTensor::Format format, const char* name) {
  if (tensor->format != format)
    RaiseRuntimeError(fmt::format("This sparse tensor does not contain {} format", name));
  return tensor;
}

nb::object FormatOf(const SparseTensor& self) {
  return nb::module_::import_("ortolan.enums").attr("OrtSparseFormat")(static_cast<int>(self.format));
}

nb::list ShapeOf(const SparseTensor& self) {
  nb::list list;
  for (int64_t dim : self.dims) list.append(dim);
  return list;
}

template <typename T>
void NoConstructor(T*, const nb::args&, const nb::kwargs&) {
  throw nb::type_error("No constructor defined!");
}

}  // namespace

void BindSparse(nb::module_& module) {
  nb::class_<CooView>(module, "SparseCooView")
      .def("__init__", &NoConstructor<CooView>)
      .def("indices", [](const CooView& self) { return ArrayFromTensor(self.tensor->indices); });
  nb::class_<CsrView>(module, "SparseCsrView")
      .def("__init__", &NoConstructor<CsrView>)
      .def("inner", [](const CsrView& self) { return ArrayFromTensor(self.tensor->indices); })
      .def("outer", [](const CsrView& self) { return ArrayFromTensor(self.tensor->row_starts); });
  nb::class_<BlockView>(module, "SparseBlockSparseView")
      .def("__init__", &NoConstructor<BlockView>)
      .def("indices", [](const BlockView& self) { return ArrayFromTensor(self.tensor->indices); });

  nb::class_<SparseTensor>(module, "SparseTensor",
                           "A tensor of which the elements that are not zero are stored.")
      .def("__init__", &NoConstructor<SparseTensor>)
      .def_static("sparse_coo_from_numpy", &CooFromArrays)
      .def_static("sparse_csr_from_numpy", &CsrFromArrays)
      .def_static("blocksparse_from_numpy", &BlocksFromArrays)
      .def_prop_rw("format", &FormatOf,
                   [](const SparseTensor&, nb::handle) {
                     throw nb::attribute_error("The format of a sparse tensor is fixed");
                   })
      .def("dense_shape", &ShapeOf)
      .def("values", [](const SparseTensor& self) { return ArrayFromTensor(self.values); })
      .def("data_type",
           [](const SparseTensor& self) {
             return TypeText({ValueType::Kind::kSparseTensor, self.values.dtype(), nullptr});
           })
      .def("device_name", [](const SparseTensor&) { return "cpu"; })
      .def(
          "get_coo_data",
          [](SparsePtr self) { return CooView{Checked(std::move(self), SparseTensor::Format::kCoo, "COO")}; })
      .def("get_csrc_data",
           [](SparsePtr self) {
             return CsrView{Checked(std::move(self), SparseTensor::Format::kCsr, "CSR(C)")};
           })
      .def("get_blocksparse_data",
           [](SparsePtr self) {
             return BlockView{Checked(std::move(self), SparseTensor::Format::kBlocks, "BlockSparse")};
           })
      .def("to_cuda", [](const SparseTensor&, const OrtDevice&) {
        RaiseRuntimeError("Cuda is not available in this build");
      });
}

}  // namespace ortolan::python
