#include "ops/math/einsum_plan.h"

#include <algorithm>
#include <map>

namespace ortolan::math {
namespace {

using Step = EinsumStep;
using Operand = EinsumOperand;
using Axes = SmallVector<EinsumAxis, 6>;

// Temporaries and matrices stay 64-byte aligned.
constexpr size_t kAlignment = 64;

bool Has(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}
const EinsumAxis* Find(const Operand& operand, Label label) {
  const auto found = std::find_if(operand.axes.begin(), operand.axes.end(),
                                  [&](const EinsumAxis& axis) { return axis.label == label; });
  return found == operand.axes.end() ? nullptr : found;
}

class Planner {
 public:
  Planner(const EinsumEquation& equation, DType worked, const kernels::GemmVariant* gemm, int threads)
      : equation_(equation), worked_(worked), gemm_(gemm), threads_(threads) {}

  Status Plan(std::span<const Dims> inputs, const Dims& output, DType given);
  EinsumPlan Take() { return std::move(plan_); }

 private:
  Status ReadSizes(std::span<const Dims> inputs);
  Operand Read(std::span<const Dims> inputs, size_t i) const;
  Result<EinsumPlace> Temporary(int64_t elements);
  Result<Operand> Reduced(const Operand& operand, const Labels& wanted);
  Result<Operand> Ordered(const Operand& operand, const Labels& order, std::optional<EinsumPlace> to);
  Result<Operand> Multiplied(const Operand& a, const Operand& b, const Labels& later);
  Status ConvertIn(Operand* operand, int64_t elements);
  static bool IsDense(const Operand& operand, const Labels& order);
  static int64_t Count(const Operand& operand, const Labels& labels);

  const EinsumEquation& equation_;
  const DType worked_;
  const kernels::GemmVariant* gemm_;
  const int threads_;
  std::map<Label, int64_t> sizes_;
  EinsumPlan plan_;
  size_t used_ = 0;
};

Status Planner::ReadSizes(std::span<const Dims> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Labels& labels = equation_.inputs[i];
    if (labels.size() != inputs[i].size())
      return InvalidArgument("Einsum: the rank of operand {} changed", i);
    for (size_t axis = 0; axis < labels.size(); ++axis) {
      const int64_t size = inputs[i][axis];
      const auto [entry, fresh] = sizes_.emplace(labels[axis], size);
      if (fresh || size == entry->second || size == 1) continue;
      if (entry->second != 1) {
        return InvalidArgument(
            "Einsum: operands could not be broadcast together: a subscript has sizes {} and {}",
            entry->second, size);
      }
      entry->second = size;
    }
  }
  return OkStatus();
}

// The operand as it lies, repeated subscripts as one axis along the diagonal.
Operand Planner::Read(std::span<const Dims> inputs, size_t i) const {
  Operand operand{{EinsumPlace::Kind::kInput, i}, {}};
  const Dims strides = RowMajorStrides(inputs[i]);
  const Labels& labels = equation_.inputs[i];
  for (size_t axis = 0; axis < labels.size(); ++axis) {
    if (inputs[i][axis] == 1) continue;
    const auto same = std::find_if(operand.axes.begin(), operand.axes.end(),
                                   [&](const EinsumAxis& own) { return own.label == labels[axis]; });
    if (same != operand.axes.end()) {
      same->stride += strides[axis];
    } else {
      operand.axes.push_back({labels[axis], inputs[i][axis], strides[axis]});
    }
  }
  return operand;
}

Result<EinsumPlace> Planner::Temporary(int64_t elements) {
  ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(worked_, Dims{elements}));
  const EinsumPlace place{EinsumPlace::Kind::kScratch, used_};
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return place;
}

int64_t Planner::Count(const Operand& operand, const Labels& labels) {
  int64_t count = 1;
  for (const Label label : labels) {
    if (const EinsumAxis* axis = Find(operand, label)) count *= axis->size;
  }
  return count;
}

// Whether the elements lie in row-major order of `order`, subscripts that the operand lacks left out.
bool Planner::IsDense(const Operand& operand, const Labels& order) {
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    const EinsumAxis* axis = Find(operand, order[i]);
    if (axis == nullptr) continue;
    if (axis->stride != stride) return false;
    stride *= axis->size;
  }
  return true;
}

