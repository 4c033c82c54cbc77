// Size: the number of elements of its input as an int64 scalar. Refuses nothing.
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  context.SetShape(0, graph::Shape(graph::Shape::DimList{}));
  if (context.shape(0).has_rank() && context.output_count() > 0) {
    context.output(0).contents = graph::Contents{context.shape(0).Count()};
  }
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  *context.output(0).As<int64_t>() = context.input(0).count();
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "size";
  return OkStatus();
}

constexpr int kVersions[] = {1, 13, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}};
constexpr FormalParameter kOutputs[] = {{"size", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"T1", SetOf(DType::kInt64)}};

}  // namespace

extern const OpDef kSize;
constexpr OpDef kSize{.domain = "",
                      .name = "Size",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .infer = Infer,
                      .prepare = Prepare};

}  // namespace ortolan
