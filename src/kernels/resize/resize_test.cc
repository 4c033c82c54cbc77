#include "kernels/resize/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/isa.h"

namespace ortolan::kernels {
namespace {

// Along axes 1 and 2 of four, in double and from the tables: what every level of the float kernels is held
// to.
TEST(ResizeInterpolate, AgreesWithSumsInDoubleOnEveryLevel) {
  std::mt19937 random(3);
  ThreadPool pool(2);
  for (const ResizeMode mode : {ResizeMode::kLinear, ResizeMode::kCubic}) {
    for (const bool antialias : {false, true}) {
      for (const int64_t inner : {1, 7, 16, 33}) {
        const int64_t height = 9, width = 11, tall = antialias ? 4 : 20, wide = 25, planes = 3;
        const ResizeForm form{.mode = mode, .antialias = antialias};
        const auto axis = [](int64_t in, int64_t out) {
          return ResizeAxis{in, out, static_cast<float>(out) / static_cast<float>(in)};
        };
        const ResizeAxis axes[] = {{planes, planes}, axis(height, tall), axis(width, wide), {inner, inner}};
        ResizePlan plan = MakeResizePlan(form, axes);
        std::vector<float> x(static_cast<size_t>(plan.in_count));
        for (float& item : x) item = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
        const std::vector<double> exact(x.begin(), x.end());
        std::vector<double> expected(static_cast<size_t>(plan.out_count));
        std::vector<std::byte> scratch(plan.ScratchBytes(sizeof(double)));
        ResizePlan exact_plan = plan;  // the floats' weights, summed in double
        for (ResizeTable& table : exact_plan.axes)
          table.wide_weights.assign(table.weights.begin(), table.weights.end());
        ResizeInterpolate(exact_plan, 0.0, exact.data(), expected.data(), scratch.data(), pool);
        for (const Isa isa : kIsaLevels) {
          if (isa > GetCpuInfo().isa) continue;
          plan.rows = &SelectResizeRows(isa);
          std::vector<float> y(expected.size());
          ResizeInterpolate(plan, 0.0f, x.data(), y.data(), scratch.data(), pool);
          for (size_t i = 0; i < y.size(); ++i) {
            ASSERT_NEAR(y[i], expected[i], 2e-6) << plan.rows->name << " inner " << inner << " at " << i;
          }
        }
      }
    }
  }
}

// Interpolation in double against the definition written down once more.
double Keys(double d, double a) {
  d = std::fabs(d);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
}

// Element i of `row` resized to `out` elements, places by half pixels.
double At(const std::vector<double>& row, int64_t out, int64_t i, bool cubic) {
  const auto in = static_cast<int64_t>(row.size());
  const double scale = static_cast<double>(out) / static_cast<double>(in);
  const double x = (static_cast<double>(i) + 0.5) / scale - 0.5;
  double sum = 0;
  const auto floor = static_cast<int64_t>(std::floor(x));
  for (int64_t k = floor - 1; k <= floor + 2; ++k) {
    const double distance = static_cast<double>(k) - x;
    const double weight = cubic ? Keys(distance, -0.75) : std::max(0.0, 1 - std::fabs(distance));
    sum += weight * row[static_cast<size_t>(std::clamp<int64_t>(k, 0, in - 1))];
  }
  return sum;
}

TEST(Resize, DoublesHaveWeightsOfDoubles) {
  ThreadPool threads(1);
  const std::vector<double> row{0.77, 1.28, -0.31, 1e6, -1.94, 1.8, -1.88};
  for (const bool cubic : {false, true}) {
    for (const int64_t out : {3, 5, 11, 64}) {
      ResizeForm form;
      form.mode = cubic ? ResizeMode::kCubic : ResizeMode::kLinear;
      form.wide = true;
      const double scale = static_cast<double>(out) / 7;
      const ResizeAxis axes[] = {{7, out, scale}};
      const ResizePlan plan = MakeResizePlan(form, axes);
      std::vector<double> got(static_cast<size_t>(out));
      ResizeInterpolate(plan, 0.0, row.data(), got.data(), nullptr, threads);
      for (int64_t i = 0; i < out; ++i) {
        EXPECT_NEAR(got[static_cast<size_t>(i)], At(row, out, i, cubic), 1e-8)  // of 1e6: 1e-14
            << (cubic ? "cubic " : "linear ") << out << " at " << i;
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
