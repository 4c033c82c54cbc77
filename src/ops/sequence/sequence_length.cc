// SequenceLength: how many items the sequence has, an int64 scalar.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  context.SetShape(0, graph::Shape(graph::Shape::DimList()));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Sequence* from, sequence::SequenceOf(context, 0));
  *context.output(0).As<int64_t>() = static_cast<int64_t>(from->items.size());
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "sequence_length";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"input_sequence", "S"}};
constexpr FormalParameter kOutputs[] = {{"length", "I"}};
constexpr TypeConstraint kTypes[] = {{"S", 0, sequence::kSequences}, {"I", SetOf(DType::kInt64)}};

}  // namespace

extern const OpDef kSequenceLength;
constexpr OpDef kSequenceLength{.domain = "",
                                .name = "SequenceLength",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
