// Unique: the distinct elements (or slices along an axis) of its input, sorted or in order of appearance,
// with where each first stands, which of them each element is, and how often each occurs. Refuses an axis out
// of range.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  for (size_t i = 1; i < 4; ++i) context.SetType(i, DType::kInt64);
  const graph::Dim count = context.Unknown();
  context.SetShape(1, {count});
  context.SetShape(3, {count});
  const graph::Shape& shape = context.shape(0);
  if (!context.attributes().Has("axis")) {
    context.SetShape(0, {count});
    context.SetShape(2, shape.has_rank() ? graph::Shape{shape.Count()} : graph::Shape{context.Unknown()});
    return OkStatus();
  }
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", 0), shape.rank()));
  graph::Shape out = shape;
  context.SetShape(2, {shape[static_cast<size_t>(axis)]});
  out[static_cast<size_t>(axis)] = count;
  context.SetShape(0, std::move(out));
  return OkStatus();
}

struct State {
  bool has_axis;
  bool sorted;
  int64_t axis;
  DType dtype;
};

struct View {
  int64_t outer = 1, count = 1, inner = 1;
};

// Less, equal or greater; NaNs are equal to each other and behind all numbers, so that sorting is well
// defined.
template <typename Real>
int Order(const ComplexElement<Real>& a, const ComplexElement<Real>& b);
template <typename T>
int Order(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, std::string>) {
    return a.compare(b);
  } else {
    const auto x = AsNumber(a), y = AsNumber(b);
    if (x != x || y != y) return (x != x) - (y != y);
    return x < y ? -1 : x > y ? 1 : 0;
  }
}

// By the real part, then by the imaginary one.
template <typename Real>
int Order(const ComplexElement<Real>& a, const ComplexElement<Real>& b) {
  const int order = Order(a.real, b.real);
  return order != 0 ? order : Order(a.imaginary, b.imaginary);
}

template <typename T>
int OrderSlices(const T* x, const View& view, int64_t a, int64_t b) {
  for (int64_t o = 0; o < view.outer; ++o) {
    const T* base = x + o * view.count * view.inner;
    for (int64_t i = 0; i < view.inner; ++i) {
      const int order = Order(base[a * view.inner + i], base[b * view.inner + i]);
      if (order != 0) return order;
    }
  }
  return 0;
}

// Numbers in the order in which they come first, found by an open table of twice as many places.
template <typename T>
class Groups {
 public:
  // The group of a number, a new one where there is none.
  int64_t Find(T item, int64_t position, std::vector<int64_t>* first, const T* x) {
    if (2 * (first->size() + 1) > places_.size()) Grow(*first, x);
    const size_t mask = places_.size() - 1;
    size_t at = Hash(item) & mask;
    for (; places_[at] >= 0; at = (at + 1) & mask) {
      if (x[(*first)[static_cast<size_t>(places_[at])]] == item) return places_[at];
    }
    places_[at] = static_cast<int64_t>(first->size());
    first->push_back(position);
    return places_[at];
  }

 private:
  static size_t Hash(T item) {
    uint64_t bits = 0;
    if constexpr (std::is_floating_point_v<T>) {
      const T number = item + T(0);  // the two zeros are one
      std::memcpy(&bits, &number, sizeof(number));
    } else {
      bits = static_cast<uint64_t>(item);
    }
    bits *= 0x9e3779b97f4a7c15u;  // 2^64 over the golden ratio: upper bits depend on all below
    return static_cast<size_t>(bits >> 32);
  }

  void Grow(const std::vector<int64_t>& first, const T* x) {
    places_.assign(std::max<size_t>(64, 4 * places_.size()), -1);
    const size_t mask = places_.size() - 1;
    for (size_t group = 0; group < first.size(); ++group) {
      size_t at = Hash(x[first[group]]) & mask;
      while (places_[at] >= 0) at = (at + 1) & mask;
      places_[at] = static_cast<int64_t>(group);
    }
  }

  std::vector<int64_t> places_;  // groups; -1 is free
};

// Groups of equal numbers in the order in which they come first, without sorting. False, with nothing done,
// for types that are no numbers and where there is a NaN, which equals nothing. `group` may be null.
template <typename T>
bool GroupByHash(const T* x, int64_t count, int64_t* group, std::vector<int64_t>* first,
                 std::vector<int64_t>* counts) {
  if constexpr (std::is_arithmetic_v<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      bool strange = false;
      for (int64_t i = 0; i < count; ++i) strange |= x[i] != x[i];
      if (strange) return false;
    }
    Groups<T> groups;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t found = groups.Find(x[i], i, first, x);
      if (found == static_cast<int64_t>(counts->size())) counts->push_back(0);
      ++(*counts)[static_cast<size_t>(found)];
      if (group != nullptr) group[i] = found;
    }
    return true;
  } else {
    return false;
  }
}

