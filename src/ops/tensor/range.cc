// Range: start, start + delta, ... up to but without limit. Refuses a delta of zero and counts beyond 2^62.
#include <algorithm>
#include <cmath>

#include "kernels/elementwise/tile_select.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

constexpr double kMostElements = 0x1p62;
constexpr int64_t kChunkElements = 16 << 10;

Result<int64_t> CountOf(double start, double limit, double delta) {
  if (delta == 0) return InvalidArgument("delta in Range operator can not be zero!");
  const double count = std::ceil((limit - start) / delta);
  if (!(count < kMostElements)) return InvalidArgument("Range: {} elements are too many", count);
  return count > 0 ? static_cast<int64_t>(count) : int64_t{0};
}

Result<int64_t> CountOf(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0) return InvalidArgument("delta in Range operator can not be zero!");
  const bool rises = delta > 0;
  if (rises ? limit <= start : limit >= start) return int64_t{0};
  // Unsigned differences are exact for any pair of int64.
  const uint64_t low = static_cast<uint64_t>(rises ? start : limit);
  const uint64_t high = static_cast<uint64_t>(rises ? limit : start);
  const uint64_t step = rises ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
  const uint64_t count = (high - low - 1) / step + 1;
  if (count > uint64_t{1} << 62) return InvalidArgument("Range: {} elements are too many", count);
  return static_cast<int64_t>(count);
}

double NumberOf(const TensorRef& scalar) {
  switch (scalar.dtype) {
    case DType::kFloat:
      return static_cast<double>(*scalar.As<float>());
    case DType::kDouble:
      return *scalar.As<double>();
    case DType::kFloat16:
      return static_cast<double>(static_cast<float>(*scalar.As<Float16>()));
    case DType::kBFloat16:
      return static_cast<double>(static_cast<float>(*scalar.As<BFloat16>()));
    case DType::kInt16:
      return *scalar.As<int16_t>();
    default:
      return 0;
  }
}

Status CheckScalar(const TensorRef& tensor) {
  if (tensor.count() == 1) return OkStatus();
  return InvalidArgument("Range: start, limit and delta must be scalars, got a tensor of shape {}",
                         DimsText(tensor.dims));
}

Status InferFromInts(InferContext& context, const Dim& start, const Dim& limit, const Dim& delta) {
  if (!start.IsConstant() || !limit.IsConstant()) {
    if (!delta.Is(1)) {
      context.SetShape(0, {context.Unknown()});
    } else {
      context.SetShape(0, {Dim::Max(limit - start, 0)});
    }
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t count,
                           CountOf(start.constant(), limit.constant(), delta.constant()));
  context.SetShape(0, {Dim(count)});
  if (FitsContents(count)) {
    graph::Contents items;
    for (int64_t i = 0; i < count; ++i) items.push_back(start + delta * Dim(i));
    context.output(0).contents = std::move(items);
  }
  return OkStatus();
}

Status Infer(InferContext& context) {
  if (context.output_count() == 0) return OkStatus();
  const auto start = context.Ints(0);
  const auto limit = context.Ints(1);
  const auto delta = context.Ints(2);
  if (start && limit && delta) {
    if (start->size() != 1 || limit->size() != 1 || delta->size() != 1) {
      return InvalidArgument("Range: start, limit and delta must be scalars");
    }
    if ((*delta)[0].IsConstant()) return InferFromInts(context, (*start)[0], (*limit)[0], (*delta)[0]);
  }
  double numbers[3];
  for (size_t i = 0; i < 3; ++i) {
    if (context.input(i).data == nullptr ||
        IsInteger(context.dtype(i)) != (context.dtype(i) == DType::kInt16)) {
      context.SetShape(0, {context.Unknown()});
      return OkStatus();
    }
    ORTOLAN_RETURN_IF_ERROR(CheckScalar(*context.input(i).data));
    numbers[i] = NumberOf(*context.input(i).data);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t count, CountOf(numbers[0], numbers[1], numbers[2]));
  context.SetShape(0, {Dim(count)});
  return OkStatus();
}

// The first numbers of a range, which the others are with something added: 2 KB that stay in L1.
constexpr int64_t kTileBytes = 2048;

