// Einsum: sums of products over subscripts, with diagonals, ellipsis and implicit outputs as in numpy;
// computed by batched matrix products where two operands meet. Integers wrap; half types compute in float.
// Refuses equations that do not fit the operands.
#include <algorithm>

#include "kernels/gemm/plain_gemm.h"
#include "ops/math/einsum_plan.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

using graph::Dim;
using math::EinsumStep;

Status Infer(InferContext& context) {
  SmallVector<int64_t, 6> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i) || !context.shape(i).has_rank()) return OkStatus();
    ranks.push_back(context.shape(i).rank());
  }
  ORTOLAN_ASSIGN_OR_RETURN(const math::EinsumEquation equation,
                           math::ParseEinsum(context.attributes().String("equation", ""),
                                             std::span<const int64_t>(ranks.data(), ranks.size())));
  graph::Shape::DimList dims;
  for (const math::Label label : equation.output) {
    Dim size = 1;
    for (size_t i = 0; i < ranks.size(); ++i) {
      for (size_t axis = 0; axis < equation.inputs[i].size(); ++axis) {
        if (equation.inputs[i][axis] != label) continue;
        const Dim own = context.shape(i)[axis];
        if (own.IsConstant() && size.IsConstant() && own != size && !own.Is(1) && !size.Is(1)) {
          return Fail("[ShapeInferenceError] Einsum: a subscript has sizes {} and {}", size.constant(),
                      own.constant());
        }
        size = Dim::Broadcast(size, own);
      }
    }
    dims.push_back(size);
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  std::string equation;
  DType given;
  DType worked;
  const kernels::GemmVariant* gemm;
  const kernels::PlainGemmVariant* plain;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  SmallVector<int64_t, 6> ranks;
  for (const Dims& dims : context.inputs) ranks.push_back(static_cast<int64_t>(dims.size()));
  ORTOLAN_ASSIGN_OR_RETURN(
      const math::EinsumEquation equation,
      math::ParseEinsum(state.equation, std::span<const int64_t>(ranks.data(), ranks.size())));
  ORTOLAN_ASSIGN_OR_RETURN(math::EinsumPlan plan,
                           math::PlanEinsum(equation, context.inputs, context.outputs[0], state.given,
                                            state.worked, state.gemm, context.threads));
  binding->scratch_bytes = plan.scratch_bytes;
  binding->data = std::make_shared<const math::EinsumPlan>(std::move(plan));
  return OkStatus();
}

// Calls body with the type that products are computed in.
template <typename Body>
Status WithWorkedType(DType dtype, Body body) {
  switch (dtype) {
    case DType::kFloat:
      return body(ElementTag<float>());
    case DType::kDouble:
      return body(ElementTag<double>());
    case DType::kUInt32:
      return body(ElementTag<uint32_t>());
    default:
      return body(ElementTag<uint64_t>());
  }
}

// Integers of any sign and width compute in unsigned ones, whose low bits are the same.
DType WorkedType(DType dtype) {
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) return DType::kFloat;
  if (!IsInteger(dtype)) return dtype;
  return DTypeBits(dtype) == 64 ? DType::kUInt64 : DType::kUInt32;
}

template <typename T>
void Reduce(const EinsumStep& step, const T* from, T* to, ThreadPool& threads) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
  const int64_t summed = ElementCount(step.summed);
  auto offset = [](int64_t index, const Dims& sizes, const Dims& strides) {
    int64_t at = 0;
    for (size_t i = sizes.size(); i-- > 0; index /= sizes[i]) at += index % sizes[i] * strides[i];
    return at;
  };
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, summed));
  threads.ParallelRanges(ElementCount(step.kept), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* start = from + offset(i, step.kept, step.kept_strides);
      Sum sum = 0;
      for (int64_t k = 0; k < summed; ++k)
        sum += static_cast<Sum>(start[offset(k, step.summed, step.summed_strides)]);
      to[i] = static_cast<T>(sum);
    }
  });
}

template <typename T>
void Dots(const EinsumStep& step, const T* a, const T* b, T* to, ThreadPool& threads) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, step.k));
  threads.ParallelRanges(step.batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Sum sum = 0;
      for (int64_t k = i * step.k; k < (i + 1) * step.k; ++k)
        sum += static_cast<Sum>(a[k]) * static_cast<Sum>(b[k]);
      to[i] = static_cast<T>(sum);
    }
  });
}