Status Planner::ConvertIn(Operand* operand, int64_t elements) {
  Step step;
  step.kind = Step::Kind::kConvertIn;
  step.a = operand->place;
  step.count = elements;
  ORTOLAN_ASSIGN_OR_RETURN(step.to, Temporary(elements));
  operand->place = step.to;
  plan_.steps.push_back(std::move(step));
  return OkStatus();
}

// The operand with the subscripts that are not wanted summed away.
Result<Operand> Planner::Reduced(const Operand& operand, const Labels& wanted) {
  Step step;
  step.kind = Step::Kind::kReduce;
  step.a = operand.place;
  Operand made;
  for (const EinsumAxis& axis : operand.axes) {
    if (Has(wanted, axis.label)) {
      step.kept.push_back(axis.size);
      step.kept_strides.push_back(axis.stride);
      made.axes.push_back(axis);
    } else {
      step.summed.push_back(axis.size);
      step.summed_strides.push_back(axis.stride);
    }
  }
  if (step.summed.empty()) return operand;
  const Dims strides = RowMajorStrides(step.kept);
  for (size_t i = 0; i < strides.size(); ++i) made.axes[i].stride = strides[i];
  ORTOLAN_ASSIGN_OR_RETURN(step.to, Temporary(ElementCount(step.kept)));
  made.place = step.to;
  plan_.steps.push_back(std::move(step));
  return made;
}

// The operand dense in this order: as it is where it is so, else a copy.
Result<Operand> Planner::Ordered(const Operand& operand, const Labels& order, std::optional<EinsumPlace> to) {
  if (!to && IsDense(operand, order)) return operand;
  Step step;
  step.a = operand.place;
  Dims sizes, strides;
  Operand made;
  for (const Label label : order) {
    const EinsumAxis* axis = Find(operand, label);
    if (axis == nullptr) continue;
    sizes.push_back(axis->size);
    strides.push_back(axis->stride);
    made.axes.push_back(*axis);
  }
  const Dims dense = RowMajorStrides(sizes);
  for (size_t i = 0; i < dense.size(); ++i) made.axes[i].stride = dense[i];
  if (to) {
    step.to = *to;
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(step.to, Temporary(ElementCount(sizes)));
  }
  step.copy = kernels::PlanCopy(sizes, strides, dense, DTypeBits(worked_) / 8);
  made.place = step.to;
  plan_.steps.push_back(std::move(step));
  return made;
}

void Append(Labels* to, const Labels& labels) {
  for (const Label label : labels) to->push_back(label);
}
Labels Joined(const Labels& a, const Labels& b, const Labels& c) {
  Labels joined = a;
  Append(&joined, b);
  Append(&joined, c);
  return joined;
}

