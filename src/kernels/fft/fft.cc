#include "kernels/fft/fft.h"

#include <algorithm>
#include <cmath>

namespace ortolan::kernels {
namespace {

constexpr double kPi = 3.14159265358979323846;

// A butterfly of a prime radix takes radix^2 products, Bluestein's form about 60 a point and level of its
// three transforms of twice the length: they meet between 30 and 60.
constexpr int64_t kMostRadix = 31;

// exp(sign * pi i * numerator / denominator), the numerator reduced first.
template <typename Real>
Complex<Real> Turn(int64_t numerator, int64_t denominator, double sign) {
  numerator %= 2 * denominator;
  const double angle = kPi * static_cast<double>(numerator) / static_cast<double>(denominator);
  return {static_cast<Real>(std::cos(angle)), static_cast<Real>(sign * std::sin(angle))};
}

// Fours first, they are the cheapest; empty where a factor is too large.
std::vector<int64_t> RadicesOf(int64_t length) {
  std::vector<int64_t> radices;
  while (length % 4 == 0) {
    radices.push_back(4);
    length /= 4;
  }
  for (int64_t radix = 2; radix <= kMostRadix && length > 1; ++radix) {
    while (length % radix == 0) {
      radices.push_back(radix);
      length /= radix;
    }
  }
  if (length > 1) radices.clear();
  return radices;
}

// One stage of Stockham's transform: blocks of `radix` elements `m` groups apart become adjacent. `step` is
// the number of interleaved transforms; twiddles of the whole length.
template <typename Real>
struct Stage {
  int64_t length;  // of the whole transform
  int64_t m;
  int64_t step;
  const Complex<Real>* twiddles;
  bool inverse;