template <typename T>
void Product(const State& state, const math::EinsumPlan& plan, const EinsumStep& step, const T* a, const T* b,
             T* to, RunContext& context) {
  if (step.k == 0) {
    std::fill_n(to, step.batch * step.m * step.n, T{});
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    kernels::GemmOperands operands;
    operands.a = a, operands.b = b, operands.c = to;
    operands.c_stride = step.n;
    operands.a_batch.stride = step.m * step.k;
    operands.b_batch.stride = step.k * step.n;
    operands.c_batch_stride = step.m * step.n;
    kernels::RunGemm(*state.gemm, step.gemm, operands,
                     {context.scratch() + plan.gemm_scratch, plan.gemm_scratch_bytes}, context.threads());
  } else {
    kernels::PlainGemm<T> product;
    product.batch = step.batch, product.m = step.m, product.n = step.n, product.k = step.k;
    product.a = a, product.b = b, product.c = to;
    product.a_row = step.transpose_a ? 1 : step.k;
    product.a_column = step.transpose_a ? step.m : 1;
    product.b_row = step.transpose_b ? 1 : step.n;
    product.b_column = step.transpose_b ? step.k : 1;
    product.c_row = step.n;
    product.c_batch_stride = step.m * step.n;
    product.a_offsets = step.offsets_a.data();
    product.b_offsets = step.offsets_b.data();
    kernels::RunPlainGemm(*state.plain, product, context.threads());
  }
}

template <typename T>
Status RunTyped(const State& state, const math::EinsumPlan& plan, RunContext& context) {
  auto pointer = [&](const math::EinsumPlace& place) -> void* {
    switch (place.kind) {
      case math::EinsumPlace::Kind::kInput:
        return context.input(place.at).data;
      case math::EinsumPlace::Kind::kOutput:
        return context.output(0).data;
      default:
        return context.scratch() + place.at;
    }
  };
  ThreadPool& threads = context.threads();
  for (const EinsumStep& step : plan.steps) {
    T* const to = static_cast<T*>(pointer(step.to));
    const T* const a = static_cast<const T*>(pointer(step.a));
    switch (step.kind) {
      case EinsumStep::Kind::kConvertIn:
      case EinsumStep::Kind::kConvertOut:
        ORTOLAN_RETURN_IF_ERROR(WithNumberType(state.given, [&](auto tag) {
          using Given = typename decltype(tag)::Type;
          if (step.kind == EinsumStep::Kind::kConvertIn) {
            const auto* from = reinterpret_cast<const Given*>(a);
            for (int64_t i = 0; i < step.count; ++i) to[i] = static_cast<T>(AsNumber(from[i]));
          } else {
            auto* out = reinterpret_cast<Given*>(to);
            for (int64_t i = 0; i < step.count; ++i) out[i] = Given(static_cast<WideNumber<Given>>(a[i]));
          }
          return OkStatus();
        }));
        break;
      case EinsumStep::Kind::kCopy:
        kernels::RunCopy(step.copy, a, to, threads);
        break;
      case EinsumStep::Kind::kReduce:
        Reduce(step, a, to, threads);
        break;
      case EinsumStep::Kind::kDots:
        Dots(step, a, static_cast<const T*>(pointer(step.b)), to, threads);
        break;
      case EinsumStep::Kind::kProduct:
        Product(state, plan, step, a, static_cast<const T*>(pointer(step.b)), to, context);
        break;
    }
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& plan = *static_cast<const math::EinsumPlan*>(context.binding());
  if (context.output(0).count() == 0) return OkStatus();
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) return InvalidArgument("Einsum: operand {} is absent", i);
  }
  return WithWorkedType(
      state.worked, [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(state, plan, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const DType given = context.input_dtype(0);
  const DType worked = WorkedType(given);
  const bool sign_only = IsInteger(given) && DTypeBits(given) == DTypeBits(worked);
  prepared->state = std::make_shared<const State>(
      State{std::string(context.node.attributes.String("equation", "")), sign_only ? worked : given, worked,
            &kernels::SelectGemmF32(context.isa), &kernels::SelectPlainGemm(context.isa)});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "einsum";
  return OkStatus();
}

constexpr int kVersions[] = {12, 28};
constexpr FormalParameter kInputs[] = {{"Inputs", "T", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"Output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes}};
constexpr AttributeSpec kAttributes[] = {{"equation", graph::AttributeType::kString, true}};

}  // namespace

extern const OpDef kEinsum;
constexpr OpDef kEinsum{.domain = "",
                        .name = "Einsum",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
