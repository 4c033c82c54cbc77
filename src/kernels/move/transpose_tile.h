// TransposeStrip: the inner loop of every transposing copy: a strip of a few source-contiguous elements times
// a long destination-contiguous axis. SSE2, which every x86-64 has, does blocks in registers; other machines
// and ragged edges take the plain loop.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ortolan::kernels {

template <typename T>
struct TransposeBlock {
  static constexpr int64_t kSize = 0;  // no register block for this width
  static void Run(const T*, int64_t, T*, int64_t) {}
};

#if defined(__SSE2__)

inline __m128i LoadBlockRow(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
inline void StoreBlockRow(void* at, __m128i row) {
  _mm_storeu_si128(static_cast<__m128i*>(at), row);
}

template <>
struct TransposeBlock<uint64_t> {
  static constexpr int64_t kSize = 2;
  static void Run(const uint64_t* from, int64_t from_stride, uint64_t* to, int64_t to_stride) {
    const __m128i a = LoadBlockRow(from);
    const __m128i b = LoadBlockRow(from + from_stride);
    StoreBlockRow(to, _mm_unpacklo_epi64(a, b));
    StoreBlockRow(to + to_stride, _mm_unpackhi_epi64(a, b));
  }
};

template <>
struct TransposeBlock<uint32_t> {
  static constexpr int64_t kSize = 4;
  static void Run(const uint32_t* from, int64_t from_stride, uint32_t* to, int64_t to_stride) {
    const __m128i a = LoadBlockRow(from);
    const __m128i b = LoadBlockRow(from + from_stride);
    const __m128i c = LoadBlockRow(from + 2 * from_stride);
    const __m128i d = LoadBlockRow(from + 3 * from_stride);
    const __m128i ab_low = _mm_unpacklo_epi32(a, b);
    const __m128i ab_high = _mm_unpackhi_epi32(a, b);
    const __m128i cd_low = _mm_unpacklo_epi32(c, d);
    const __m128i cd_high = _mm_unpackhi_epi32(c, d);
    StoreBlockRow(to, _mm_unpacklo_epi64(ab_low, cd_low));
    StoreBlockRow(to + to_stride, _mm_unpackhi_epi64(ab_low, cd_low));
    StoreBlockRow(to + 2 * to_stride, _mm_unpacklo_epi64(ab_high, cd_high));
    StoreBlockRow(to + 3 * to_stride, _mm_unpackhi_epi64(ab_high, cd_high));
  }
};

// Interleaving the rows i and i + n/2 log2(n) times is a transpose (a perfect shuffle of the index bits): the
// same three or four rounds serve 8x8 of 16 bits and 16x16 of 8 bits.
template <>
struct TransposeBlock<uint16_t> {
  static constexpr int64_t kSize = 8;
  static void Run(const uint16_t* from, int64_t from_stride, uint16_t* to, int64_t to_stride) {
    __m128i rows[8], next[8];
    for (int i = 0; i < 8; ++i) rows[i] = LoadBlockRow(from + i * from_stride);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 4; ++i) {
        next[2 * i] = _mm_unpacklo_epi16(rows[i], rows[i + 4]);
        next[2 * i + 1] = _mm_unpackhi_epi16(rows[i], rows[i + 4]);
      }
      for (int i = 0; i < 8; ++i) rows[i] = next[i];
    }
    for (int i = 0; i < 8; ++i) StoreBlockRow(to + i * to_stride, rows[i]);
  }
};

template <>
struct TransposeBlock<uint8_t> {
  static constexpr int64_t kSize = 16;
  static void Run(const uint8_t* from, int64_t from_stride, uint8_t* to, int64_t to_stride) {
    __m128i rows[16], next[16];
    for (int i = 0; i < 16; ++i) rows[i] = LoadBlockRow(from + i * from_stride);
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 8; ++i) {
        next[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
        next[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
      }
      for (int i = 0; i < 16; ++i) rows[i] = next[i];
    }
    for (int i = 0; i < 16; ++i) StoreBlockRow(to + i * to_stride, rows[i]);
  }
};

#endif

// Pairs come apart: adjacent source elements go to two runs. Loads and stores of whole vectors, which the
// compiler does not find in copies of elements that may not be aligned.
template <typename T>
void SplitPairs(const T* from, T* even, T* odd, int64_t pairs) {
  int64_t j = 0;
#if defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    for (; j + 4 <= pairs; j += 4) {
      const __m128 a = _mm_castsi128_ps(LoadBlockRow(from + 2 * j));
      const __m128 b = _mm_castsi128_ps(LoadBlockRow(from + 2 * j + 4));
      StoreBlockRow(even + j, _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0))));
      StoreBlockRow(odd + j, _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1))));
    }
  }
#endif
  for (; j < pairs; ++j) {
    std::memcpy(even + j, from + 2 * j, sizeof(T));
    std::memcpy(odd + j, from + 2 * j + 1, sizeof(T));
  }
}

// to[k * to_stride + j] = from[j * from_stride + k] for k in [0, width), j in [0, length).
template <typename T>
void TransposeStrip(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t width,
                    int64_t length) {
  constexpr int64_t kSize = TransposeBlock<T>::kSize;
  if (width == 2 && from_stride == 2) return SplitPairs(from, to, to + to_stride, length);
  int64_t j = 0;
  if constexpr (kSize > 0) {
    const int64_t whole = width - width % kSize;
    for (; whole > 0 && j + kSize <= length; j += kSize) {
      for (int64_t k = 0; k < whole; k += kSize) {
        TransposeBlock<T>::Run(from + j * from_stride + k, from_stride, to + k * to_stride + j, to_stride);
      }
      for (int64_t k = whole; k < width; ++k) {
        for (int64_t i = j; i < j + kSize; ++i)
          std::memcpy(to + k * to_stride + i, from + i * from_stride + k, sizeof(T));
      }
    }
  }
  for (int64_t k = 0; k < width; ++k) {
    for (int64_t i = j; i < length; ++i)
      std::memcpy(to + k * to_stride + i, from + i * from_stride + k, sizeof(T));
  }
}

}  // namespace ortolan::kernels
