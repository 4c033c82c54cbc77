// The tables of a resize: where each output of an axis is read and with what weights.
#include <algorithm>
#include <cmath>

#include "kernels/resize/resize.h"

namespace ortolan::kernels {
namespace {

// The place in the input that output i stands for. F is float, as onnxruntime computes it, since ties of
// nearest depend on it; or double with ResizeForm::wide.
template <typename F>
F SourceOf(const ResizeForm& form, const ResizeAxis& axis, int64_t i) {
  constexpr F kHalf{0.5};
  const F x = static_cast<F>(i), in = static_cast<F>(axis.in), out = static_cast<F>(axis.out);
  const F scale = static_cast<F>(axis.scale), begin = static_cast<F>(axis.begin),
          end = static_cast<F>(axis.end);
  switch (form.coordinates) {
    case ResizeCoordinates::kHalfPixel:
      return (x + kHalf) / scale - kHalf;
    case ResizeCoordinates::kHalfPixelSymmetric: {
      const F adjustment = out / (scale * in);
      return in / 2 * (1 - adjustment) + (x + kHalf) / scale - kHalf;
    }
    case ResizeCoordinates::kPytorchHalfPixel:
      return axis.out > 1 ? (x + kHalf) / scale - kHalf : F{0};
    case ResizeCoordinates::kAlignCorners: {
      // The length that the scale asks for, which may have a fraction; the size itself where they agree.
      const F length = std::fabs(scale * in - out) < F{1e-3f} ? out : scale * in;
      return axis.out > 1 ? x * (in - 1) / (length - 1) : F{0};
    }
    case ResizeCoordinates::kAsymmetric:
      return x / scale;
    case ResizeCoordinates::kTfHalfPixelForNn:
      return (x + kHalf) / scale;
    case ResizeCoordinates::kTfCropAndResize:
      return axis.out > 1 ? begin * (in - 1) + x * (end - begin) * (in - 1) / (out - 1)
                          : kHalf * (begin + end) * (in - 1);
  }
  return x;
}

double Rounded(const ResizeForm& form, const ResizeAxis& axis, double x) {
  switch (form.nearest) {
    case ResizeNearest::kRoundPreferFloor:
      return x == std::floor(x) + 0.5 ? std::floor(x) : std::round(x);
    case ResizeNearest::kRoundPreferCeil:
      return x == std::floor(x) + 0.5 ? std::ceil(x) : std::round(x);
    case ResizeNearest::kFloor:
      return std::floor(x);
    case ResizeNearest::kCeil:
      return std::ceil(x);
    case ResizeNearest::kSimple:
      return axis.scale < 1 ? std::ceil(x) : std::trunc(x);
  }
  return x;
}

// Catmull-Rom's family with parameter a, at distance d.
double CubicAt(double d, double a) {
  d = std::fabs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((d - 5) * d + 8) * d * a - 4 * a;
  return 0;
}

// With antialiasing a shrinking axis widens the filter, so that every input takes part.
double FilterScale(const ResizeForm& form, const ResizeAxis& axis) {
  return form.antialias ? std::min(1.0, axis.scale) : 1.0;
}

int64_t ClampIndex(double x, int64_t size) {
  // NaN and infinities come from absurd scales; they must become some valid index.
  if (!(x > 0)) return 0;
  return x >= static_cast<double>(size - 1) ? size - 1 : static_cast<int64_t>(x);
}

// Weights of output i around x, normalised; taps outside the axis read its edge, or nothing with
// exclude_outside.
void FillTaps(const ResizeForm& form, const ResizeAxis& axis, double x, int64_t i, ResizeTable* table) {
  const double scale = FilterScale(form, axis);
  const double reach = form.mode == ResizeMode::kLinear ? 1 : 2;
  const double first = std::floor(x) + std::floor(-reach / scale) + 1;
  double sum = 0;
  std::vector<double> weights(static_cast<size_t>(table->taps));
  for (int64_t k = 0; k < table->taps; ++k) {
    const double at = first + static_cast<double>(k), distance = (at - x) * scale;
    double weight = form.mode == ResizeMode::kLinear ? std::max(0.0, 1 - std::fabs(distance))
                                                     : CubicAt(distance, static_cast<double>(form.cubic_a));
    if (form.exclude_outside && (at < 0 || at >= static_cast<double>(axis.in))) weight = 0;
    weights[static_cast<size_t>(k)] = weight;
    sum += weight;
    table->indices[static_cast<size_t>(i * table->taps + k)] = static_cast<int32_t>(ClampIndex(at, axis.in));
  }
  const bool normalise = form.antialias || form.exclude_outside;
  for (int64_t k = 0; k < table->taps; ++k) {
    double weight = weights[static_cast<size_t>(k)];
    if (normalise && sum != 0) weight /= sum;
    const auto at = static_cast<size_t>(i * table->taps + k);
    if (form.wide) {
      table->wide_weights[at] = weight;
    } else {
      table->weights[at] = static_cast<float>(weight);
    }
  }
}

}  // namespace

ResizeTable MakeResizeTable(const ResizeForm& form, const ResizeAxis& axis) {
  ResizeTable table;
  table.in = axis.in;
  table.out = axis.out;
  const bool crops = form.coordinates == ResizeCoordinates::kTfCropAndResize;
  table.identity = axis.in == axis.out && axis.scale == 1 && !(crops && (axis.begin != 0 || axis.end != 1));
  if (table.identity || axis.in == 0 || axis.out == 0) return table;
  if (form.mode != ResizeMode::kNearest) {
    const double reach = form.mode == ResizeMode::kLinear ? 1 : 2;
    const double left = std::floor(-reach / FilterScale(form, axis)) + 1;
    // No more taps than twice the axis can matter; an absurd scale must not ask for memory without bound.
    table.taps = static_cast<int64_t>(std::min(2 * reach - 2 * left, 2.0 * static_cast<double>(axis.in) + 4));
    const auto weights = static_cast<size_t>(axis.out * table.taps);
    form.wide ? table.wide_weights.resize(weights) : table.weights.resize(weights);
  }
  table.indices.resize(static_cast<size_t>(axis.out * table.taps));
  if (crops) table.outside.resize(static_cast<size_t>(axis.out));
  for (int64_t i = 0; i < axis.out; ++i) {
    const double x = form.wide ? SourceOf<double>(form, axis, i) : SourceOf<float>(form, axis, i);
    if (crops) table.outside[static_cast<size_t>(i)] = !(x >= 0 && x <= static_cast<double>(axis.in - 1));
    if (form.mode == ResizeMode::kNearest) {
      table.indices[static_cast<size_t>(i)] =
          static_cast<int32_t>(ClampIndex(Rounded(form, axis, x), axis.in));
    } else {
      FillTaps(form, axis, x, i, &table);
    }
  }
  return table;
}

ResizePlan MakeResizePlan(const ResizeForm& form, std::span<const ResizeAxis> axes) {
  ResizePlan plan;
  plan.nearest = form.mode == ResizeMode::kNearest;
  for (const ResizeAxis& axis : axes) {
    plan.axes.push_back(MakeResizeTable(form, axis));
    plan.in_count *= axis.in;
    plan.out_count *= axis.out;
    for (uint8_t outside : plan.axes.back().outside) plan.extrapolates = plan.extrapolates || outside != 0;
    if (!plan.axes.back().identity) plan.order.push_back(plan.axes.size() - 1);
  }
  // Shrinking first, so that later passes have less to do; among equals inner axes first, they are the slower
  // ones.
  std::stable_sort(plan.order.begin(), plan.order.end(), [&](size_t a, size_t b) {
    const double ga =
        static_cast<double>(axes[a].out) / static_cast<double>(std::max<int64_t>(1, axes[a].in));
    const double gb =
        static_cast<double>(axes[b].out) / static_cast<double>(std::max<int64_t>(1, axes[b].in));
    return ga != gb ? ga < gb : a > b;
  });
  int64_t count = plan.in_count;
  for (size_t i = 0; i + 1 < plan.order.size(); ++i) {
    const ResizeTable& table = plan.axes[plan.order[i]];
    count = table.in == 0 ? 0 : count / table.in * table.out;
    plan.buffer_count = std::max(plan.buffer_count, count);
  }
  return plan;
}

}  // namespace ortolan::kernels
