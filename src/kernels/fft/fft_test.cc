// Every length from 1 to 70 and some beyond against the sum that defines the transform.
#include "kernels/fft/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ortolan::kernels {
namespace {

template <typename Real>
std::vector<Complex<Real>> Defined(const std::vector<Complex<Real>>& x, bool inverse) {
  const size_t n = x.size();
  std::vector<Complex<long double>> roots(n), y(n);
  for (size_t k = 0; k < n; ++k) {
    const long double angle =
        2 * std::acos(-1.0L) * static_cast<long double>(k) / static_cast<long double>(n);
    roots[k] = {std::cos(angle), (inverse ? 1 : -1) * std::sin(angle)};
  }
  for (size_t j = 0; j < n; ++j) {
    const Complex<long double> item = {static_cast<long double>(x[j].re), static_cast<long double>(x[j].im)};
    for (size_t k = 0; k < n; ++k) y[k] = y[k] + item * roots[j * k % n];
  }
  std::vector<Complex<Real>> rounded(n);
  for (size_t k = 0; k < n; ++k) rounded[k] = {static_cast<Real>(y[k].re), static_cast<Real>(y[k].im)};
  return rounded;
}

template <typename Real>
void Check(int64_t n, bool inverse) {
  std::mt19937 random(static_cast<uint32_t>(n));
  std::uniform_real_distribution<Real> uniform(-1, 1);
  std::vector<Complex<Real>> x(static_cast<size_t>(n));
  for (Complex<Real>& item : x) item = {uniform(random), uniform(random)};
  const std::vector<Complex<Real>> expected = Defined(x, inverse);
  const FftPlan<Real> plan(n, inverse);
  std::vector<Complex<Real>> work(static_cast<size_t>(plan.WorkCount()));
  plan.Run(x.data(), work.data());
  double worst = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    worst = std::max({worst, static_cast<double>(std::abs(x[k].re - expected[k].re)),
                      static_cast<double>(std::abs(x[k].im - expected[k].im))});
  }
  // Terms of about one add up to the root of their count; the transform rounds once a stage.
  EXPECT_LT(worst, 20.0 * static_cast<double>(std::numeric_limits<Real>::epsilon()) *
                       std::sqrt(static_cast<double>(n)))
      << "length " << n << " inverse " << inverse;
}

TEST(Fft, EqualsItsDefinition) {
  for (int64_t n = 1; n <= 70; ++n) {
    Check<double>(n, false);
    Check<double>(n, true);
    Check<float>(n, false);
    Check<float>(n, true);
  }
  for (const int64_t n : {100, 127, 128, 243, 360, 400, 509, 512, 625, 961, 1000, 1024, 1369}) {
    Check<double>(n, false);
    Check<double>(n, true);
    Check<float>(n, false);
    Check<float>(n, true);
  }
}

TEST(Fft, InverseUndoes) {
  for (const int64_t n : {4096, 4099, 6000}) {
    std::vector<Complex<double>> x(static_cast<size_t>(n));
    for (size_t k = 0; k < x.size(); ++k)
      x[k] = {std::sin(static_cast<double>(k)), std::cos(3.0 * static_cast<double>(k))};
    std::vector<Complex<double>> y = x;
    const FftPlan<double> forward(n, false), backward(n, true);
    std::vector<Complex<double>> work(
        static_cast<size_t>(std::max(forward.WorkCount(), backward.WorkCount())));
    forward.Run(y.data(), work.data());
    backward.Run(y.data(), work.data());
    for (size_t k = 0; k < x.size(); ++k) {
      ASSERT_NEAR(y[k].re / static_cast<double>(n), x[k].re, 1e-12);
      ASSERT_NEAR(y[k].im / static_cast<double>(n), x[k].im, 1e-12);
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
