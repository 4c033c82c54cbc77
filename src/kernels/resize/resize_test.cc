#include "kernels/resize/resize.h"

#include <gtest/gtest.h>

#include <random>

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
        ResizeInterpolate(plan, 0.0, exact.data(), expected.data(), scratch.data(), pool);
        for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
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

}  // namespace
}  // namespace ortolan::kernels
