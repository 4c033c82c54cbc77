// CastMap: the values of a map from integers as one row, in the order of the keys or each at its key's place,
// as floats, integers or texts. Refuses texts that are no numbers and keys outside of a sparse row.
#include <algorithm>
#include <charconv>
#include <numeric>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

struct State {
  DType to;
  int64_t size;  // of a sparse row; 0: dense
};

Result<State> Read(const graph::Attributes& attributes) {
  State state{};
  const std::string_view to = attributes.String("cast_to", "TO_FLOAT"),
                         form = attributes.String("map_form", "DENSE");
  if (to == "TO_FLOAT") {
    state.to = DType::kFloat;
  } else if (to == "TO_INT64") {
    state.to = DType::kInt64;
  } else if (to == "TO_STRING") {
    state.to = DType::kString;
  } else {
    return InvalidArgument("CastMap: cast_to cannot be '{}'", to);
  }
  if (form == "SPARSE") {
    state.size = attributes.Int("max_map", 1);
    if (state.size < 1 || state.size > INT32_MAX)
      return InvalidArgument("CastMap: max_map is {}", state.size);
  } else if (form != "DENSE") {
    return InvalidArgument("CastMap: map_form cannot be '{}'", form);
  }
  return state;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes()));
  context.SetType(0, state.to);
  context.SetShape(0, {1, state.size > 0 ? graph::Dim(state.size) : context.Unknown()});
  return OkStatus();
}

// Element `at` of the output from item i of the map's values.
Status Store(const Tensor& values, size_t i, const TensorRef& out, int64_t at) {
  if (values.dtype() == DType::kFloat) {
    const float number = values.Items<const float>()[i];
    if (out.dtype == DType::kFloat) out.As<float>()[at] = number;
    if (out.dtype == DType::kInt64) {
      if (!(number > -9e18f && number < 9e18f)) return InvalidArgument("CastMap: {} is no integer", number);
      out.As<int64_t>()[at] = static_cast<int64_t>(number);
    }
    if (out.dtype == DType::kString) out.As<std::string>()[at] = fmt::format("{:f}", number);
    return OkStatus();
  }
  const std::string& text = values.Items<const std::string>()[i];
  const char* const end = text.data() + text.size();
  std::from_chars_result read{end, {}};
  if (out.dtype == DType::kFloat) read = std::from_chars(text.data(), end, out.As<float>()[at]);
  if (out.dtype == DType::kInt64) read = std::from_chars(text.data(), end, out.As<int64_t>()[at]);
  if (out.dtype == DType::kString) out.As<std::string>()[at] = text;
  if (read.ec != std::errc() || read.ptr != end) return InvalidArgument("CastMap: '{}' is no number", text);
  return OkStatus();
}

void Clear(const TensorRef& out) {
  if (out.dtype == DType::kFloat) std::fill_n(out.As<float>(), out.count(), 0.0f);
  if (out.dtype == DType::kInt64) std::fill_n(out.As<int64_t>(), out.count(), int64_t{0});
  if (out.dtype == DType::kString) std::fill_n(out.As<std::string>(), out.count(), std::string("0"));
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Value& x = context.InputValue(0);
  const auto* keys =
      x.kind() == Value::Kind::kMap ? std::get_if<std::vector<int64_t>>(&x.map().keys) : nullptr;
  if (keys == nullptr) return InvalidArgument("CastMap: the input is no map from integers");
  const Tensor& values = x.map().values;
  if ((values.dtype() != DType::kFloat && values.dtype() != DType::kString) ||
      values.count() != static_cast<int64_t>(keys->size())) {
    return InvalidArgument("CastMap: the map's values are of type {}", DTypeName(values.dtype()));
  }
  const auto count = static_cast<int64_t>(keys->size());
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {1, state.size > 0 ? state.size : count}));
  const TensorRef& out = context.output(0);
  Clear(out);
  std::vector<size_t> order(keys->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return (*keys)[a] < (*keys)[b]; });
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t at = state.size > 0 ? (*keys)[order[i]] : static_cast<int64_t>(i);
    if (at < 0) return InvalidArgument("CastMap: negative key {}", at);
    if (at >= out.count()) continue;  // onnxruntime leaves such keys out, too
    ORTOLAN_RETURN_IF_ERROR(Store(values, order[i], out, at));
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.node.attributes));
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "cast_map";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", 0}, {"T2", SetOf(DType::kString, DType::kFloat, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"cast_to", AttributeType::kString},
                                         {"map_form", AttributeType::kString},
                                         {"max_map", AttributeType::kInt}};

}  // namespace

extern const OpDef kCastMap;
constexpr OpDef kCastMap{.domain = "ai.onnx.ml",
                         .name = "CastMap",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.data_dependent_shape = true},
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
