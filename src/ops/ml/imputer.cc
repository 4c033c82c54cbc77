// Imputer: puts one value, or one of each feature, in place of a value (NaN too). Refuses lists of other
// lengths.
#include <algorithm>
#include <cmath>

#include "ops/ml/features.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  return InferSameShape(context);
}

struct State {
  std::vector<double> imputed;
  double replaced;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const size_t columns = x.rank() == 0 ? 1 : static_cast<size_t>(x.dims.back());
  if (state.imputed.size() != 1 && state.imputed.size() != columns) {
    return InvalidArgument("Imputer: {} values for {} features", state.imputed.size(), columns);
  }
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = x.As<const T>();
    T* to = context.output(0).As<T>();
    const auto replaced = StoredNumber<T>(state.replaced);
    const bool nan = std::isnan(state.replaced);
    std::vector<T> imputed(columns);
    for (size_t c = 0; c < columns; ++c)
      imputed[c] = StoredNumber<T>(state.imputed[state.imputed.size() == 1 ? 0 : c]);
    const int64_t width = std::max<int64_t>(1, static_cast<int64_t>(columns)), rows = x.count() / width;
    context.threads().ParallelRanges(rows, 65536 / width + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* own = from + r * width;
        T* made = to + r * width;
        if (nan) {
          for (int64_t c = 0; c < width; ++c)
            made[c] = own[c] != own[c] ? imputed[static_cast<size_t>(c)] : own[c];
        } else {
          for (int64_t c = 0; c < width; ++c)
            made[c] = own[c] == replaced ? imputed[static_cast<size_t>(c)] : own[c];
        }
      }
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  State state{};
  if (IsFloating(context.input_dtype(0))) {
    const auto floats = attributes.Floats("imputed_value_floats");
    state.imputed.assign(floats.begin(), floats.end());
    state.replaced = static_cast<double>(attributes.Float("replaced_value_float", 0));
  } else {
    for (const int64_t item : attributes.Ints("imputed_value_int64s"))
      state.imputed.push_back(static_cast<double>(item));
    state.replaced = static_cast<double>(attributes.Int("replaced_value_int64", 0));
  }
  if (state.imputed.empty()) return InvalidArgument("Imputer has no value to put in");
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "imputer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr AttributeSpec kAttributes[] = {{"replaced_value_int64", AttributeType::kInt},
                                         {"imputed_value_int64s", AttributeType::kInts},
                                         {"replaced_value_float", AttributeType::kFloat},
                                         {"imputed_value_floats", AttributeType::kFloats}};

}  // namespace

extern const OpDef kImputer;
constexpr OpDef kImputer{.domain = "ai.onnx.ml",
                         .name = "Imputer",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = ml::kFeatureT,
                         .attributes = kAttributes,
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
