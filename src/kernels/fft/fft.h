// Discrete Fourier transforms of any length, in float or double: DFT and STFT end here.
//
// Lengths whose prime factors are small run as a mixed-radix Stockham transform, others as a convolution of
// twice a power of two (Bluestein). A plan holds the tables and is made once per length; running allocates
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace ortolan::kernels {

template <typename Real>
struct Complex {
  Real re = 0;
  Real im = 0;
};
template <typename Real>
Complex<Real> operator+(Complex<Real> a, Complex<Real> b) {
  return {a.re + b.re, a.im + b.im};
}
template <typename Real>
Complex<Real> operator-(Complex<Real> a, Complex<Real> b) {
  return {a.re - b.re, a.im - b.im};
}
template <typename Real>
Complex<Real> operator*(Complex<Real> a, Complex<Real> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// Longer transforms are refused: a table of this many entries is 4 GB.
inline constexpr int64_t kMostFftLength = int64_t{1} << 28;

// Tables are computed in double and rounded.
template <typename Real>
class FftPlan {
 public:
  // 1 <= length <= kMostFftLength. The inverse is not scaled.
  FftPlan(int64_t length, bool inverse);

  int64_t length() const { return length_; }
  // Elements of the work area that Run needs.
  int64_t WorkCount() const;
  // In place.
  void Run(Complex<Real>* data, Complex<Real>* work) const;

 private:
  void RunMixed(Complex<Real>* data, Complex<Real>* work) const;
  void RunBluestein(Complex<Real>* data, Complex<Real>* work) const;

  int64_t length_;
  bool inverse_ = false;
  std::vector<int64_t> radices_;         // empty where Bluestein's form is used
  std::vector<Complex<Real>> twiddles_;  // exp(-+2 pi i k / length)
  std::vector<Complex<Real>> chirp_;     // exp(-+pi i k^2 / length)
  std::vector<Complex<Real>> spectrum_;  // of the conjugate chirp, scaled by 1 / its length
  std::unique_ptr<FftPlan> forward_, backward_;
};

extern template class FftPlan<float>;
extern template class FftPlan<double>;

}  // namespace ortolan::kernels
