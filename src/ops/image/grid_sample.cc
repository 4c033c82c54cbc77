// GridSample: reads a map of one to three spatial axes at the normalised coordinates of a grid, by the
// nearest element, linear or cubic interpolation; outside the map there are zeros, its border, or its
// reflection. Interpolation refuses types that are no floats.
//
// Cubic interpolation with padding by the border: ONNX's text asks for "border values for out-of-bound grid
// locations" and does not say whether the location moves to the border before its weights are taken, as in
// ONNX's reference evaluator, or each of its taps does. PyTorch's grid_sample, which the text names as its
// model and exports from, and onnxruntime move the taps; so does this room. The results differ only where a
// location is less than two elements outside. In padding by zeros and reflection all agree.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

constexpr size_t kMostAxes = 3;
constexpr size_t kMostAxisTaps = 4;
constexpr size_t kMostTaps = 64;  // kMostAxisTaps ^ kMostAxes

enum class Mode : uint8_t { kLinear, kNearest, kCubic };
enum class Padding : uint8_t { kZeros, kBorder, kReflection };

// Until opset 19 the modes were named after two dimensions.
Status Raise(RaiseContext& context) {
  graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("mode", "bilinear");
  if (context.opset >= 20) return OkStatus();
  if (mode == "bilinear") attributes.Set("mode", std::string("linear"));
  if (mode == "bicubic") attributes.Set("mode", std::string("cubic"));
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& grid = context.shape(1);
  if (!x.has_rank() || !grid.has_rank()) return OkStatus();
  if (x.rank() < 3 || grid.rank() != x.rank()) {
    return Fail("[ShapeInferenceError] GridSample: X has rank {} and the grid rank {}, expected equal ones",
                x.rank(), grid.rank());
  }
  const auto rank = static_cast<size_t>(x.rank());
  if (grid[rank - 1].IsConstant() && !grid[rank - 1].Is(x.rank() - 2)) {
    return Fail("[ShapeInferenceError] GridSample: the grid has {} coordinates, the map {} axes",
                grid[rank - 1].constant(), rank - 2);
  }
  graph::Shape::DimList dims = {x[0], x[1]};
  dims.insert(dims.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  Mode mode;
  Padding padding;
  bool align_corners;
};

// What one axis contributes to one output: elements and their weights; -1 is a zero outside the map.
struct AxisTaps {
  size_t count = 1;
  std::array<int64_t, kMostAxisTaps> at{};
  std::array<double, kMostAxisTaps> weight{};
};

double Reflect(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0)) return low;
  const double beyond = x < low ? low - x : x - high;
  if (!(beyond > 0)) return x;
  const double turns = std::floor(beyond / range);
  const double rest = beyond - turns * range;
  const bool even = std::fmod(turns, 2.0) == 0;
  return even == (x < low) ? low + rest : high - rest;
}

// The element that index i means under the padding, or -1.
int64_t Inside(double i, int64_t size, const State& state, double low, double high) {
  const double last = static_cast<double>(size - 1);
  if (i >= 0 && i <= last) return static_cast<int64_t>(i);
  if (state.padding == Padding::kZeros) return -1;
  const double inside = state.padding == Padding::kBorder ? i : std::trunc(Reflect(i, low, high));
  return static_cast<int64_t>(std::clamp(inside, 0.0, last));
}