// Integers wrap as two's complement would.
template <typename T>
Status RunIntegers(const void* state, RunContext& context) {
  for (size_t i = 0; i < 3; ++i) ORTOLAN_RETURN_IF_ERROR(CheckScalar(context.input(i)));
  const auto add = *static_cast<const kernels::TileFunction*>(state);
  constexpr int64_t kTile = kTileBytes / static_cast<int64_t>(sizeof(T));
  T* to = context.output(0).As<T>();
  const uint64_t start = static_cast<uint64_t>(*context.input(0).As<T>());
  const uint64_t delta = static_cast<uint64_t>(*context.input(2).As<T>());
  const auto item = [&](int64_t i) { return static_cast<T>(start + delta * static_cast<uint64_t>(i)); };
  context.threads().ParallelRanges(
      context.output(0).count(), kChunkElements, [&](int64_t begin, int64_t end) {
        const int64_t filled = add == nullptr ? end - begin : std::min(kTile, end - begin);
        // Without the primitive of a vector level; with it, the tile that it adds to.
        for (int64_t i = 0; i < filled; ++i) to[begin + i] = item(begin + i);
        uint32_t fault = 0;
        for (int64_t at = begin + filled; at < end; at += kTile) {
          const T step = static_cast<T>(delta * static_cast<uint64_t>(at - begin));
          add(to + at, to + begin, &step, nullptr, std::min(kTile, end - at), &fault);
        }
      });
  return OkStatus();
}

// Floats are multiplied out in double, so errors do not add up.
template <typename T>
Status Run(const void*, RunContext& context) {
  for (size_t i = 0; i < 3; ++i) ORTOLAN_RETURN_IF_ERROR(CheckScalar(context.input(i)));
  T* to = context.output(0).As<T>();
  const double start = NumberOf(context.input(0));
  const double delta = NumberOf(context.input(2));
  context.threads().ParallelRanges(context.output(0).count(), kChunkElements,
                                   [&](int64_t begin, int64_t end) {
                                     for (int64_t i = begin; i < end; ++i) {
                                       const double item = start + delta * static_cast<double>(i);
                                       if constexpr (std::is_floating_point_v<T>) {
                                         to[i] = static_cast<T>(item);
                                       } else {
                                         to[i] = T(static_cast<float>(item));
                                       }
                                     }
                                   });
  return OkStatus();
}

// A tile plus a single number, in whole lines of the cache: memory takes those three times as fast as halves
// of them. Null for types that compute as a wider one.
std::shared_ptr<const kernels::TileFunction> Adder(Isa isa, DType dtype) {
  kernels::TileFunction add = nullptr;
  if (dtype == DType::kInt32 || dtype == DType::kInt64) {
    const auto type = dtype == DType::kInt32 ? kernels::ComputeType::kI32 : kernels::ComputeType::kI64;
    constexpr unsigned kSecondSingle = 2;
    add = kernels::TileTableOf(isa)
              .ops[static_cast<int>(kernels::TileOp::kAdd)][static_cast<int>(type)]
              .by_mask[kSecondSingle];
  }
  return std::make_shared<const kernels::TileFunction>(add);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->kernel = "range";
  prepared->state = Adder(context.isa, context.input_dtype(0));
  switch (context.input_dtype(0)) {
    case DType::kFloat:
      prepared->run = Run<float>;
      break;
    case DType::kDouble:
      prepared->run = Run<double>;
      break;
    case DType::kInt16:
      prepared->run = RunIntegers<int16_t>;
      break;
    case DType::kInt32:
      prepared->run = RunIntegers<int32_t>;
      break;
    case DType::kInt64:
      prepared->run = RunIntegers<int64_t>;
      break;
    case DType::kFloat16:
      prepared->run = Run<Float16>;
      break;
    case DType::kBFloat16:
      prepared->run = Run<BFloat16>;
      break;
    default:
      return NotImplemented("Range: type {}", DTypeName(context.input_dtype(0)));
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 27};
constexpr FormalParameter kInputs[] = {{"start", "T"}, {"limit", "T"}, {"delta", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes | SetOf(DType::kInt16, DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"stash_type", AttributeType::kInt}};

}  // namespace

extern const OpDef kRange;
constexpr OpDef kRange{.domain = "",
                       .name = "Range",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .infer = Infer,
                       .prepare = Prepare};

}  // namespace ortolan