Result<Operand> Planner::Multiplied(const Operand& first, const Operand& second, const Labels& later) {
  // Sum first what only one of them has and nobody wants.
  auto wanted = [&](const Operand& other) {
    Labels labels = later;
    for (const EinsumAxis& axis : other.axes) labels.push_back(axis.label);
    return labels;
  };
  ORTOLAN_ASSIGN_OR_RETURN(Operand a, Reduced(first, wanted(second)));
  ORTOLAN_ASSIGN_OR_RETURN(Operand b, Reduced(second, wanted(first)));
  Labels batch, rows, columns, inner;
  for (const EinsumAxis& axis : a.axes) {
    const bool shared = Find(b, axis.label) != nullptr;
    (!shared ? rows : Has(later, axis.label) ? batch : inner).push_back(axis.label);
  }
  for (const EinsumAxis& axis : b.axes) {
    if (Find(a, axis.label) == nullptr) columns.push_back(axis.label);
  }
  Step step;
  step.kind = rows.empty() && columns.empty() ? Step::Kind::kDots : Step::Kind::kProduct;
  step.transpose_a = IsDense(a, Joined(batch, inner, rows)) && !IsDense(a, Joined(batch, rows, inner));
  step.transpose_b = IsDense(b, Joined(batch, columns, inner)) && !IsDense(b, Joined(batch, inner, columns));
  ORTOLAN_ASSIGN_OR_RETURN(
      a, Ordered(a, step.transpose_a ? Joined(batch, inner, rows) : Joined(batch, rows, inner), {}));
  ORTOLAN_ASSIGN_OR_RETURN(
      b, Ordered(b, step.transpose_b ? Joined(batch, columns, inner) : Joined(batch, inner, columns), {}));
  step.a = a.place;
  step.b = b.place;
  step.batch = Count(a, batch);
  step.m = Count(a, rows);
  step.n = Count(b, columns);
  step.k = Count(a, inner);
  Operand made;
  Dims sizes;
  for (const Label label : Joined(batch, rows, columns)) {
    const EinsumAxis* axis = Find(a, label) != nullptr ? Find(a, label) : Find(b, label);
    made.axes.push_back(*axis);
    sizes.push_back(axis->size);
  }
  if (!CheckedCount(sizes)) return InvalidArgument("Einsum: an intermediate result is too large");
  const Dims dense = RowMajorStrides(sizes);
  for (size_t i = 0; i < dense.size(); ++i) made.axes[i].stride = dense[i];
  ORTOLAN_ASSIGN_OR_RETURN(step.to, Temporary(ElementCount(sizes)));
  made.place = step.to;
  if (step.kind == Step::Kind::kProduct && worked_ == DType::kFloat) {
    kernels::GemmShape shape;
    shape.batch = step.batch, shape.m = step.m, shape.n = step.n, shape.k = step.k;
    shape.a = {nullptr, step.transpose_a ? 1 : step.k, step.transpose_a ? step.m : 1};
    shape.b = {nullptr, step.transpose_b ? 1 : step.n, step.transpose_b ? step.k : 1};
    step.gemm = kernels::PlanGemm(*gemm_, shape);
    plan_.gemm_scratch_bytes = std::max(plan_.gemm_scratch_bytes, step.gemm.ScratchBytes(threads_));
  } else if (step.kind == Step::Kind::kProduct) {
    for (int64_t i = 0; i < step.batch; ++i) {
      step.offsets_a.push_back(i * step.m * step.k);
      step.offsets_b.push_back(i * step.k * step.n);
    }
  }
  plan_.steps.push_back(std::move(step));
  return made;
}

Status Planner::Plan(std::span<const Dims> inputs, const Dims& output, DType given) {
  ORTOLAN_RETURN_IF_ERROR(ReadSizes(inputs));
  Dims expected;
  for (const Label label : equation_.output) expected.push_back(sizes_[label]);
  if (!(expected == output)) {
    return InvalidArgument("Einsum: the output has shape {}, expected {}", DimsText(output),
                           DimsText(expected));
  }
  Operand sum;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Operand next = Read(inputs, i);
    if (given != worked_) ORTOLAN_RETURN_IF_ERROR(ConvertIn(&next, ElementCount(inputs[i])));
    Labels later = equation_.output;
    for (size_t k = i + 1; k < inputs.size(); ++k) Append(&later, equation_.inputs[k]);
    if (i == 0) {
      ORTOLAN_ASSIGN_OR_RETURN(sum, Reduced(next, later));
    } else {
      ORTOLAN_ASSIGN_OR_RETURN(sum, Multiplied(sum, next, later));
    }
  }
  // A subscript that is one everywhere has no axis, so sizes agree with the output's.
  const EinsumPlace out{EinsumPlace::Kind::kOutput, 0};
  if (given == worked_) {
    if (!plan_.steps.empty() && IsDense(sum, equation_.output)) {
      plan_.steps.back().to = out;
    } else {
      ORTOLAN_ASSIGN_OR_RETURN(sum, Ordered(sum, equation_.output, out));
    }
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(sum, Ordered(sum, equation_.output, {}));
    Step step;
    step.kind = Step::Kind::kConvertOut;
    step.a = sum.place;
    step.to = out;
    step.count = ElementCount(output);
    plan_.steps.push_back(std::move(step));
  }
  plan_.gemm_scratch = used_;
  plan_.scratch_bytes = used_ + plan_.gemm_scratch_bytes;
  return OkStatus();
}

}  // namespace

Result<EinsumPlan> PlanEinsum(const EinsumEquation& equation, std::span<const Dims> inputs,
                              const Dims& output, DType given, DType worked, const kernels::GemmVariant* gemm,
                              int threads) {
  Planner planner(equation, worked, gemm, threads);
  ORTOLAN_RETURN_IF_ERROR(planner.Plan(inputs, output, given));
  return planner.Take();
}

}  // namespace ortolan::math