void CubicWeights(double t, std::array<double, kMostAxisTaps>& w) {
  constexpr double a = -0.75;
  auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  w = {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

AxisTaps TapsOf(double coordinate, int64_t size, const State& state) {
  const auto length = static_cast<double>(size);
  const double low = state.align_corners ? 0.0 : -0.5;
  const double high = state.align_corners ? length - 1 : length - 0.5;
  double x = state.align_corners ? (coordinate + 1) / 2 * (length - 1) : ((coordinate + 1) * length - 1) / 2;
  if (std::isnan(x)) x = -std::numeric_limits<double>::infinity();  // outside
  if (state.mode == Mode::kNearest) x = std::nearbyint(x);
  if (x < low || x > high) {
    // Cubic weights are those of the place outside: see the top. Beyond 4 elements every tap is on the
    // border.
    const double beyond = state.mode == Mode::kCubic ? 4.0 : 0.0;
    if (state.padding == Padding::kBorder) x = std::clamp(x, -beyond, length - 1 + beyond);
    if (state.padding == Padding::kReflection) x = std::isinf(x) ? low : Reflect(x, low, high);
  }
  AxisTaps taps;
  const double first = std::floor(x);
  if (state.mode == Mode::kNearest) {
    taps.at[0] = Inside(std::trunc(x), size, state, low, high);
    taps.weight[0] = 1;
  } else if (state.mode == Mode::kLinear) {
    taps.count = 2;
    taps.weight = {1 - (x - first), x - first};
    for (size_t i = 0; i < 2; ++i)
      taps.at[i] = Inside(first + static_cast<double>(i), size, state, low, high);
  } else {
    taps.count = 4;
    CubicWeights(x - first, taps.weight);
    for (size_t i = 0; i < 4; ++i)
      taps.at[i] = Inside(first - 1 + static_cast<double>(i), size, state, low, high);
  }
  return taps;
}

// The taps of all axes multiplied out, as offsets into a plane.
struct Taps {
  size_t count = 0;
  std::array<int64_t, kMostTaps> offset;
  std::array<double, kMostTaps> weight;
};

// coordinates are x first, the axes' order is reversed. Missing axes have one tap of weight one.
template <typename G>
void TapsAt(const G* coordinates, std::span<const int64_t> sizes, const State& state, Taps* taps) {
  AxisTaps axes[kMostAxes];
  const size_t missing = kMostAxes - sizes.size();
  for (size_t i = 0; i < missing; ++i) axes[i].weight[0] = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    axes[missing + i] =
        TapsOf(static_cast<double>(AsNumber(coordinates[sizes.size() - 1 - i])), sizes[i], state);
  }
  const int64_t width = sizes.back(), height = sizes.size() > 1 ? sizes[sizes.size() - 2] : 1;
  size_t count = 0;
  for (size_t i = 0; i < axes[0].count; ++i) {
    for (size_t j = 0; j < axes[1].count; ++j) {
      const int64_t row = axes[0].at[i] * height + axes[1].at[j];
      const double weight = axes[0].weight[i] * axes[1].weight[j];
      if (axes[0].at[i] < 0 || axes[1].at[j] < 0) continue;
      for (size_t k = 0; k < axes[2].count; ++k) {
        if (axes[2].at[k] < 0) continue;
        taps->offset[count] = row * width + axes[2].at[k];
        taps->weight[count++] = weight * axes[2].weight[k];
      }
    }
  }
  taps->count = count;
}

// x and y at the first channel's plane and element.
template <typename T>
void Sample(const Taps& taps, const T* x, int64_t x_plane, T* y, int64_t y_plane, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c, x += x_plane, y += y_plane) {
    double sum = 0;
    for (size_t i = 0; i < taps.count; ++i)
      sum += taps.weight[i] * static_cast<double>(AsNumber(x[taps.offset[i]]));
    *y = StoredNumber<T>(sum);
  }
}

template <typename T>
void Pick(const Taps& taps, const T* x, int64_t x_plane, T* y, int64_t y_plane, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c, x += x_plane, y += y_plane) {
    *y = taps.count == 0 ? T{} : x[taps.offset[0]];
  }
}

