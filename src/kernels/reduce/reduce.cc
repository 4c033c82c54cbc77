#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace ortolan::kernels {

#define ORTOLAN_REDUCE_F32(identifier) extern const ReduceF32Variant identifier;
#include "kernels/reduce/variants.inc"
#undef ORTOLAN_REDUCE_F32

namespace {

constexpr const ReduceF32Variant* kVariants[] = {
#define ORTOLAN_REDUCE_F32(identifier) &identifier,
#include "kernels/reduce/variants.inc"
#undef ORTOLAN_REDUCE_F32
};

// Elements of a chunk: 128 KB of floats, 5 us from L2.
constexpr int64_t kChunkElements = 32 << 10;
// With fewer outputs than this a large reduction is cut along its rows.
constexpr int64_t kFewUnits = 8;
// Columns whose accumulators stand on the stack at once: 2 KB.
constexpr int64_t kColumnChunk = 256;

int64_t CeilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The type that partial results have. Unsigned arithmetic wraps where signed would overflow.
template <typename T>
using Accumulator = std::conditional_t<std::is_integral_v<T>,
                                       std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>, double>;

template <typename A>
A WrappingAdd(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  return a + b;
}
template <typename A>
A WrappingMul(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  return a * b;
}

template <typename T>
Accumulator<T> Widen(T x) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<Accumulator<T>>(x);
  else
    return static_cast<double>(static_cast<float>(x));
}
template <typename T>
T Narrow(Accumulator<T> x) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<T>(x);
  else
    return T(static_cast<float>(x));
}

template <typename T>
Accumulator<T> IdentityOf(Fold fold) {
  using A = Accumulator<T>;
  constexpr bool kInteger = std::is_integral_v<T>;
  if (fold == Fold::kProduct) return 1;
  if constexpr (kInteger) {
    if (fold == Fold::kMax) return static_cast<A>(std::numeric_limits<T>::min());
    if (fold == Fold::kMin) return static_cast<A>(std::numeric_limits<T>::max());
  } else {
    if (fold == Fold::kMax) return -std::numeric_limits<A>::infinity();
    if (fold == Fold::kMin) return std::numeric_limits<A>::infinity();
  }
  return 0;
}

template <typename A>
A Join(Fold fold, A a, A b) {
  switch (fold) {
    case Fold::kMax:
      return a != a || a > b ? a : b;
    case Fold::kMin:
      return a != a || a < b ? a : b;
    case Fold::kProduct:
      return WrappingMul(a, b);
    default:
      return WrappingAdd(a, b);
  }
}

// One element into the accumulator.
template <Fold kFold, typename A>
A Step(A sum, A x, A shift) {
  if constexpr (kFold == Fold::kSum) return WrappingAdd(sum, x);
  if constexpr (kFold == Fold::kSumAbs) {
    if constexpr (std::is_integral_v<A>)
      return WrappingAdd(sum, x < 0 ? static_cast<A>(0 - static_cast<uint64_t>(x)) : x);
    else
      return sum + std::fabs(x);
  }
  if constexpr (kFold == Fold::kSumSquare) return WrappingAdd(sum, WrappingMul(x, x));
  if constexpr (kFold == Fold::kSumExp) {
    if constexpr (std::is_integral_v<A>)
      return sum;  // integers do not take this way: see RunReduce
    else
      return sum + std::exp(x - shift);
  }
  if constexpr (kFold == Fold::kMax) return sum != sum || sum > x ? sum : x;
  if constexpr (kFold == Fold::kMin) return sum != sum || sum < x ? sum : x;
  if constexpr (kFold == Fold::kProduct) return WrappingMul(sum, x);
}

template <Fold kFold, typename T>
struct Loops {
  using A = Accumulator<T>;
  // Four accumulators, so that the latency of an addition does not set the pace.
  static A Row(const T* x, int64_t count, A shift) {
    A sums[4] = {IdentityOf<T>(kFold), IdentityOf<T>(kFold), IdentityOf<T>(kFold), IdentityOf<T>(kFold)};
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      for (int k = 0; k < 4; ++k) sums[k] = Step<kFold, A>(sums[k], Widen<T>(x[i + k]), shift);
    }
    for (; i < count; ++i) sums[0] = Step<kFold, A>(sums[0], Widen<T>(x[i]), shift);
    return Join(kFold, Join(kFold, sums[0], sums[1]), Join(kFold, sums[2], sums[3]));
  }
  static void Columns(const T* x, int64_t rows, int64_t stride, int64_t columns, const T* shift,
                      A* accumulators) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        const A moved = shift != nullptr ? Widen<T>(shift[j]) : A{0};
        accumulators[j] = Step<kFold, A>(accumulators[j], Widen<T>(x[i * stride + j]), moved);
      }
    }
  }
};

