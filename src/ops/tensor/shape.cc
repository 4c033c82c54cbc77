// Shape: the dimensions of its input, or those in [start, end), as int64. Refuses nothing: start and end are
// clamped.
#include <algorithm>

#include "ops/op.h"

namespace ortolan {
namespace {

struct Range {
  int64_t begin, end;
};

Range ClampedRange(const graph::Attributes& attributes, int64_t rank) {
  auto clamp = [rank](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t begin = clamp(attributes.Int("start", 0));
  const int64_t end = clamp(attributes.Int("end", rank));
  return {begin, std::max(begin, end)};
}

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  const Range range = ClampedRange(context.attributes(), shape.rank());
  context.SetShape(0, {graph::Dim(range.end - range.begin)});
  if (context.output_count() > 0) {
    context.output(0).contents =
        graph::Contents(shape.dims().begin() + range.begin, shape.dims().begin() + range.end);
  }
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const auto& attributes = *static_cast<const graph::Attributes*>(state);
  const Dims& dims = context.input(0).dims;
  const Range range = ClampedRange(attributes, static_cast<int64_t>(dims.size()));
  std::copy(dims.begin() + range.begin, dims.begin() + range.end, context.output(0).As<int64_t>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const graph::Attributes>(context.node.attributes);
  prepared->run = Run;
  prepared->kernel = "shape";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 13, 15, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}};
constexpr FormalParameter kOutputs[] = {{"shape", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"T1", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"end", AttributeType::kInt}, {"start", AttributeType::kInt}};

}  // namespace

extern const OpDef kShape;
constexpr OpDef kShape{.domain = "",
                       .name = "Shape",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .infer = Infer,
                       .prepare = Prepare};

}  // namespace ortolan
