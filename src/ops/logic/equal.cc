// Equal: a == b with broadcasting, as bool; NaN equals nothing. Strings too.
#include "ops/broadcast_elements.h"
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status RunStrings(const void*, RunContext& context) {
  const TensorRef& a = context.input(0);
  const TensorRef& b = context.input(1);
  const TensorRef& out = context.output(0);
  const std::string* x = a.As<const std::string>();
  const std::string* y = b.As<const std::string>();
  uint8_t* z = out.As<uint8_t>();
  return ForEachBroadcast<2>(out.dims, {&a, &b},
                             [&](int64_t i, const auto& at) { z[i] = x[at[0]] == y[at[1]]; });
}

// For strings: other types are emitted.
Status Prepare(PrepareContext& context, Prepared* prepared) {
  if (context.input_dtype(0) != DType::kString || context.input_dtype(1) != DType::kString) {
    return NotImplemented("Equal of {}", TypeText(context.node.input(0)->type));
  }
  prepared->kernel = "equal_string";
  prepared->run = RunStrings;
  return OkStatus();
}

// Shape arithmetic: exporters ask whether a size is -1, which no size is.
std::optional<graph::Dim> SameDim(graph::Dim a, graph::Dim b) {
  const auto never = [](const graph::Dim& x, const graph::Dim& y) {
    return x.IsConstant() && x.constant() < 0 && graph::Dim::Max(y, graph::Dim(0)) == y;
  };
  if (a == b) return graph::Dim(1);
  if ((a.IsConstant() && b.IsConstant()) || never(a, b) || never(b, a)) return graph::Dim(0);
  return std::nullopt;
}

Status Infer(InferContext& context) {
  return InferCombined(context, SameDim);
}

constexpr int kVersions[] = {1, 7, 11, 13, 19};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes | kBoolType | SetOf(DType::kString)},
                                     {"T1", kBoolType}};

}  // namespace

extern const OpDef kEqual;
constexpr OpDef kEqual{.domain = "",
                       .name = "Equal",
                       .versions = kVersions,
                       .inputs = kFormalAB,
                       .outputs = kFormalCBool,
                       .types = kTypes,
                       .traits = {.in_place = 3},
                       .raise = RaiseAxisBroadcast,
                       .infer = Infer,
                       .cost = ElementwiseCost,
                       .prepare = Prepare,
                       .emit = EmitBinary<TileOp::kEqual>,
                       .old_attributes = kAxisBroadcast};

}  // namespace ortolan
