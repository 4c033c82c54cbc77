// Slice: a regular part of its input: starts, ends, axes and steps as in Python. Refuses a step of zero, an
// axis given twice and lists of different length. Starts and ends are clamped.
#include <algorithm>
#include <limits>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

// Before opset 10 everything was an attribute and there were no steps.
Status Raise(RaiseContext& context) {
  if (context.opset >= 10) return OkStatus();
  context.IntsToInput("starts", 1);
  context.IntsToInput("ends", 2);
  context.IntsToInput("axes", 3);
  return OkStatus();
}

struct Part {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

Part Resolve(int64_t dim, int64_t start, int64_t end, int64_t step) {
  step = std::max(step, -std::numeric_limits<int64_t>::max());
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  Part part{0, step, 0};
  if (step > 0) {
    part.start = std::clamp<int64_t>(start, 0, dim);
    const int64_t span = std::clamp<int64_t>(end, 0, dim) - part.start;
    part.count = span > 0 ? 1 + (span - 1) / step : 0;
  } else if (dim > 0) {
    part.start = std::clamp<int64_t>(start, 0, dim - 1);
    const int64_t span = part.start - std::clamp<int64_t>(end, -1, dim - 1);
    part.count = span > 0 ? 1 + (span - 1) / -step : 0;
  }
  return part;
}

// The wish for one axis, as far as it is known when shapes are inferred.
struct Wish {
  Dim start, end;
  int64_t step;
};

// A bound clamped into [0, dim], or nothing where its sign is not known.
std::optional<Dim> ClampBound(const Dim& dim, const Dim& bound) {
  if (bound == dim) return dim;
  if (bound.IsConstant()) {
    const int64_t at = bound.constant();
    if (at == 0) return Dim(0);
    if (at > 0) return at >= std::numeric_limits<int32_t>::max() ? dim : Dim::Min(dim, bound);
    if (at <= -std::numeric_limits<int32_t>::max()) return Dim(0);
    return Dim::Max(dim + bound, 0);
  }
  if (Dim::Max(bound, 0) == bound) return Dim::Min(dim, bound);  // known not to be negative
  return std::nullopt;
}

Dim InferDim(InferContext& context, const Dim& dim, const Wish& wish) {
  if (dim.IsConstant() && wish.start.IsConstant() && wish.end.IsConstant()) {
    return Resolve(dim.constant(), wish.start.constant(), wish.end.constant(), wish.step).count;
  }
  if (wish.step == -1 && wish.start.Is(-1) && wish.end.IsConstant() &&
      wish.end.constant() <= -std::numeric_limits<int32_t>::max()) {
    return dim;  // a whole axis reversed
  }
  if (wish.step < 0) return context.Unknown();
  const std::optional<Dim> start = ClampBound(dim, wish.start);
  const std::optional<Dim> end = ClampBound(dim, wish.end);
  if (!start || !end) return context.Unknown();
  const Dim span = start->Is(0) ? *end : Dim::Max(*end - *start, 0);
  return wish.step == 1 ? span : Dim::CeilDiv(span, wish.step);
}

Status CheckLengths(size_t starts, size_t ends, size_t axes, size_t steps) {
  if (starts == ends && starts == axes && starts == steps) return OkStatus();
  return InvalidArgument("Slice: starts ({}), ends ({}), axes ({}) and steps ({}) must be of one length",
                         starts, ends, axes, steps);
}

// Elements of a followed vector: what shape arithmetic slices.
void InferContents(InferContext& context, const Wish& wish) {
  const auto items = context.Ints(0);
  if (!items || !wish.start.IsConstant() || !wish.end.IsConstant()) return;
  const Part part =
      Resolve(static_cast<int64_t>(items->size()), wish.start.constant(), wish.end.constant(), wish.step);
  graph::Contents taken;
  for (int64_t i = 0; i < part.count; ++i)
    taken.push_back((*items)[static_cast<size_t>(part.start + i * part.step)]);
  context.output(0).contents = std::move(taken);
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank() || context.output_count() == 0) return OkStatus();
  const auto starts = context.Ints(1);
  const auto ends = context.Ints(2);
  std::optional<std::vector<int64_t>> axes =
      context.HasInput(3) ? context.ConstantInts(3) : std::vector<int64_t>();
  std::optional<std::vector<int64_t>> steps =
      context.HasInput(4) ? context.ConstantInts(4) : std::vector<int64_t>();
  graph::Shape::DimList dims = shape.dims();
  if (!axes || !steps || !starts || !ends) {
    // Axes that are named stay open; without names any axis may be cut.
    ORTOLAN_ASSIGN_OR_RETURN(const Dims open,
                             NormalizeAxes(axes ? *axes : std::vector<int64_t>(), shape.rank()));
    for (size_t i = 0; i < dims.size(); ++i) {
      const bool named = std::find(open.begin(), open.end(), static_cast<int64_t>(i)) != open.end();
      if (open.empty() || named) dims[i] = context.Unknown();
    }
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  if (!context.HasInput(3)) {
    for (size_t i = 0; i < starts->size(); ++i) axes->push_back(static_cast<int64_t>(i));
  }
  if (!context.HasInput(4)) steps->assign(starts->size(), 1);
  ORTOLAN_RETURN_IF_ERROR(CheckLengths(starts->size(), ends->size(), axes->size(), steps->size()));
  ORTOLAN_ASSIGN_OR_RETURN(const Dims normal, NormalizeAxes(*axes, shape.rank()));
  for (size_t i = 0; i < normal.size(); ++i) {
    if ((*steps)[i] == 0) return InvalidArgument("'step' value cannot be 0");
    Dim& dim = dims[static_cast<size_t>(normal[i])];
    dim = InferDim(context, dim, {(*starts)[i], (*ends)[i], (*steps)[i]});
  }
  const bool vector = dims.size() == 1;
  context.SetShape(0, std::move(dims));
  if (vector && normal.size() == 1) InferContents(context, {(*starts)[0], (*ends)[0], (*steps)[0]});
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const int width = *static_cast<const int*>(state);
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  const Dims starts = IntsOf(context.input(1));
  const Dims ends = IntsOf(context.input(2));
  Dims axes, steps;
  if (context.HasInput(3)) {
    axes = IntsOf(context.input(3));
  } else {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  steps = context.HasInput(4) ? IntsOf(context.input(4)) : Dims(starts.size(), 1);
  ORTOLAN_RETURN_IF_ERROR(CheckLengths(starts.size(), ends.size(), axes.size(), steps.size()));
  ORTOLAN_ASSIGN_OR_RETURN(const Dims normal, NormalizeAxes(axes, static_cast<int64_t>(in.rank())));

  Dims dims = in.dims;
  Dims strides = RowMajorStrides(in.dims);
  int64_t offset = 0;
  for (size_t i = 0; i < normal.size(); ++i) {
    if (steps[i] == 0) return InvalidArgument("'step' value cannot be 0");
    const size_t axis = static_cast<size_t>(normal[i]);
    const Part part = Resolve(dims[axis], starts[i], ends[i], steps[i]);
    dims[axis] = part.count;
    offset += part.start * strides[axis];
    strides[axis] *= part.count > 1 ? part.step : 1;
  }
  if (!(dims == out.dims))
    return Fail("Slice: expected output shape {}, got {}", DimsText(dims), DimsText(out.dims));
  if (out.count() == 0) return OkStatus();
  const int64_t bytes = width == kernels::kStringWidth ? static_cast<int64_t>(sizeof(std::string)) : width;
  kernels::RunCopy(kernels::PlanCopy(dims, strides, RowMajorStrides(dims), width),
                   in.As<std::byte>() + offset * bytes, out.data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const int>(width);
  prepared->run = Run;
  prepared->kernel = "slice";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 10, 11, 13};
constexpr FormalParameter kInputs[] = {{"data", "T"},
                                       {"starts", "Tind"},
                                       {"ends", "Tind"},
                                       {"axes", "Tind", Arity::kOptional},
                                       {"steps", "Tind", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes},
                                     {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kOldAttributes[] = {
    {"ends", AttributeType::kInts}, {"starts", AttributeType::kInts}, {"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kSlice;
constexpr OpDef kSlice{.domain = "",
                       .name = "Slice",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .raise = Raise,
                       .infer = Infer,
                       .prepare = Prepare,
                       .old_attributes = kOldAttributes};

}  // namespace ortolan
