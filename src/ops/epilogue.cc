#include "ops/epilogue.h"

namespace ortolan {
namespace {

// One stride for output axes [begin, end) seen as a single axis, or nothing where the operand is neither
// dense nor broadcast over all of them. `strides` are the operand's over the output's axes, 0 where it
// broadcasts.
std::optional<int64_t> CollapsedStride(const Dims& dims, const Dims& strides, size_t begin, size_t end) {
  std::optional<int64_t> stride;
  int64_t step = 0;  // the stride that the next axis outwards must have
  for (size_t axis = end; axis-- > begin;) {
    if (dims[axis] == 1) continue;
    if (!stride) {
      stride = strides[axis];
    } else if (strides[axis] != step) {
      return std::nullopt;
    }
    step = strides[axis] * dims[axis];
  }
  return stride.value_or(0);
}

Dims BroadcastStrides(const Dims& operand, size_t rank) {
  const Dims dense = RowMajorStrides(operand);
  Dims strides(rank, 0);
  for (size_t i = 0; i < operand.size() && i < rank; ++i) {
    const size_t axis = operand.size() - 1 - i;
    strides[rank - 1 - i] = operand[axis] == 1 ? 0 : dense[axis];
  }
  return strides;
}

}  // namespace

const FusedEpilogue* EpilogueOf(const graph::Node& node) {
  if (node.op == nullptr || node.op->traits.epilogue == EpilogueForm::kNone) return nullptr;
  return static_cast<const FusedEpilogue*>(node.payload.get());
}

Result<BoundEpilogue> BindEpilogue(const FusedEpilogue& fused, EpilogueForm form,
                                   const BindContext& context) {
  BoundEpilogue bound;
  const Dims& dims = context.outputs[0];
  const size_t rank = dims.size();
  if (rank < 2) return Fail("An epilogue needs an output of rank 2 or more, got {}", DimsText(dims));
  const bool blocked = form == EpilogueForm::kBlocked;
  if (blocked && rank < 3) return Fail("A blocked output has rank 3 or more, got {}", DimsText(dims));
  const size_t m_axis = form == EpilogueForm::kMatrix ? rank - 2 : 1;
  const size_t n_axis = form == EpilogueForm::kMatrix ? rank - 1 : 2;
  for (size_t i = 0; i < fused.operand_count; ++i) {
    const size_t input = fused.first_operand + i;
    if (input >= context.inputs.size()) return Fail("An operand of the epilogue is missing");
    const Dims& operand = context.inputs[input];
    const std::optional<Dims> joint = BroadcastDims(operand, dims);
    if (!joint || !(*joint == dims)) {
      return Fail("Attempting to broadcast {} to {}", DimsText(operand), DimsText(dims));
    }
    const Dims strides = BroadcastStrides(operand, rank);
    const std::optional<int64_t> batch = CollapsedStride(dims, strides, 0, m_axis);
    const std::optional<int64_t> m = CollapsedStride(dims, strides, m_axis, n_axis);
    const std::optional<int64_t> n = CollapsedStride(dims, strides, n_axis, rank - (blocked ? 1 : 0));
    if (!batch || !m || !n) {
      return Fail("An epilogue cannot broadcast {} to {}", DimsText(operand), DimsText(dims));
    }
    bound.operands.push_back({.data = nullptr, .batch_stride = *batch, .m_stride = *m, .n_stride = *n});
    if (!blocked) continue;
    // Pixels and lanes are one dense axis, or the operand repeats over one of them.
    kernels::EpilogueOperand& last = bound.operands.back();
    const int64_t lane = strides[rank - 1], lanes = dims[rank - 1];
    const bool one_pixel = ElementCount(std::span<const int64_t>(dims.data() + 2, rank - 3)) == 1;
    last.n_stride = lane;
    if (one_pixel || *n == lane * lanes) continue;
    last.n_block = lanes;
    last.n_block_stride = *n;
  }
  return bound;
}

const float* ResidualOf(const FusedEpilogue& fused, const RunContext& context) {
  return fused.residual < 0 ? nullptr : context.input(static_cast<size_t>(fused.residual)).As<const float>();
}

kernels::Epilogue MakeEpilogue(const FusedEpilogue& fused, EpilogueForm form, const BoundEpilogue& bound,
                               const RunContext& context, bool residual_on_registers,
                               EpilogueOperands* storage) {
  kernels::Epilogue epilogue;
  if (fused.bias >= 0) {
    epilogue.bias = context.input(static_cast<size_t>(fused.bias)).As<const float>();
    epilogue.bias_per_m = form == EpilogueForm::kChannels;
  }
  if (fused.residual >= 0 && !residual_on_registers) {
    epilogue.program = fused.residual_program.get();
  } else {
    epilogue.lower = fused.lower;
    epilogue.upper = fused.upper;
    epilogue.program = fused.program.get();
  }
  *storage = bound.operands;
  for (size_t i = 0; i < storage->size(); ++i)
    (*storage)[i].data = context.input(fused.first_operand + i).data;
  epilogue.operands = {storage->data(), storage->size()};
  return epilogue;
}

}  // namespace ortolan
