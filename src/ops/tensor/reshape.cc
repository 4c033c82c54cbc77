// Reshape: the same elements under another shape, a view. 0 copies the input's dimension (unless allowzero),
// -1 is what the element count leaves. Refuses a count that differs.
#include <algorithm>

#include "ops/op.h"
#include "ops/view.h"

namespace ortolan {
namespace {

using graph::Dim;

// Opset 1 kept the shape as an attribute.
Status Raise(RaiseContext& context) {
  if (context.opset < 5) context.IntsToInput("shape", 1);
  return OkStatus();
}

Status CountsDiffer(const graph::Shape& from, const graph::Contents& wanted) {
  Dims have, want;
  for (const Dim& dim : from.dims()) have.push_back(dim.constant());
  for (const Dim& dim : wanted) want.push_back(dim.constant());
  return CannotReshape(have, want);
}

bool AllConstant(const std::vector<Dim>& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.IsConstant(); });
}

// The dimension that -1 stands for. Equal factors are cancelled first, so that [N,12,L,64] to [N,L,-1] finds
// 768 without a division by symbols.
Dim Remaining(graph::Shape::DimList from, const graph::Shape::DimList& to, size_t hole) {
  Dim divisor = 1;
  for (size_t i = 0; i < to.size(); ++i) {
    if (i == hole) continue;
    const auto equal = std::find(from.begin(), from.end(), to[i]);
    if (equal != from.end()) {
      from.erase(equal);
    } else {
      divisor = divisor * to[i];
    }
  }
  Dim count = 1;
  for (const Dim& dim : from) count = count * dim;
  return divisor.Is(1) ? count : Dim::FloorDiv(count, divisor);
}

Status CheckCount(const graph::Shape& from, const graph::Contents& wanted, const graph::Shape::DimList& to,
                  int hole) {
  if (!from.IsConstant() || !AllConstant(wanted)) return OkStatus();
  const Dim count = from.Count();
  Dim others = 1;
  for (size_t i = 0; i < to.size(); ++i) {
    if (static_cast<int>(i) != hole) others = others * to[i];
  }
  const bool fits =
      hole < 0 ? count == others : others.constant() > 0 && count.constant() % others.constant() == 0;
  return fits ? OkStatus() : CountsDiffer(from, wanted);
}

Status Infer(InferContext& context) {
  const graph::Shape& from = context.shape(0);
  const std::optional<graph::Contents> wanted = context.Ints(1);
  if (context.output_count() == 0) return OkStatus();
  if (!wanted) {
    const graph::Shape& shape = context.shape(1);
    if (!shape.has_rank() || shape.rank() != 1 || !shape[0].IsConstant()) return OkStatus();
    if (shape[0].constant() < 0 || shape[0].constant() > 64) return OkStatus();
    graph::Shape::DimList dims;
    for (int64_t i = 0; i < shape[0].constant(); ++i) dims.push_back(context.Unknown());
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  const bool allow_zero = context.attributes().Int("allowzero", 0) != 0;
  graph::Shape::DimList to;
  int hole = -1;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const Dim dim = (*wanted)[i];
    if (dim.Is(-1)) {
      if (hole >= 0) return InvalidArgument("A dimension cannot be -1 more than once");
      hole = static_cast<int>(i);
      to.push_back(1);
    } else if (dim.Is(0) && !allow_zero) {
      if (from.has_rank() && i >= static_cast<size_t>(from.rank())) {
        return InvalidArgument(
            "the dimension with value zero exceeds the dimension size of the input tensor");
      }
      to.push_back(from.has_rank() ? from[i] : context.Unknown());
    } else if (dim.IsConstant() && dim.constant() < -1) {
      return InvalidArgument("A dimension cannot be less than -1, got {}", dim.constant());
    } else {
      to.push_back(dim);
    }
  }
  if (from.has_rank()) {
    ORTOLAN_RETURN_IF_ERROR(CheckCount(from, *wanted, to, hole));
    if (hole >= 0) to[static_cast<size_t>(hole)] = Remaining(from.dims(), to, static_cast<size_t>(hole));
  } else if (hole >= 0) {
    to[static_cast<size_t>(hole)] = context.Unknown();
  }
  context.SetShape(0, std::move(to));
  if (context.input(0).contents != nullptr) context.output(0).contents = *context.input(0).contents;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 5, 13, 14, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"shape", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"reshaped", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"allowzero", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"shape", AttributeType::kInts}};

}  // namespace

extern const OpDef kReshape;
constexpr OpDef kReshape{.domain = "",
                         .name = "Reshape",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.view_of = 0},
                         .raise = Raise,
                         .infer = Infer,
                         .old_attributes = kOldAttributes};

}  // namespace ortolan