Status CheckDims(const Dims& x, const Dims& grid, const Dims& y) {
  const size_t axes = x.size() < 2 ? 0 : x.size() - 2;
  if (axes < 1 || grid.size() != x.size() || grid.back() != static_cast<int64_t>(axes) || grid[0] != x[0]) {
    return InvalidArgument("GridSample: a grid of shape {} for X of shape {}", DimsText(grid), DimsText(x));
  }
  if (axes > kMostAxes) return NotImplemented("GridSample over {} spatial axes", axes);
  Dims expected = {x[0], x[1]};
  for (size_t i = 1; i + 1 < grid.size(); ++i) expected.push_back(grid[i]);
  if (!(y == expected)) return Fail("GridSample: the output has shape {}", DimsText(y));
  const bool empty = std::any_of(x.begin() + 2, x.end(), [](int64_t dim) { return dim == 0; });
  if (empty && ElementCount(y) > 0) return InvalidArgument("GridSample: the map is empty");
  return OkStatus();
}

template <typename T, typename G, typename Body>
void ForEachPoint(RunContext& context, const State& state, Body body) {
  const Dims& x = context.input(0).dims;
  const Dims& grid = context.input(1).dims;
  const auto axes = static_cast<int64_t>(x.size()) - 2;
  const std::span<const int64_t> sizes(x.begin() + 2, x.end());
  const int64_t channels = x[1], x_plane = ElementCount(sizes);
  const int64_t points = ElementCount(std::span<const int64_t>(grid.begin() + 1, static_cast<size_t>(axes)));
  const G* coordinates = context.input(1).As<const G>();
  const T* from = context.input(0).As<const T>();
  T* to = context.output(0).As<T>();
  const int64_t grain = std::max<int64_t>(1, 2048 / std::max<int64_t>(1, channels));
  context.threads().ParallelRanges(x[0] * points, grain, [&](int64_t begin, int64_t end) {
    Taps taps;
    for (int64_t i = begin; i < end; ++i) {
      TapsAt(coordinates + i * axes, sizes, state, &taps);
      const int64_t n = i / points, point = i % points;
      body(taps, from + n * channels * x_plane, x_plane, to + n * channels * points + point, points,
           channels);
    }
  });
}

// Points of a map between four elements, the usual ones, all channels one after the other: so that a plane
// stays in the cache and results are written in order.
struct PlanarPoints {
  static constexpr int64_t kMost = 128;
  int64_t count = 0;
  int32_t place[kMost];
  int64_t offset[kMost];
  float across[kMost], down[kMost];  // weights of the later column and row
};

void SamplePlanar(const PlanarPoints& points, int64_t width, const float* x, int64_t x_plane, float* y,
                  int64_t y_plane, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c, x += x_plane, y += y_plane) {
    for (int64_t i = 0; i < points.count; ++i) {
      const float* at = x + points.offset[i];
      const float right = points.across[i], left = 1 - right, lower = points.down[i], upper = 1 - lower;
      y[points.place[i]] =
          upper * (left * at[0] + right * at[1]) + lower * (left * at[width] + right * at[width + 1]);
    }
  }
}

// Whether a coordinate lies between two elements of an axis, and where.
bool Between(double coordinate, int64_t size, bool align_corners, int64_t* first, float* rest) {
  const auto length = static_cast<double>(size);
  const double x = align_corners ? (coordinate + 1) / 2 * (length - 1) : ((coordinate + 1) * length - 1) / 2;
  if (!(x >= 0 && x < length - 1)) return false;
  *first = static_cast<int64_t>(x);
  *rest = static_cast<float>(x - static_cast<double>(*first));
  return true;
}

