// GRUUnit: one step of a GRU from the sums in front of its gates (reset, which is not looked at, update,
// output); sequences that have ended keep their state, or get zeros.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value *before = make.input(0), *gates = make.input(1);
  graph::Value* last = make.Sizes(before, -1, INT64_MAX);
  graph::Value* axis = make.Ints({-1});
  graph::Value* twice = make.Node("Mul", {last, make.Ints({2})});
  graph::Value* update = make.Node("Sigmoid", {make.Node("Slice", {gates, last, twice, axis})});
  graph::Value* output =
      make.Node("Tanh", {make.Node("Slice", {gates, twice, make.Ints({INT64_MAX}), axis})});
  graph::Value* kept = make.Node("Mul", {before, update});
  graph::Value* fresh = make.Node("Mul", {output, make.Node("Sub", {make.Number(before, 1), update})});
  graph::Value* after = make.Node("Add", {kept, make.Node("Reshape", {fresh, make.Node("Shape", {before})})});
  graph::Value* lengths = make.Node("Reshape", {make.input(2), make.Ints({-1, 1})});
  graph::Value* alive =
      make.Node("Less", {make.Node("Reshape", {make.input(3), make.Ints({1, 1})}), lengths});
  const bool drop = context.node.attributes.Int("drop_states", 0) != 0;
  graph::Value* ended = drop ? make.Node("Mul", {before, make.Number(before, 0)}) : before;
  return make.Finish({make.Node("Where", {alive, after, ended})});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"hidden_prev", "T"}, {"gates", "T"}, {"seq_lengths", "T"}, {"t", "T"}};
constexpr FormalParameter kOutputs[] = {{"hidden", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat16, DType::kFloat, DType::kDouble)}};
constexpr AttributeSpec kAttributes[] = {{"drop_states", AttributeType::kInt}};

}  // namespace

extern const OpDef kGRUUnit;
constexpr OpDef kGRUUnit{.domain = "",
                         .name = "GRUUnit",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise};

}  // namespace ortolan
