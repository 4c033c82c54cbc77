#include "ops/reduce/arg_extreme.h"

#include <algorithm>

#include "kernels/reduce/reduce.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

constexpr int64_t kChunkElements = 32 << 10;
// Columns whose best values stand on the stack at once.
constexpr int64_t kColumns = 256;

struct State {
  int64_t axis;
  bool largest;
  bool last;  // of equals the last
  DType dtype;
  const kernels::ReduceF32Variant* variant;
};

struct View {
  int64_t outer, count, inner;
};

// NaN is more extreme than any number, and the first NaN wins, as numpy has it.
template <bool kLargest, bool kLast, typename W>
bool Beats(W item, W best) {
  if (best != best) return kLast && item != item;
  if (item != item) return true;
  if (kLast && item == best) return true;
  return kLargest ? item > best : item < best;
}

template <typename T, bool kLargest, bool kLast>
void Columns(const T* x, const View& view, int64_t first, int64_t columns, int64_t* out) {
  WideNumber<T> best[kColumns];
  for (int64_t j = 0; j < columns; ++j) {
    best[j] = AsNumber(x[first + j]);
    out[j] = 0;
  }
  for (int64_t i = 1; i < view.count; ++i) {
    const T* row = x + i * view.inner + first;
    for (int64_t j = 0; j < columns; ++j) {
      const auto item = AsNumber(row[j]);
      if (Beats<kLargest, kLast>(item, best[j])) {
        best[j] = item;
        out[j] = i;
      }
    }
  }
}

// Rows of floats: the vector kernel finds the value, then the first element that equals it is looked for.
int64_t FloatRow(const State& state, const float* x, int64_t count) {
  const auto fold = state.largest ? kernels::Fold::kMax : kernels::Fold::kMin;
  const float best = static_cast<float>(state.variant->row(fold, x, count, 0));
  if (best != best) return std::find_if(x, x + count, [](float item) { return item != item; }) - x;
  return std::find(x, x + count, best) - x;
}

template <typename T, bool kLargest, bool kLast>
void Search(const State& state, const View& view, const T* x, int64_t* out, ThreadPool& threads) {
  const int64_t strips = (view.inner + kColumns - 1) / kColumns;
  const int64_t grain = std::max<int64_t>(1, kChunkElements / (view.count * std::min(view.inner, kColumns)));
  threads.ParallelRanges(view.outer * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kColumns;
      const T* base = x + i / strips * view.count * view.inner;
      int64_t* to = out + i / strips * view.inner + first;
      if constexpr (std::is_same_v<T, float> && !kLast) {
        if (view.inner == 1) {
          *to = FloatRow(state, base, view.count);
          continue;
        }
      }
      Columns<T, kLargest, kLast>(base, view, first, std::min(kColumns, view.inner - first), to);
    }
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& dims = context.input(0).dims;
  View view{1, 1, 1};
  if (!dims.empty()) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                             NormalizeAxis(state.axis, static_cast<int64_t>(dims.size())));
    const std::span<const int64_t> all(dims.data(), dims.size());
    const size_t at = static_cast<size_t>(axis);
    view = {ElementCount(all.first(at)), dims[at], ElementCount(all.subspan(at + 1))};
  }
  if (view.outer == 0 || view.inner == 0) return OkStatus();
  if (view.count == 0)
    return InvalidArgument("an extreme of nothing: axis {} of {} is empty", state.axis, DimsText(dims));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* x = context.input(0).As<T>();
    int64_t* out = context.output(0).As<int64_t>();
    if (state.largest) {
      (state.last ? Search<T, true, true> : Search<T, true, false>)(state, view, x, out, context.threads());
    } else {
      (state.last ? Search<T, false, true> : Search<T, false, false>)(state, view, x, out, context.threads());
    }
    return OkStatus();
  });
}

}  // namespace

Status InferArgExtreme(InferContext& context) {
  context.SetType(0, DType::kInt64);
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  const bool keep = context.attributes().Int("keepdims", 1) != 0;
  graph::Shape::DimList dims = shape.dims();
  if (!dims.empty()) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                             NormalizeAxis(context.attributes().Int("axis", 0), shape.rank()));
    if (keep) {
      dims[static_cast<size_t>(axis)] = 1;
    } else {
      dims.erase(dims.begin() + axis);
    }
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status PrepareArgExtreme(PrepareContext& context, bool largest, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const DType dtype = context.input_dtype(0);
  if (!Contains(kNumericTypes, dtype))
    return NotImplemented("{} of {}", context.node.op_type, DTypeName(dtype));
  const auto* variant = &kernels::SelectReduceF32(context.isa);
  prepared->state = std::make_shared<const State>(
      State{attributes.Int("axis", 0), largest, attributes.Int("select_last_index", 0) != 0, dtype, variant});
  prepared->run = Run;
  prepared->kernel = dtype == DType::kFloat ? fmt::format("arg_{}", variant->name) : "arg_plain";
  return OkStatus();
}

}  // namespace ortolan
