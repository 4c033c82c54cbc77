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
  std::vector<float> coefficients, vectors;
  double rho;
  int64_t supports;  // 0: linear
  bool one_class;
  ml::PostTransform transform;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  const auto expected = static_cast<size_t>(rows.features * (state.supports > 0 ? state.supports : 1));
  if ((state.supports > 0 ? state.vectors.size() : state.coefficients.size()) != expected) {
    return InvalidArgument("SVMRegressor: its lists do not fit {} features", rows.features);
  }
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    const auto* from = x.As<const typename decltype(tag)::Type>();
    for (int64_t i = 0; i < rows.count; ++i, from += rows.features) {
      double sum = state.rho;
      if (state.supports == 0) sum += state.kernel(from, state.coefficients.data(), rows.features);
      for (int64_t k = 0; k < state.supports; ++k) {
        sum += static_cast<double>(state.coefficients[static_cast<size_t>(k)]) *
               state.kernel(from, state.vectors.data() + k * rows.features, rows.features);
      }
      float* to = context.output(0).As<float>() + i;
      *to = state.one_class ? (sum > 0 ? 1.0f : -1.0f) : static_cast<float>(sum);
      ml::Transform(state.transform, to, 1);
    }
    return OkStatus();
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
              list("support_vectors"),
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
  prepared->state = std::make_shared<const State>(std::move(state));
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
