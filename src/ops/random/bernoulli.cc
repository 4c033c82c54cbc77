// Bernoulli: 1 with the probability that each element of the input gives, else 0, in the type of the input
// unless dtype names another.
#include "ops/random/stream.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

constexpr DTypeSet kResults = kNumericTypes | SetOf(DType::kBool);

Status Infer(InferContext& context) {
  const bool known = context.HasInput(0) && context.input(0).type.known();
  if (known || context.attributes().Has("dtype")) {
    ORTOLAN_ASSIGN_OR_RETURN(
        const DType type,
        random::TypeOf(context.attributes(), known ? context.dtype(0) : DType::kUndefined, kResults));
    context.SetType(0, type);
  }
  return InferSameShape(context);
}

template <typename P, typename T>
void Draw(const random::Stream& stream, RunContext& context) {
  const P* chances = context.input(0).As<const P>();
  T* to = context.output(0).As<T>();
  const auto draw = [&](int64_t begin, int64_t end, uint64_t counter) {
    for (int64_t i = begin; i < end; ++i) {
      const double number =
          random::Uniform(Philox(stream.seed(), counter + static_cast<uint64_t>(i - begin)));
      to[i] = T(number < static_cast<double>(AsNumber(chances[i])) ? 1.0f : 0.0f);
    }
  };
  random::ForEachDraw(stream, context.input(0).count(), context.threads(), draw);
}

Status Run(const void* opaque, RunContext& context) {
  const auto& stream = *static_cast<const random::Stream*>(opaque);
  return WithNumberType(context.input(0).dtype, [&](auto chance) {
    return WithNumberType(context.output(0).dtype, [&](auto result) {
      using P = typename decltype(chance)::Type;
      if constexpr (!std::is_integral_v<P>) Draw<P, typename decltype(result)::Type>(stream, context);
      return OkStatus();
    });
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  if (!Contains(random::kRandomTypes, context.input_dtype(0)))
    return NotImplemented("Bernoulli of {}", DTypeName(context.input_dtype(0)));
  prepared->state = random::StreamOf(context.node.attributes);
  prepared->run = Run;
  prepared->kernel = "bernoulli";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {15, 22};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", random::kRandomTypes}, {"T2", kResults}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeType::kInt}, {"seed", AttributeType::kFloat}};

}  // namespace

extern const OpDef kBernoulli;
constexpr OpDef kBernoulli{.domain = "",
                           .name = "Bernoulli",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .traits = {.pure = false},
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