template <typename Call>
auto WithFold(Fold fold, Call call) {
  switch (fold) {
    case Fold::kSum:
      return call(std::integral_constant<Fold, Fold::kSum>());
    case Fold::kSumAbs:
      return call(std::integral_constant<Fold, Fold::kSumAbs>());
    case Fold::kSumSquare:
      return call(std::integral_constant<Fold, Fold::kSumSquare>());
    case Fold::kSumExp:
      return call(std::integral_constant<Fold, Fold::kSumExp>());
    case Fold::kMax:
      return call(std::integral_constant<Fold, Fold::kMax>());
    case Fold::kMin:
      return call(std::integral_constant<Fold, Fold::kMin>());
    default:
      return call(std::integral_constant<Fold, Fold::kProduct>());
  }
}

template <typename T>
Accumulator<T> Row(const ReduceF32Variant& variant, Fold fold, const T* x, int64_t count,
                   Accumulator<T> shift) {
  if constexpr (std::is_same_v<T, float>) {
    return variant.row(fold, x, count, static_cast<float>(shift));
  } else {
    return WithFold(fold, [&](auto kind) { return Loops<decltype(kind)::value, T>::Row(x, count, shift); });
  }
}

template <typename T>
void Columns(const ReduceF32Variant& variant, Fold fold, const T* x, int64_t rows, int64_t stride,
             int64_t columns, const T* shift, Accumulator<T>* accumulators) {
  if constexpr (std::is_same_v<T, float>) {
    variant.columns(fold, x, rows, stride, columns, shift, accumulators);
  } else {
    WithFold(fold, [&](auto kind) {
      Loops<decltype(kind)::value, T>::Columns(x, rows, stride, columns, shift, accumulators);
    });
  }
}

// Offset of the position-th item of nested loops.
int64_t OffsetOf(const ReducePlan::Extents& dims, const ReducePlan::Extents& strides, int64_t position) {
  if (dims.empty()) return 0;
  int64_t offset = 0;
  for (size_t i = dims.size(); --i > 0; position /= dims[i]) offset += position % dims[i] * strides[i];
  return offset + position * strides[0];  // mostly all there is, and a division costs as much as a short row
}

template <typename T>
struct Job {
  Fold fold;
  const ReducePlan& plan;
  const ReduceF32Variant& variant;
  const T* in;
  const T* shift;  // one an output, or null
  using A = Accumulator<T>;

  // Columns [first, first + count) of one item of the kept loops, over outer reductions [begin, end) and rows
  // [row, row + rows).
  void Accumulate(int64_t kept, int64_t first, int64_t count, int64_t begin, int64_t end, int64_t row,
                  int64_t rows, A* sums) const {
    const T* base = in + OffsetOf(plan.kept_dims, plan.kept_strides, kept) + first + row * plan.columns;
    const T* moved = shift != nullptr ? shift + kept * plan.columns + first : nullptr;
    for (int64_t i = begin; i < end; ++i) {
      const T* x = base + OffsetOf(plan.reduced_dims, plan.reduced_strides, i);
      if (plan.columns == 1) {
        sums[0] =
            Join(fold, sums[0], Row<T>(variant, fold, x, rows, moved != nullptr ? Widen<T>(*moved) : A{0}));
      } else {
        Columns<T>(variant, fold, x, rows, plan.columns, count, moved, sums);
      }
    }
  }
};

