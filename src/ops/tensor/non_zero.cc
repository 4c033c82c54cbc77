// NonZero: the positions of elements other than zero, one column each, as int64 [rank, count]. NaN counts,
// the empty string does not. Refuses nothing.
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  const graph::Shape& shape = context.shape(0);
  if (shape.has_rank()) context.SetShape(0, {graph::Dim(shape.rank()), context.Unknown()});
  return OkStatus();
}

template <typename T>
bool Counts(const T& item) {
  return AsNumber(item) != 0;
}
bool Counts(const std::string& item) {
  return !item.empty();
}
template <typename Real>
bool Counts(const ComplexElement<Real>& item) {
  return item.real != 0 || item.imaginary != 0;
}

template <typename T>
Status Find(RunContext& context) {
  const TensorRef& in = context.input(0);
  const T* x = in.As<T>();
  const int64_t elements = in.count();
  int64_t count = 0;
  for (int64_t i = 0; i < elements; ++i) count += Counts(x[i]);
  const int64_t rank = static_cast<int64_t>(in.rank());
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {rank, count}));
  int64_t* out = context.output(0).As<int64_t>();
  int64_t found = 0;
  Dims index(in.rank());
  for (int64_t i = 0; i < elements; ++i) {
    if (Counts(x[i])) {
      for (int64_t axis = 0; axis < rank; ++axis)
        out[axis * count + found] = index[static_cast<size_t>(axis)];
      ++found;
    }
    for (size_t axis = in.rank(); axis-- > 0;) {
      if (++index[axis] < in.dims[axis]) break;
      index[axis] = 0;
    }
  }
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  return WithAnyType(*static_cast<const DType*>(state),
                     [&](auto tag) { return Find<typename decltype(tag)::Type>(context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const DType dtype = context.input_dtype(0);
  const DTypeSet known = kNumericTypes | kComplexTypes | SetOf(DType::kBool, DType::kString);
  if (!Contains(known, dtype)) return NotImplemented("NonZero of {}", DTypeName(dtype));
  prepared->state = std::make_shared<const DType>(dtype);
  prepared->run = Run;
  prepared->kernel = "non_zero";
  return OkStatus();
}

constexpr int kVersions[] = {9, 13};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(int64)"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};

}  // namespace

extern const OpDef kNonZero;
constexpr OpDef kNonZero{.domain = "",
                         .name = "NonZero",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .traits = {.data_dependent_shape = true},
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
