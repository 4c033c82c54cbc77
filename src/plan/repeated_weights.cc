#include "plan/repeated_weights.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/epilogue.h"

namespace ortolan::plan {
namespace {

// Few nodes of a graph have one: constants mostly have a single reader.
const graph::Value* SharedConstant(const graph::Node& node) {
  const auto& inputs = node.inputs();
  const auto shared = std::ranges::find_if(inputs, [](const graph::Value* input) {
    return input != nullptr && input->IsConstant() && input->consumers().size() > 1;
  });
  return shared == inputs.end() ? nullptr : *shared;
}

bool SameInput(const graph::Value* a, const graph::Value* b) {
  if (a == b) return true;
  return a != nullptr && b != nullptr && !a->IsConstant() && !b->IsConstant() && a->type == b->type &&
         a->shape == b->shape;
}

// Epilogues are not packed, but a kernel may be chosen by whether there is one.
bool SamePayload(const graph::Node& a, const graph::Node& b) {
  if (a.payload == nullptr && b.payload == nullptr) return true;
  if (a.op->traits.epilogue == EpilogueForm::kNone) return false;
  const FusedEpilogue *x = EpilogueOf(a), *y = EpilogueOf(b);
  return x != nullptr && y != nullptr && x->bias == y->bias && x->residual == y->residual &&
         (x->program == nullptr) == (y->program == nullptr) && x->first_operand == y->first_operand &&
         x->operand_count == y->operand_count;
}

// Whether two nodes ask for the same weights in the same form, as far as can be told from them.
bool PackAlike(const graph::Node& a, const graph::Node& b) {
  return a.op == b.op && std::ranges::equal(a.inputs(), b.inputs(), SameInput) &&
         a.outputs().size() == b.outputs().size() && SameAttributes(a.attributes, b.attributes) &&
         SamePayload(a, b);
}

}  // namespace

Status RepeatedWeights::Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Value* shared = SharedConstant(context.node);
  if (shared == nullptr || context.store == nullptr) return PrepareNode(context, prepared);
  std::vector<Packed>& known = packed_[shared];
  const auto like =
      std::ranges::find_if(known, [&](const Packed& one) { return PackAlike(*one.node, context.node); });
  if (like != known.end()) {
    context.store->Repeat(like->blocks);
    const Status status = PrepareNode(context, prepared);
    if (context.store->EndRepeat() && status.ok() && prepared->kernel == like->kernel) return OkStatus();
    *prepared = {};
  }
  const size_t first = context.store->blocks().size();
  ORTOLAN_RETURN_IF_ERROR(PrepareNode(context, prepared));
  const std::span<const WeightBlock> taken = std::span(context.store->blocks()).subspan(first);
  if (like == known.end() && !taken.empty())
    known.push_back({&context.node, prepared->kernel, {taken.begin(), taken.end()}});
  return OkStatus();
}

}  // namespace ortolan::plan
