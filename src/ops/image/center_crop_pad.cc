// CenterCropPad: crops or pads axes to given sizes, the same on both sides; of an odd difference the larger
// part is at the end. Refuses a list of sizes that does not match the axes.
#include <algorithm>
#include <cstring>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Result<Dims> AxesOf(std::span<const int64_t> axes, bool given, int64_t rank) {
  if (given) return NormalizeAxes(axes, rank);
  Dims all;
  for (int64_t i = 0; i < rank; ++i) all.push_back(i);
  return all;
}

Status Infer(InferContext& context) {
  const graph::Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  const graph::Attributes& attributes = context.attributes();
  ORTOLAN_ASSIGN_OR_RETURN(const Dims axes,
                           AxesOf(attributes.Ints("axes"), attributes.Has("axes"), in.rank()));
  const auto sizes = context.Ints(1);
  if (sizes && sizes->size() != axes.size()) {
    return Fail("[ShapeInferenceError] CenterCropPad: {} sizes for {} axes", sizes->size(), axes.size());
  }
  graph::Shape::DimList dims = in.dims();
  for (size_t i = 0; i < axes.size(); ++i) {
    graph::Dim& dim = dims[static_cast<size_t>(axes[i])];
    dim = sizes ? (*sizes)[i] : context.Unknown();
    if (sizes && dim.IsConstant() && dim.constant() < 0) {
      return InvalidArgument("CenterCropPad: a size of {}", dim.constant());
    }
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  int width;
};

Status Run(const void* opaque, RunContext& context) {
  const int width = static_cast<const State*>(opaque)->width;
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  if (x.rank() != y.rank()) return Fail("CenterCropPad: ranks {} and {}", x.rank(), y.rank());
  const Dims from_strides = RowMajorStrides(x.dims), to_strides = RowMajorStrides(y.dims);
  Dims common;
  int64_t from = 0, to = 0;
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t difference = y.dims[i] - x.dims[i];
    common.push_back(std::min(x.dims[i], y.dims[i]));
    (difference < 0 ? from : to) +=
        (difference < 0 ? -difference / 2 * from_strides[i] : difference / 2 * to_strides[i]);
  }
  if (width == kernels::kStringWidth) {
    for (std::string& item : y.Items<std::string>()) item.clear();
  } else if (y.count() > 0) {
    std::memset(y.data, 0, y.bytes());
  }
  if (ElementCount(common) == 0) return OkStatus();
  const auto bytes = width == kernels::kStringWidth ? static_cast<int64_t>(sizeof(std::string)) : width;
  const kernels::CopyPlan plan = kernels::PlanCopy(common, from_strides, to_strides, width);
  kernels::RunCopy(plan, static_cast<const std::byte*>(x.data) + from * bytes,
                   static_cast<std::byte*>(y.data) + to * bytes, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const State>(State{width});
  prepared->run = Run;
  prepared->kernel = "center_crop_pad";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {18};
constexpr FormalParameter kInputs[] = {{"input_data", "T"}, {"shape", "Tind"}};
constexpr FormalParameter kOutputs[] = {{"output_data", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kNumericTypes | kComplexTypes | SetOf(DType::kBool, DType::kString)},
    {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kCenterCropPad;
constexpr OpDef kCenterCropPad{.domain = "",
                               .name = "CenterCropPad",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
