// TopK: the k largest or smallest elements along an axis with their positions, of equals the first; NaN
// counts as largest. Refuses k beyond the axis.
#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <numeric>
#include <type_traits>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

using graph::Dim;

// Slices of one chunk share a piece of scratch; more chunks than this would only cost scratch.
constexpr int64_t kMostChunks = 16;
constexpr int64_t kChunkElements = 8 << 10;

// At opset 1 k was an attribute; `largest` and `sorted` came with opset 11.
Status Raise(RaiseContext& context) {
  if (context.opset >= 10) return OkStatus();
  const int64_t k = context.node.attributes.Int("k", 0);
  context.node.SetInput(1, context.Constant(Tensor::Of<int64_t>({1}, std::span<const int64_t>(&k, 1))));
  context.node.attributes.Remove("k");
  return OkStatus();
}

Status CheckK(int64_t k, int64_t size) {
  if (k >= 0 && k <= size) return OkStatus();
  return InvalidArgument("k argument [{}] should not be greater than specified axis dim value [{}]", k, size);
}

Status Infer(InferContext& context) {
  context.SetType(1, DType::kInt64);
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", -1), shape.rank()));
  graph::Shape found = shape;
  Dim& dim = found[static_cast<size_t>(axis)];
  const auto k = context.Ints(1);
  if (k && k->size() == 1) {
    if ((*k)[0].IsConstant() && dim.IsConstant())
      ORTOLAN_RETURN_IF_ERROR(CheckK((*k)[0].constant(), dim.constant()));
    dim = (*k)[0];
  } else {
    dim = context.Unknown();
  }
  context.SetShape(0, found);
  context.SetShape(1, found);
  return OkStatus();
}

struct State {
  int64_t axis;
  bool largest;
  bool sorted;
  DType dtype;
};

struct View {
  int64_t outer, count, inner;
  int64_t slices() const { return outer * inner; }
  int64_t chunk() const {
    const int64_t fair = (slices() + kMostChunks - 1) / kMostChunks;
    return std::max({int64_t{1}, fair, kChunkElements / std::max<int64_t>(1, count)});
  }
};

Result<View> ViewOf(int64_t axis, std::span<const int64_t> dims) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t at, NormalizeAxis(axis, static_cast<int64_t>(dims.size())));
  const size_t split = static_cast<size_t>(at);
  return View{ElementCount(dims.first(split)), dims[split], ElementCount(dims.subspan(split + 1))};
}

// Elements of up to 32 bits are compared as one integer with their position: above stands what comes first.
template <typename T>
constexpr bool kHasKeys = sizeof(T) <= 4;

template <typename T, bool kLargest>
uint64_t KeyOf(T x, int64_t i) {
  uint32_t order = 0;
  if constexpr (std::is_integral_v<T>) {
    order = static_cast<uint32_t>(x) ^ (std::is_signed_v<T> ? 0x80000000u : 0u);
  } else {
    const float number = AsNumber(x) + 0.0f;  // one zero instead of two
    const uint32_t bits = std::bit_cast<uint32_t>(number);
    order = number != number ? ~0u : (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
  }
  return uint64_t{kLargest ? order : ~order} << 32 | (~static_cast<uint32_t>(i));
}

int64_t PositionOf(uint64_t key) {
  return static_cast<int64_t>(~static_cast<uint32_t>(key));
}

// The k first keys to keys[0..k), in no order: candidates are gathered and thinned out when there are twice
// as many. Room for `count` keys.
template <typename T, bool kLargest>
void BestOf(const T* x, int64_t stride, int64_t count, int64_t k, uint64_t* keys) {
  const int64_t most = std::min(count, std::max<int64_t>(2 * k, 256));
  uint64_t border = 0;
  bool full = false;
  int64_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t key = KeyOf<T, kLargest>(x[i * stride], i);
    if (full && key <= border) continue;
    keys[kept++] = key;
    if (kept < most || kept == k) continue;
    std::nth_element(keys, keys + k - 1, keys + kept, std::greater<>());
    border = keys[k - 1];
    full = true;
    kept = k;
  }
  if (kept > k) std::nth_element(keys, keys + k - 1, keys + kept, std::greater<>());
}

// Rows of floats are looked at in lanes: the best of each lane are elements of the row, so the kth of them is
// no better than the kth of the row, and what is worse than it is left out sixteen elements at a time.
constexpr int64_t kBlock = 16;
constexpr int64_t kMostLanes = 256;

int64_t LanesFor(int64_t k) {
  return (k + k / 2 + kBlock - 1) / kBlock * kBlock;
}

template <bool kLargest>
bool IsBetter(float a, float b) {
  return kLargest ? a > b : a < b;
}

template <bool kLargest>
void BestOfLanes(const float* x, int64_t count, int64_t k, uint64_t* keys) {
  const int64_t lanes = LanesFor(k), whole = count / lanes * lanes;
  float best[kMostLanes];
  // NaN is never better here, so lanes of nothing else only lower the border.
  std::fill_n(best, lanes,
              kLargest ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < whole; i += lanes) {
    for (int64_t l = 0; l < lanes; ++l) best[l] = IsBetter<kLargest>(x[i + l], best[l]) ? x[i + l] : best[l];
  }
  std::nth_element(best, best + k - 1, best + lanes, IsBetter<kLargest>);
  const float border = best[k - 1];
  int64_t kept = 0;
  const auto offer = [&](int64_t i) {
    if (!IsBetter<kLargest>(border, x[i])) keys[kept++] = KeyOf<float, kLargest>(x[i], i);
  };
  int64_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    int candidates = 0;
    for (int64_t l = 0; l < kBlock; ++l) candidates += !IsBetter<kLargest>(border, x[i + l]);
    if (candidates == 0) continue;
    for (int64_t l = i; l < i + kBlock; ++l) offer(l);
  }
  for (; i < count; ++i) offer(i);
  if (kept > k) std::nth_element(keys, keys + k - 1, keys + kept, std::greater<>());
}

