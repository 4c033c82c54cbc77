// GatedRelativePositionBias: biases of scores times a gate that each query makes of itself, as WavLM has it;
// tokens without padding are padded for it.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const int64_t heads = context.node.attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("GatedRelativePositionBias: num_heads {}", heads);
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(3), 1, "GatedRelativePositionBias: weight"));
  if (width < 2 || width % 2 != 0) return InvalidArgument("GatedRelativePositionBias: {} columns", width);
  graph::Value* query = make.input(0);
  if (make.input(6) != nullptr) query = Padded(make, query, make.input(6));
  query = make.Node("Add", {query, make.input(1)});
  query = make.Reshaped(query, {0, 0, heads, -1});
  query = make.Node("Transpose", {query}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  graph::Value* gates = make.Node("Add", {make.Node("MatMul", {query, make.input(3)}), make.input(4)});
  // The sums of the halves: u and r.
  gates = make.Reshaped(gates, {0, 0, 0, 2, width / 2});
  gates = make.Node("Sigmoid", {make.Node("ReduceSum", {gates, make.Ints({4})}, {{"keepdims", int64_t{0}}})});
  graph::Value *u = make.Sliced(gates, 3, 0, 1), *r = make.Sliced(gates, 3, 1, 2);
  graph::Value* inner =
      make.Node("Sub", {make.Node("Mul", {r, make.input(5)}), make.Number(make.input(0), 1)});
  graph::Value* gate = make.Node("Add", {make.Node("Mul", {u, inner}), make.Number(make.input(0), 2)});
  make.Last("Mul", {gate, make.input(2)});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query_layer", "T"},
                                       {"query_bias", "T"},
                                       {"rel_pos", "T"},
                                       {"weight", "T"},
                                       {"bias", "T"},
                                       {"eco_a", "T"},
                                       {"token_offset", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsGatedRelativePositionBias;
constexpr OpDef kMsGatedRelativePositionBias{.domain = "com.microsoft",
                                             .name = "GatedRelativePositionBias",
                                             .versions = kVersions,
                                             .inputs = kInputs,
                                             .outputs = kOutputs,
                                             .types = kTypes,
                                             .attributes = kAttributes,
                                             .raise = Raise};

}  // namespace ortolan