// finish(accumulator, output index) gives the element to store.
template <typename T, typename Finish>
void Fill(const Job<T>& job, T* out, std::byte* scratch, ThreadPool& threads, Finish finish) {
  using A = Accumulator<T>;
  const ReducePlan& plan = job.plan;
  const A identity = IdentityOf<T>(job.fold);
  const int64_t strips = CeilDiv(plan.columns, kColumnChunk);
  if (!plan.split) {
    const int64_t unit_elements = plan.reduced * std::min(plan.columns, kColumnChunk);
    const int64_t grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, unit_elements));
    threads.ParallelRanges(plan.kept_count * strips, grain, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t kept = strips == 1 ? unit : unit / strips,
                      first = (unit - kept * strips) * kColumnChunk;
        const int64_t count = std::min(kColumnChunk, plan.columns - first);
        A sums[kColumnChunk];
        std::fill(sums, sums + count, identity);
        job.Accumulate(kept, first, count, 0, plan.reduced_count, 0, plan.rows, sums);
        for (int64_t j = 0; j < count; ++j) {
          const int64_t at = kept * plan.columns + first + j;
          out[at] = finish(sums[j], at);
        }
      }
    });
    return;
  }
  A* partial = reinterpret_cast<A*>(scratch);  // [outer reductions][pieces][outputs]
  const int64_t parts = plan.reduced_count * plan.pieces;
  threads.ParallelFor(parts * plan.kept_count * strips, [&](int64_t unit) {
    const int64_t part = unit / (plan.kept_count * strips), rest = unit % (plan.kept_count * strips);
    const int64_t kept = rest / strips, first = rest % strips * kColumnChunk;
    const int64_t count = std::min(kColumnChunk, plan.columns - first);
    A* sums = partial + part * plan.outputs + kept * plan.columns + first;
    std::fill(sums, sums + count, identity);
    const int64_t outer = part / plan.pieces, row = part % plan.pieces * plan.piece_rows;
    job.Accumulate(kept, first, count, outer, outer + 1, row, std::min(plan.piece_rows, plan.rows - row),
                   sums);
  });
  for (int64_t at = 0; at < plan.outputs; ++at) {
    A sum = partial[at];
    for (int64_t part = 1; part < parts; ++part) sum = Join(job.fold, sum, partial[part * plan.outputs + at]);
    out[at] = finish(sum, at);
  }
}

Fold FoldOf(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kMax:
      return Fold::kMax;
    case ReduceKind::kMin:
      return Fold::kMin;
    case ReduceKind::kProduct:
      return Fold::kProduct;
    case ReduceKind::kL1:
      return Fold::kSumAbs;
    case ReduceKind::kL2:
    case ReduceKind::kSumSquare:
      return Fold::kSumSquare;
    case ReduceKind::kLogSumExp:
      return Fold::kSumExp;
    default:
      return Fold::kSum;
  }
}