template <typename T, bool kLargest>
void BestKeys(const T* x, int64_t stride, int64_t count, int64_t k, uint64_t* keys) {
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1 && LanesFor(k) <= kMostLanes && count >= 2 * LanesFor(k)) {
      return BestOfLanes<kLargest>(x, count, k, keys);
    }
  }
  BestOf<T, kLargest>(x, stride, count, k, keys);
}

// A strict order even where there are NaNs.
template <bool kLargest, typename W>
bool Before(W a, W b, int64_t i, int64_t j) {
  const bool nan_a = a != a, nan_b = b != b;
  if (nan_a || nan_b) return nan_a == nan_b ? i < j : nan_a == kLargest;
  if (a != b) return kLargest ? a > b : a < b;
  return i < j;
}

template <typename T, bool kLargest>
void Slice(const T* x, int64_t stride, int64_t count, int64_t k, bool sorted, int64_t* order, T* values,
           int64_t* indices) {
  if (k == 0) return;
  if constexpr (kHasKeys<T>) {
    if (count <= int64_t{1} << 31) {
      auto* keys = reinterpret_cast<uint64_t*>(order);
      BestKeys<T, kLargest>(x, stride, count, k, keys);
      if (sorted) std::sort(keys, keys + k, std::greater<>());
      for (int64_t i = 0; i < k; ++i) {
        const int64_t at = PositionOf(keys[i]);
        if (values != nullptr) values[i * stride] = x[at * stride];
        if (indices != nullptr) indices[i * stride] = at;
      }
      return;
    }
  }
  std::iota(order, order + count, int64_t{0});
  auto before = [x, stride](int64_t i, int64_t j) {
    return Before<kLargest>(AsNumber(x[i * stride]), AsNumber(x[j * stride]), i, j);
  };
  if (k < count) std::nth_element(order, order + k, order + count, before);
  if (sorted) std::sort(order, order + k, before);
  for (int64_t i = 0; i < k; ++i) {
    if (values != nullptr) values[i * stride] = x[order[i] * stride];
    if (indices != nullptr) indices[i * stride] = order[i];
  }
}

template <typename T, bool kLargest>
void Search(const State& state, const View& view, int64_t k, RunContext& context) {
  const T* x = context.input(0).As<T>();
  T* values = context.HasOutput(0) ? context.output(0).As<T>() : nullptr;
  int64_t* indices = context.HasOutput(1) ? context.output(1).As<int64_t>() : nullptr;
  int64_t* orders = reinterpret_cast<int64_t*>(context.scratch());
  const int64_t chunk = view.chunk(), chunks = (view.slices() + chunk - 1) / chunk;
  context.threads().ParallelFor(chunks, [&](int64_t which) {
    for (int64_t i = which * chunk; i < std::min((which + 1) * chunk, view.slices()); ++i) {
      const int64_t outer = i / view.inner, inner = i % view.inner;
      const int64_t to = outer * k * view.inner + inner;
      Slice<T, kLargest>(x + outer * view.count * view.inner + inner, view.inner, view.count, k, state.sorted,
                         orders + which * view.count, values != nullptr ? values + to : nullptr,
                         indices != nullptr ? indices + to : nullptr);
    }
  });
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const View view,
                           ViewOf(static_cast<const State*>(opaque)->axis, context.inputs[0]));
  const int64_t chunks = (view.slices() + view.chunk() - 1) / view.chunk();
  binding->scratch_bytes = static_cast<size_t>(chunks * view.count) * sizeof(int64_t);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const View view, ViewOf(state.axis, context.input(0).dims));
  const Dims wanted = IntsOf(context.input(1));
  if (wanted.size() != 1) return InvalidArgument("k tensor should be a 1D tensor of size 1");
  const int64_t k = wanted[0];
  ORTOLAN_RETURN_IF_ERROR(CheckK(k, view.count));
  for (size_t i = 0; i < 2; ++i) {
    if (context.HasOutput(i) && context.output(i).count() != view.slices() * k) {
      return Fail("TopK: the output's shape {} does not fit k {}", DimsText(context.output(i).dims), k);
    }
  }
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    (state.largest ? Search<T, true> : Search<T, false>)(state, view, k, context);
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const DType dtype = context.input_dtype(0);
  if (!Contains(kNumericTypes, dtype)) return NotImplemented("TopK of {}", DTypeName(dtype));
  prepared->state =
      std::make_shared<const State>(State{attributes.Int("axis", -1), attributes.Int("largest", 1) != 0,
                                          attributes.Int("sorted", 1) != 0, dtype});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "top_k";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 10, 11, 24};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"K", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"Values", "T"}, {"Indices", "I"}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes}, {"I", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {
    {"sorted", AttributeType::kInt}, {"largest", AttributeType::kInt}, {"axis", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"k", AttributeType::kInt}};

}  // namespace

extern const OpDef kTopK;
constexpr OpDef kTopK{.domain = "",
                      .name = "TopK",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .raise = Raise,
                      .infer = Infer,
                      .prepare = Prepare,
                      .old_attributes = kOldAttributes};

}  // namespace ortolan