template <typename G>
void SampleMaps(RunContext& context, const State& state) {
  const Dims& x = context.input(0).dims;
  const Dims& grid = context.input(1).dims;
  const std::span<const int64_t> sizes(x.begin() + 2, x.end());
  const int64_t channels = x[1], height = x[2], width = x[3], plane = height * width;
  const int64_t points = grid[1] * grid[2], pieces = (points + PlanarPoints::kMost - 1) / PlanarPoints::kMost;
  const int64_t grain = std::max<int64_t>(1, 2048 / (PlanarPoints::kMost * std::max<int64_t>(1, channels)));
  context.threads().ParallelRanges(x[0] * pieces, grain, [&](int64_t begin, int64_t end) {
    PlanarPoints inner;
    Taps taps;
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t n = piece / pieces, first = piece % pieces * PlanarPoints::kMost;
      const G* coordinates = context.input(1).As<const G>() + 2 * (n * points + first);
      const float* from = context.input(0).As<const float>() + n * channels * plane;
      float* to = context.output(0).As<float>() + n * channels * points + first;
      inner.count = 0;
      for (int64_t i = 0; i < std::min(PlanarPoints::kMost, points - first); ++i, coordinates += 2) {
        int64_t row = 0, column = 0;
        float &across = inner.across[inner.count], &down = inner.down[inner.count];
        if (Between(static_cast<double>(AsNumber(coordinates[0])), width, state.align_corners, &column,
                    &across) &&
            Between(static_cast<double>(AsNumber(coordinates[1])), height, state.align_corners, &row,
                    &down)) {
          inner.place[inner.count] = static_cast<int32_t>(i);
          inner.offset[inner.count++] = row * width + column;
        } else {
          TapsAt(coordinates, sizes, state, &taps);
          Sample(taps, from, plane, to + i, points, channels);
        }
      }
      SamplePlanar(inner, width, from, plane, to, points, channels);
    }
  });
}

template <typename G>
Status RunWithGrid(const State& state, RunContext& context) {
  const DType dtype = context.input(0).dtype;
  if (state.mode == Mode::kNearest) {
    return WithMovedType(dtype, [&](auto tag) {
      using T = typename decltype(tag)::Type;
      ForEachPoint<T, G>(context, state, Pick<T>);
      return OkStatus();
    });
  }
  if (state.mode == Mode::kLinear && dtype == DType::kFloat && context.input(0).rank() == 4) {
    SampleMaps<G>(context, state);
    return OkStatus();
  }
  return WithFloatType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    ForEachPoint<T, G>(context, state, Sample<T>);
    return OkStatus();
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& grid = context.input(1);
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context.input(0).dims, grid.dims, context.output(0).dims));
  if (context.output(0).count() == 0) return OkStatus();
  return WithFloatType(grid.dtype,
                       [&](auto tag) { return RunWithGrid<typename decltype(tag)::Type>(state, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  State state{Mode::kLinear, Padding::kZeros, attributes.Int("align_corners", 0) != 0};
  const std::string_view mode = attributes.String("mode", "linear");
  const std::string_view padding = attributes.String("padding_mode", "zeros");
  if (mode == "nearest") {
    state.mode = Mode::kNearest;
  } else if (mode == "cubic") {
    state.mode = Mode::kCubic;
  } else if (mode != "linear") {
    return InvalidArgument("GridSample: mode cannot be '{}'", mode);
  }
  if (padding == "border") {
    state.padding = Padding::kBorder;
  } else if (padding == "reflection") {
    state.padding = Padding::kReflection;
  } else if (padding != "zeros") {
    return InvalidArgument("GridSample: padding_mode cannot be '{}'", padding);
  }
  if (state.mode != Mode::kNearest && !Contains(kFloatTypes, context.input_dtype(0))) {
    return NotImplemented("GridSample interpolates no {}", DTypeName(context.input_dtype(0)));
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "grid_sample";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {16, 20, 22};
constexpr FormalParameter kInputs[] = {{"X", "T1"}, {"grid", "T2"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kNumericTypes | kComplexTypes | SetOf(DType::kBool, DType::kString)}, {"T2", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"align_corners", AttributeType::kInt},
                                         {"padding_mode", AttributeType::kString},
                                         {"mode", AttributeType::kString}};

}  // namespace

extern const OpDef kGridSample;
constexpr OpDef kGridSample{.domain = "",
                            .name = "GridSample",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .raise = Raise,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