  // exp(-+2 pi i p j / (m * radix)), since m * radix * step is the whole length.
  Complex<Real> Twiddle(int64_t p, int64_t j) const { return twiddles[p * j * step]; }
};

template <typename Real>
void Radix2(const Stage<Real>& stage, const Complex<Real>* x, Complex<Real>* y) {
  for (int64_t p = 0; p < stage.m; ++p) {
    const Complex<Real> w = stage.Twiddle(p, 1);
    const Complex<Real>* from = x + stage.step * p;
    Complex<Real>* to = y + stage.step * 2 * p;
    for (int64_t q = 0; q < stage.step; ++q) {
      const Complex<Real> a = from[q], b = from[q + stage.step * stage.m];
      to[q] = a + b;
      to[q + stage.step] = (a - b) * w;
    }
  }
}

template <typename Real>
void Radix4(const Stage<Real>& stage, const Complex<Real>* x, Complex<Real>* y) {
  const int64_t apart = stage.step * stage.m;
  const Real sign = stage.inverse ? 1 : -1;
  for (int64_t p = 0; p < stage.m; ++p) {
    const Complex<Real> w1 = stage.Twiddle(p, 1), w2 = stage.Twiddle(p, 2), w3 = stage.Twiddle(p, 3);
    const Complex<Real>* from = x + stage.step * p;
    Complex<Real>* to = y + stage.step * 4 * p;
    for (int64_t q = 0; q < stage.step; ++q) {
      const Complex<Real> a = from[q], b = from[q + apart], c = from[q + 2 * apart], d = from[q + 3 * apart];
      const Complex<Real> even = a + c, odd = a - c, sum = b + d, difference = b - d;
      const Complex<Real> turned = {-sign * difference.im, sign * difference.re};
      to[q] = even + sum;
      to[q + stage.step] = (odd + turned) * w1;
      to[q + 2 * stage.step] = (even - sum) * w2;
      to[q + 3 * stage.step] = (odd - turned) * w3;
    }
  }
}

template <typename Real>
void RadixAny(const Stage<Real>& stage, int64_t radix, const Complex<Real>* x, Complex<Real>* y) {
  const int64_t apart = stage.step * stage.m;
  const int64_t turn = stage.length / radix;  // twiddles[turn] is the radix's own root
  for (int64_t p = 0; p < stage.m; ++p) {
    const Complex<Real>* from = x + stage.step * p;
    Complex<Real>* to = y + stage.step * radix * p;
    for (int64_t q = 0; q < stage.step; ++q) {
      for (int64_t j = 0; j < radix; ++j) {
        Complex<Real> sum = from[q];
        for (int64_t k = 1; k < radix; ++k)
          sum = sum + from[q + k * apart] * stage.twiddles[j * k % radix * turn];
        to[q + j * stage.step] = sum * stage.Twiddle(p, j);
      }
    }
  }
}

}  // namespace

template <typename Real>
FftPlan<Real>::FftPlan(int64_t length, bool inverse) : length_(length), radices_(RadicesOf(length)) {
  const double sign = inverse ? 1.0 : -1.0;
  const auto count = static_cast<size_t>(length);
  if (length == 1 || !radices_.empty()) {
    twiddles_.resize(count);
    for (size_t k = 0; k < count; ++k) twiddles_[k] = Turn<Real>(2 * static_cast<int64_t>(k), length, sign);
    inverse_ = inverse;
    return;
  }
  int64_t padded = 1;
  while (padded < 2 * length - 1) padded *= 2;
  forward_ = std::make_unique<FftPlan<Real>>(padded, false);
  backward_ = std::make_unique<FftPlan<Real>>(padded, true);
  chirp_.resize(count);
  for (size_t k = 0; k < count; ++k) {
    const auto square = static_cast<int64_t>(k) * static_cast<int64_t>(k);  // below 2^56
    chirp_[k] = Turn<Real>(square, length, sign);
  }
  spectrum_.assign(static_cast<size_t>(padded), {});
  const Real scale = Real{1} / static_cast<Real>(padded);
  for (size_t k = 0; k < count; ++k) {
    const Complex<Real> conjugate = {chirp_[k].re * scale, -chirp_[k].im * scale};
    spectrum_[k] = conjugate;
    if (k > 0) spectrum_[static_cast<size_t>(padded) - k] = conjugate;
  }
  std::vector<Complex<Real>> work(static_cast<size_t>(forward_->WorkCount()));
  forward_->Run(spectrum_.data(), work.data());
}

template <typename Real>
int64_t FftPlan<Real>::WorkCount() const {
  return forward_ != nullptr ? 2 * forward_->length() : length_;
}

template <typename Real>
void FftPlan<Real>::Run(Complex<Real>* data, Complex<Real>* work) const {
  if (forward_ != nullptr) {
    RunBluestein(data, work);
  } else {
    RunMixed(data, work);
  }
}

template <typename Real>
void FftPlan<Real>::RunMixed(Complex<Real>* data, Complex<Real>* work) const {
  Complex<Real>*x = data, *y = work;
  Stage<Real> stage{length_, length_, 1, twiddles_.data(), inverse_};
  for (const int64_t radix : radices_) {
    stage.m /= radix;
    if (radix == 4) {
      Radix4(stage, x, y);
    } else if (radix == 2) {
      Radix2(stage, x, y);
    } else {
      RadixAny(stage, radix, x, y);
    }
    stage.step *= radix;
    std::swap(x, y);
  }
  if (x != data) std::copy(x, x + length_, data);
}

// X[k] = chirp[k] * sum over j of (x[j] chirp[j]) * conjugate chirp[k - j]: a convolution.
template <typename Real>
void FftPlan<Real>::RunBluestein(Complex<Real>* data, Complex<Real>* work) const {
  const int64_t padded = forward_->length();
  Complex<Real>* wide = work;
  for (int64_t k = 0; k < length_; ++k) wide[k] = data[k] * chirp_[static_cast<size_t>(k)];
  std::fill(wide + length_, wide + padded, Complex<Real>{});
  forward_->Run(wide, work + padded);
  for (int64_t k = 0; k < padded; ++k) wide[k] = wide[k] * spectrum_[static_cast<size_t>(k)];
  backward_->Run(wide, work + padded);
  for (int64_t k = 0; k < length_; ++k) data[k] = wide[k] * chirp_[static_cast<size_t>(k)];
}

template class FftPlan<float>;
template class FftPlan<double>;

}  // namespace ortolan::kernels