// A double as an integer: truncated, clamped, zero for NaN, so that a logarithm of zero is no undefined
// behaviour.
template <typename T>
T Truncated(double x) {
  if constexpr (!std::is_integral_v<T>) {
    return Narrow<T>(x);
  } else {
    if (x != x) return 0;
    if (x <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
    if (x >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(x);
  }
}

template <typename T>
T Finished(ReduceKind kind, Accumulator<T> sum, int64_t reduced) {
  using A = Accumulator<T>;
  switch (kind) {
    case ReduceKind::kMean:
      if constexpr (std::is_integral_v<T>)
        return reduced == 0 ? T{0} : static_cast<T>(sum / static_cast<A>(reduced));
      else
        return Narrow<T>(sum / static_cast<double>(reduced));
    case ReduceKind::kL2:
      return Truncated<T>(std::sqrt(static_cast<double>(sum)));
    case ReduceKind::kLogSum:
      return Truncated<T>(std::log(static_cast<double>(sum)));
    default:
      return Narrow<T>(sum);
  }
}

// log(sum(exp(x))) with the largest element taken out, which the first pass leaves in `out`.
template <typename T>
void LogSumExp(const ReducePlan& plan, const ReduceF32Variant& variant, const T* in, T* out,
               std::byte* scratch, ThreadPool& threads) {
  if constexpr (std::is_integral_v<T>) {
    // Rare and small: straight in double.
    for (int64_t at = 0; at < plan.outputs; ++at) {
      const T* base = in + OffsetOf(plan.kept_dims, plan.kept_strides, at / plan.columns) + at % plan.columns;
      double sum = 0;
      for (int64_t i = 0; i < plan.reduced_count; ++i) {
        const T* x = base + OffsetOf(plan.reduced_dims, plan.reduced_strides, i);
        for (int64_t row = 0; row < plan.rows; ++row)
          sum += std::exp(static_cast<double>(x[row * plan.columns]));
      }
      out[at] = Truncated<T>(std::log(sum));
    }
  } else {
    Fill(Job<T>{Fold::kMax, plan, variant, in, nullptr}, out, scratch, threads, [](double sum, int64_t) {
      // An infinite shift would make inf - inf; without a shift the exponentials are infinite or zero as they
      // should.
      return Narrow<T>(std::isinf(sum) ? 0.0 : sum);
    });
    Fill(Job<T>{Fold::kSumExp, plan, variant, in, out}, out, scratch, threads,
         [out](double sum, int64_t at) { return Narrow<T>(Widen<T>(out[at]) + std::log(sum)); });
  }
}

}  // namespace

size_t ReducePlan::ScratchBytes() const {
  return split ? static_cast<size_t>(reduced_count * pieces * outputs) * sizeof(double) : 0;
}

ReducePlan PlanReduce(std::span<const int64_t> dims, std::span<const bool> reduced, bool may_split) {
  struct Axis {
    int64_t count;
    bool reduced;
  };
  SmallVector<Axis, 6> axes;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (!axes.empty() && axes.back().reduced == reduced[i]) {
      axes.back().count *= dims[i];
    } else {
      axes.push_back({dims[i], reduced[i]});
    }
  }
  ReducePlan plan;
  int64_t stride = 1;
  if (!axes.empty() && !axes.back().reduced) {
    // Nothing reduced at all is a reduction of rows of one element.
    plan.columns = axes.size() > 1 ? axes.back().count : 1;
    if (axes.size() > 1) {
      stride = axes.back().count;
      axes.pop_back();
    }
  }
  if (!axes.empty() && axes.back().reduced) {
    plan.rows = axes.back().count;
    stride *= axes.back().count;
    axes.pop_back();
  }
  plan.reduced = plan.rows;
  for (size_t i = axes.size(); i-- > 0;) {
    const Axis axis = axes[i];
    auto& at_dims = axis.reduced ? plan.reduced_dims : plan.kept_dims;
    auto& at_strides = axis.reduced ? plan.reduced_strides : plan.kept_strides;
    at_dims.insert(at_dims.begin(), axis.count);
    at_strides.insert(at_strides.begin(), stride);
    (axis.reduced ? plan.reduced_count : plan.kept_count) *= axis.count;
    if (axis.reduced) plan.reduced *= axis.count;
    stride *= axis.count;
  }
  plan.outputs = plan.kept_count * plan.columns;
  plan.piece_rows = plan.rows;
  const int64_t units = plan.kept_count * CeilDiv(plan.columns, kColumnChunk);
  if (may_split && plan.outputs > 0 && units < kFewUnits &&
      plan.reduced * plan.outputs >= 2 * kChunkElements) {
    plan.piece_rows = std::max<int64_t>(1, kChunkElements / std::min(plan.columns, kColumnChunk));
    plan.pieces = std::max<int64_t>(1, CeilDiv(plan.rows, plan.piece_rows));
    // Partial results must stay few beside the elements that they stand for.
    const int64_t parts = plan.reduced_count * plan.pieces;
    plan.split = parts > 1 && parts * plan.outputs * 16 <= plan.reduced * plan.outputs;
  }
  return plan;
}

const ReduceF32Variant& SelectReduceF32(Isa isa) {
  for (const ReduceF32Variant* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const ReduceF32Variant* const> AllReduceF32() {
  return kVariants;
}

template <typename T>
void RunReduce(ReduceKind kind, const ReducePlan& plan, const ReduceF32Variant& variant, const T* in, T* out,
               std::byte* scratch, ThreadPool& threads) {
  if (plan.outputs == 0) return;
  if (kind == ReduceKind::kLogSumExp) return LogSumExp(plan, variant, in, out, scratch, threads);
  Fill(Job<T>{FoldOf(kind), plan, variant, in, nullptr}, out, scratch, threads,
       [&](Accumulator<T> sum, int64_t) { return Finished<T>(kind, sum, plan.reduced); });
}

#define ORTOLAN_INSTANTIATE(T)                                                                     \
  template void RunReduce<T>(ReduceKind, const ReducePlan&, const ReduceF32Variant&, const T*, T*, \
                             std::byte*, ThreadPool&);
ORTOLAN_INSTANTIATE(float)
ORTOLAN_INSTANTIATE(double)
ORTOLAN_INSTANTIATE(Float16)
ORTOLAN_INSTANTIATE(BFloat16)
ORTOLAN_INSTANTIATE(int8_t)
ORTOLAN_INSTANTIATE(uint8_t)
ORTOLAN_INSTANTIATE(int32_t)
ORTOLAN_INSTANTIATE(int64_t)
ORTOLAN_INSTANTIATE(uint32_t)
ORTOLAN_INSTANTIATE(uint64_t)
#undef ORTOLAN_INSTANTIATE

}  // namespace ortolan::kernels
