// SVMRegressor: a weighted sum of the kernel function over support vectors, or a linear function; of one
// class its sign. Refuses lists whose lengths do not fit together.
#include "ops/ml/svm.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  context.SetShape(0, ml::RowsShape(context.shape(0), 1));
  return OkStatus();
}

struct State {
  ml::SvmKernel kernel;
  std::vector<float> coefficients;
  // Without support vectors the coefficients are the only vector, which counts once.
  kernels::SupportVectors vectors;
  double rho;
  int64_t supports;  // 0: linear
  bool one_class;
  ml::PostTransform transform;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  return ml::BindSvm(static_cast<const State*>(opaque)->vectors, 0, context, binding);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  if (state.vectors.features() != rows.features)
    return InvalidArgument("SVMRegressor: its lists do not fit {} features", rows.features);
  return ml::ForEachSvmRow(
      state.kernel, state.vectors, 0, context, rows, [&](int64_t row, const float* values, std::byte*) {
        const double sum = state.rho + (state.supports == 0 ? static_cast<double>(values[0])
                                                            : ml::WeightedSum(state.coefficients.data(),
                                                                              values, state.supports));
        float* to = context.output(0).As<float>() + row;
        *to = state.one_class ? (sum > 0 ? 1.0f : -1.0f) : static_cast<float>(sum);
        ml::Transform(state.transform, to, 1);
      });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  const auto rho = attributes.Floats("rho");
  State state{{},
              list("coefficients"),
              {},
              rho.empty() ? 0.0 : static_cast<double>(rho[0]),
              attributes.Int("n_supports", 0),
              attributes.Int("one_class", 0) != 0,
              {}};
  ORTOLAN_ASSIGN_OR_RETURN(state.kernel, ml::SvmKernelOf(attributes));
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  if (state.supports < 0 || state.supports > INT32_MAX ||
      (state.supports > 0 && static_cast<int64_t>(state.coefficients.size()) != state.supports)) {
    return InvalidArgument("SVMRegressor: {} coefficients for {} support vectors", state.coefficients.size(),
                           state.supports);
  }
  const std::vector<float> vectors = state.supports > 0 ? list("support_vectors") : state.coefficients;
  const int64_t count = std::max<int64_t>(state.supports, 1);
  if (vectors.empty() || static_cast<int64_t>(vectors.size()) % count != 0) {
    return InvalidArgument("SVMRegressor: {} numbers for {} support vectors", vectors.size(), count);
  }
  state.vectors = state.kernel.Pack(vectors, count, context.isa);
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "svm_regressor";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {
    {"rho", AttributeType::kFloats},
    {"coefficients", AttributeType::kFloats},
    {"n_supports", AttributeType::kInt},
    {"one_class", AttributeType::kInt},
    {"support_vectors", AttributeType::kFloats},
    {"post_transform", AttributeType::kString},
    {"kernel_params", AttributeType::kFloats},
    {"kernel_type", AttributeType::kString},
};

}  // namespace

extern const OpDef kSVMRegressor;
constexpr OpDef kSVMRegressor{.domain = "ai.onnx.ml",
                              .name = "SVMRegressor",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = ml::kFeatureT,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