// The size of the answer depends on the data, so what is found is kept on the heap until it is known.
template <typename T>
Status Find(const State& state, const View& view, Dims dims, size_t axis, RunContext& context) {
  const T* x = context.input(0).As<const T>();
  // What the answer's third part holds is first the group of each element, then its place.
  ORTOLAN_RETURN_IF_ERROR(context.Output(2, {view.count}));
  std::vector<int64_t> order, own, first, counts;
  int64_t* group = context.HasOutput(2) ? context.output(2).As<int64_t>() : nullptr;
  const bool hashed = view.outer * view.inner == 1 && GroupByHash(x, view.count, group, &first, &counts);
  if (!hashed) {
    order.resize(static_cast<size_t>(view.count));
    if (group == nullptr) own.resize(order.size()), group = own.data();
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return OrderSlices(x, view, a, b) < 0; });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || OrderSlices(x, view, order[i - 1], order[i]) != 0) {
        first.push_back(order[i]);  // stable: the first to appear
        counts.push_back(0);
      }
      group[order[i]] = static_cast<int64_t>(first.size()) - 1;
      ++counts.back();
    }
  }
  // Position of each group in the answer, and the group at each position.
  std::vector<int64_t> groups(first.size()), position(first.size());
  std::iota(groups.begin(), groups.end(), int64_t{0});
  auto first_of = [&](int64_t which) { return first[static_cast<size_t>(which)]; };
  if (hashed && state.sorted) {
    std::sort(groups.begin(), groups.end(),
              [&](int64_t a, int64_t b) { return OrderSlices(x, view, first_of(a), first_of(b)) < 0; });
  }
  if (!hashed && !state.sorted)
    std::sort(groups.begin(), groups.end(), [&](int64_t a, int64_t b) { return first_of(a) < first_of(b); });
  for (size_t i = 0; i < groups.size(); ++i)
    position[static_cast<size_t>(groups[i])] = static_cast<int64_t>(i);
  const int64_t found = static_cast<int64_t>(first.size());
  dims[axis] = found;
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  ORTOLAN_RETURN_IF_ERROR(context.Output(1, {found}));
  ORTOLAN_RETURN_IF_ERROR(context.Output(3, {found}));
  for (int64_t i = 0; i < found; ++i) {
    const int64_t which = groups[static_cast<size_t>(i)];
    for (int64_t o = 0; context.HasOutput(0) && o < view.outer; ++o) {
      const T* from = x + (o * view.count + first_of(which)) * view.inner;
      std::copy(from, from + view.inner, context.output(0).As<T>() + (o * found + i) * view.inner);
    }
    if (context.HasOutput(1)) context.output(1).As<int64_t>()[i] = first_of(which);
    if (context.HasOutput(3)) context.output(3).As<int64_t>()[i] = counts[static_cast<size_t>(which)];
  }
  const bool moved = !hashed || state.sorted;
  for (int64_t i = 0; context.HasOutput(2) && moved && i < view.count; ++i)
    group[i] = position[static_cast<size_t>(group[i])];
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  View view{1, x.count(), 1};
  Dims dims{0};
  size_t at = 0;
  if (state.has_axis) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(x.rank())));
    at = static_cast<size_t>(axis);
    const std::span<const int64_t> all(x.dims.data(), x.rank());
    view = {ElementCount(all.first(at)), all[at], ElementCount(all.subspan(at + 1))};
    dims = x.dims;
  }
  return WithAnyType(state.dtype, [&](auto tag) {
    return Find<typename decltype(tag)::Type>(state, view, dims, at, context);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const DType dtype = context.input_dtype(0);
  if (!Contains(kNumericTypes | kComplexTypes | SetOf(DType::kBool, DType::kString), dtype)) {
    return NotImplemented("Unique of {}", DTypeName(dtype));
  }
  prepared->state = std::make_shared<const State>(
      State{attributes.Has("axis"), attributes.Int("sorted", 1) != 0, attributes.Int("axis", 0), dtype});
  prepared->run = Run;
  prepared->kernel = "unique";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 28};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"},
                                        {"indices", "tensor(int64)", Arity::kOptional},
                                        {"inverse_indices", "tensor(int64)", Arity::kOptional},
                                        {"counts", "tensor(int64)", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}, {"sorted", AttributeType::kInt}};

}  // namespace

extern const OpDef kUnique;
constexpr OpDef kUnique{.domain = "",
                        .name = "Unique",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .traits = {.data_dependent_shape = true},
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
