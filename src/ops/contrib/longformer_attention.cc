// LongformerAttention: attention of each token to a window of neighbours and to the global tokens, which have
// weights of their own and attend to everything. Computed densely, with the scores outside of the window at
// minus infinity.
#include <limits>
#include "ops/contrib/longformer.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(
      graph::Value * y, ComposeLongformer(make, {make.input(0), make.input(1), make.input(2), make.input(3),
                                                 make.input(4), make.input(5), make.input(6)}));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"weight", "T"},        {"bias", "T"},
                                       {"mask", "T"},  {"global_weight", "T"}, {"global_bias", "T"},
                                       {"global", "G"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16)},
                                     {"G", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt, true},
                                         {"window", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsLongformerAttention;
constexpr OpDef kMsLongformerAttention{.domain = "com.microsoft",
                                       .name = "LongformerAttention",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .raise = Raise};

}  // namespace ortolan
