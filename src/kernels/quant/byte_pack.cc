// The right side of byte products, packed once: panels of whole vectors of columns, four bytes of each column
// together, as the dot-product instructions read them.
#include <algorithm>
#include <vector>

#include "kernels/move/transpose_tile.h"
#include "kernels/quant/byte_product.h"

namespace ortolan::kernels {
namespace {

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Columns that are turned at a time: their lines (up to 4608 bytes in a network's convolutions) stay in L2.
constexpr int64_t kTurnedColumns = 16;

// One panel: columns [first, first + columns), padded with zeros to `width`.
template <typename T>
class Panel {
 public:
  Panel(const ByteMatrix& b, const int32_t* subtract, int64_t subtract_step, int64_t first, int64_t columns,
        int64_t width)
      : b_(b),
        data_(static_cast<const T*>(b.data) + first * b.n_stride),
        subtract_(subtract == nullptr ? nullptr : subtract + first * subtract_step),
        subtract_step_(subtract_step),
        columns_(columns),
        width_(width),
        steps_(ByteSteps(b.k_bytes)) {}

  void Write(int8_t* to, int32_t* sums) const {
    std::fill_n(sums, width_, 0);
    if (b_.n_stride < b_.k_stride) {
      WriteRows(to, sums);
    } else {
      WriteColumns(reinterpret_cast<uint32_t*>(to), sums);
    }
  }

 private:
  // What is taken away from a column: its zero point, or 128, by which unsigned bytes become signed ones.
  int32_t ZeroOf(int64_t column) const {
    if (subtract_ != nullptr) return subtract_[column * subtract_step_];
    return std::is_same_v<T, uint8_t> ? 128 : 0;
  }

  // Columns side by side (matrices as ONNX has them): four rows are interleaved.
  void WriteRows(int8_t* to, int32_t* sums) const {
    for (int64_t tap = 0; tap < b_.taps; ++tap) {
      for (int64_t step = 0; step < steps_; ++step, to += width_ * 4) {
        const int64_t rows = std::clamp<int64_t>(b_.k - step * 4, 0, 4);
        if (rows < 4 || columns_ < width_) std::fill_n(to, width_ * 4, int8_t{0});
        for (int64_t i = 0; i < rows; ++i) {
          const T* from = data_ + tap * b_.tap_stride + (step * 4 + i) * b_.k_stride;
          for (int64_t j = 0; j < columns_; ++j) {
            const auto item = static_cast<int8_t>(from[j * b_.n_stride] - ZeroOf(j));
            to[j * 4 + i] = item;
            sums[j] += item;
          }
        }
      }
    }
  }

  // Each column in one piece (convolutions' weights): lines of quads, then turned.
  void WriteColumns(uint32_t* to, int32_t* sums) const {
    const int64_t tap_bytes = steps_ * 4, line = b_.taps * tap_bytes, quads = line / 4;
    std::vector<uint32_t> lines(static_cast<size_t>(kTurnedColumns * quads));
    for (int64_t column = 0; column < width_; column += kTurnedColumns) {
      const int64_t count = std::min(kTurnedColumns, width_ - column);
      const int64_t real = std::clamp<int64_t>(columns_ - column, 0, count);
      std::fill(lines.begin() + real * quads, lines.begin() + count * quads, 0);
      for (int64_t j = 0; j < real; ++j) {
        auto* const bytes = reinterpret_cast<int8_t*>(lines.data() + j * quads);
        WriteLine(column + j, bytes);
        int32_t sum = 0;
        for (int64_t i = 0; i < line; ++i) sum += bytes[i];
        sums[column + j] = sum;
      }
      TransposeStrip(lines.data(), quads, to + column, width_, quads, count);
    }
  }

  void WriteLine(int64_t column, int8_t* line) const {
    const T* from = data_ + column * b_.n_stride;
    const int64_t tap_bytes = steps_ * 4;
    const int32_t zero = ZeroOf(column);
    for (int64_t tap = 0; tap < b_.taps; ++tap, from += b_.tap_stride, line += tap_bytes) {
      for (int64_t k = 0; k < b_.k; ++k) line[k] = static_cast<int8_t>(from[k * b_.k_stride] - zero);
      std::fill(line + b_.k, line + tap_bytes, int8_t{0});
    }
  }

  const ByteMatrix& b_;
  const T* data_;
  const int32_t* subtract_;
  int64_t subtract_step_, columns_, width_, steps_;
};

template <typename T>
bool Fits(const ByteMatrix& b, const int32_t* zero, int64_t zero_step) {
  const auto fits = [&](int64_t tap, int64_t k, int64_t j) {
    const int32_t item = static_cast<const T*>(b.data)[tap * b.tap_stride + k * b.k_stride + j * b.n_stride] -
                         zero[j * zero_step];
    return item >= -128 && item <= 127;
  };
  // In memory's order, each row or column whole: a test at each byte would keep it from vectors.
  const bool rows = b.n_stride < b.k_stride;
  const int64_t outer = rows ? b.k : b.n, inner = rows ? b.n : b.k;
  for (int64_t at = 0; at < outer; ++at) {
    bool all = true;
    for (int64_t tap = 0; tap < b.taps; ++tap) {
      for (int64_t i = 0; i < inner; ++i) all &= rows ? fits(tap, at, i) : fits(tap, i, at);
    }
    if (!all) return false;
  }
  return true;
}

}  // namespace

int64_t PaddedByteColumns(const ByteVariant& variant, int64_t n) {
  return RoundUp(n, PanelColumns(variant));
}

size_t PackedByteBytes(const ByteVariant& variant, const ByteMatrix& b) {
  return static_cast<size_t>(RoundUp(b.n, variant.lanes) * b.taps * ByteSteps(b.k_bytes) * 4);
}

void PackBytes(const ByteVariant& variant, const ByteMatrix& b, const int32_t* subtract,
               int64_t subtract_step, int8_t* panels, int32_t* column_sums, ThreadPool& threads) {
  const int64_t full = PanelColumns(variant), steps = ByteSteps(b.k_bytes);
  std::fill_n(column_sums, PaddedByteColumns(variant, b.n), 0);
  threads.ParallelFor((b.n + full - 1) / full, [&](int64_t panel) {
    const int64_t first = panel * full, columns = std::min(full, b.n - first);
    const int64_t width = RoundUp(columns, variant.lanes);
    int8_t* const to = panels + first * b.taps * steps * 4;
    if (b.is_signed) {
      Panel<int8_t>(b, subtract, subtract_step, first, columns, width).Write(to, column_sums + first);
    } else {
      Panel<uint8_t>(b, subtract, subtract_step, first, columns, width).Write(to, column_sums + first);
    }
  });
}

bool FitsSigned(const ByteMatrix& b, const int32_t* zero, int64_t zero_step) {
  // Most quantisers write signed weights around zero.
  bool zeros = b.is_signed;
  for (int64_t j = 0; zeros && j < (zero_step == 0 ? 1 : b.n); ++j) zeros = zero[j * zero_step] == 0;
  if (zeros || b.n == 0) return true;
  return b.is_signed ? Fits<int8_t>(b, zero, zero_step) : Fits<uint8_t>(b, zero, zero_step);
}

}  // namespace ortolan::kernels
