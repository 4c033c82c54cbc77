#include "ops/random/stream.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "base/seed.h"
#include "ops/tensor/element_types.h"

namespace ortolan::random {
namespace {

constexpr int64_t kGrain = 4096;

Status RunNormal(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const FillState*>(opaque);
  return Fill(*state.stream, context, Normal, state.shift, state.scale);
}
Status RunUniform(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const FillState*>(opaque);
  return Fill(*state.stream, context, Uniform, state.shift, state.scale);
}

}  // namespace

std::shared_ptr<const Stream> StreamOf(const graph::Attributes& attributes) {
  const graph::AttributeValue* seed = attributes.Find("seed");
  if (seed == nullptr) return std::make_shared<const Stream>(NextStreamSeed());
  if (const auto* number = std::get_if<float>(seed))
    return std::make_shared<const Stream>(std::bit_cast<uint32_t>(*number));
  return std::make_shared<const Stream>(static_cast<uint64_t>(attributes.Int("seed", 0)));
}

void ForEachDraw(const Stream& stream, int64_t count, ThreadPool& threads,
                 FunctionRef<void(int64_t begin, int64_t end, uint64_t counter)> body) {
  const uint64_t first = stream.Take(static_cast<uint64_t>(count));
  threads.ParallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
    body(begin, end, first + static_cast<uint64_t>(begin));
  });
}

double Uniform(const std::array<uint32_t, 4>& bits) {
  return UnitDouble(bits[0], bits[1]);
}

// Box and Muller's way.
double Normal(const std::array<uint32_t, 4>& bits) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - UnitDouble(bits[0], bits[1])));
  return radius * std::cos(2.0 * std::numbers::pi * UnitDouble(bits[2], bits[3]));
}

Result<DType> TypeOf(const graph::Attributes& attributes, DType otherwise, DTypeSet allowed) {
  const int64_t given = attributes.Int("dtype", static_cast<int64_t>(otherwise));
  if (given < 0 || given >= kDTypeCount || !Contains(allowed, static_cast<DType>(given))) {
    return InvalidArgument("attribute dtype is {}, no type that may be made", given);
  }
  return static_cast<DType>(given);
}

Status Fill(const Stream& stream, RunContext& context, double (*draw)(const std::array<uint32_t, 4>& bits),
            double shift, double scale) {
  const TensorRef& out = context.output(0);
  return WithNumberType(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    T* to = out.As<T>();
    ForEachDraw(stream, out.count(), context.threads(), [&](int64_t begin, int64_t end, uint64_t counter) {
      for (int64_t i = begin; i < end; ++i) {
        const double number =
            shift + scale * draw(Philox(stream.seed(), counter + static_cast<uint64_t>(i - begin)));
        if constexpr (std::is_same_v<T, double>) {
          to[i] = number;
        } else {
          to[i] = T(static_cast<float>(number));
        }
      }
    });
    return OkStatus();
  });
}

Status PrepareNormal(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  prepared->state = std::make_shared<const FillState>(
      FillState{StreamOf(attributes), attributes.Float("mean", 0.0f), attributes.Float("scale", 1.0f)});
  prepared->run = RunNormal;
  prepared->kernel = "random_normal";
  return OkStatus();
}

Status PrepareUniform(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const double low = attributes.Float("low", 0.0f), high = attributes.Float("high", 1.0f);
  prepared->state = std::make_shared<const FillState>(FillState{StreamOf(attributes), low, high - low});
  prepared->run = RunUniform;
  prepared->kernel = "random_uniform";
  return OkStatus();
}

Status InferOfShape(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const DType type, TypeOf(context.attributes(), DType::kFloat, kRandomTypes));
  context.SetType(0, type);
  const std::span<const int64_t> dims = context.attributes().Ints("shape");
  ORTOLAN_RETURN_IF_ERROR(CheckedBytes(type, dims).status());
  context.SetShape(0, graph::Shape::OfConstants(dims));
  return OkStatus();
}

Status InferLike(InferContext& context) {
  const bool known = context.HasInput(0) && context.input(0).type.known();
  if (known || context.attributes().Has("dtype")) {
    ORTOLAN_ASSIGN_OR_RETURN(
        const DType type,
        TypeOf(context.attributes(), known ? context.dtype(0) : DType::kUndefined, kRandomTypes));
    context.SetType(0, type);
  }
  return InferSameShape(context);
}

}  // namespace ortolan::random
