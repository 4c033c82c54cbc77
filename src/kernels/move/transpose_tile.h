// TransposeStrip: the inner loop of every transposing copy: a strip of a few source-contiguous elements times
// a long destination-contiguous axis. SSE2, which every x86-64 has, and NEON, which every aarch64 has, do
// blocks in registers; other machines and ragged edges take the plain loop.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace ortolan::kernels {

template <typename T>
struct TransposeBlock {
  static constexpr int64_t kSize = 0;  // no register block for this width
  static void Run(const T*, int64_t, T*, int64_t) {}
};

#if defined(__SSE2__) || defined(__aarch64__)

// Zip: the elements of both operands' lower (upper) halves in turn. Even, Odd: every second element of 32
// bits of one after the other.
#if defined(__SSE2__)
using BlockRow = __m128i;
inline BlockRow LoadBlockRow(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
inline void StoreBlockRow(void* at, BlockRow row) {
  _mm_storeu_si128(static_cast<__m128i*>(at), row);
}
#define ORTOLAN_ZIP(bits)                                 \
  inline BlockRow ZipLow##bits(BlockRow a, BlockRow b) {  \
    return _mm_unpacklo_epi##bits(a, b);                  \
  }                                                       \
  inline BlockRow ZipHigh##bits(BlockRow a, BlockRow b) { \
    return _mm_unpackhi_epi##bits(a, b);                  \
  }
inline BlockRow Even32(BlockRow a, BlockRow b) {
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _MM_SHUFFLE(2, 0, 2, 0)));
}
inline BlockRow Odd32(BlockRow a, BlockRow b) {
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _MM_SHUFFLE(3, 1, 3, 1)));
}
#else
using BlockRow = uint8x16_t;
inline BlockRow LoadBlockRow(const void* at) {
  return vld1q_u8(static_cast<const uint8_t*>(at));
}
inline void StoreBlockRow(void* at, BlockRow row) {
  vst1q_u8(static_cast<uint8_t*>(at), row);
}
inline BlockRow Even32(BlockRow a, BlockRow b) {
  return vreinterpretq_u8_u32(vuzp1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
inline BlockRow Odd32(BlockRow a, BlockRow b) {
  return vreinterpretq_u8_u32(vuzp2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
using Lanes8 = uint8x16_t;
using Lanes16 = uint16x8_t;
using Lanes32 = uint32x4_t;
using Lanes64 = uint64x2_t;
#define ORTOLAN_ZIP(bits)                                            \
  inline BlockRow ZipLow##bits(BlockRow a, BlockRow b) {             \
    return (BlockRow)vzip1q_u##bits((Lanes##bits)a, (Lanes##bits)b); \
  }                                                                  \
  inline BlockRow ZipHigh##bits(BlockRow a, BlockRow b) {            \
    return (BlockRow)vzip2q_u##bits((Lanes##bits)a, (Lanes##bits)b); \
  }
#endif
ORTOLAN_ZIP(8)
ORTOLAN_ZIP(16)
ORTOLAN_ZIP(32)
ORTOLAN_ZIP(64)
#undef ORTOLAN_ZIP

template <>
struct TransposeBlock<uint64_t> {
  static constexpr int64_t kSize = 2;
  static void Run(const uint64_t* from, int64_t from_stride, uint64_t* to, int64_t to_stride) {
    const BlockRow a = LoadBlockRow(from);
    const BlockRow b = LoadBlockRow(from + from_stride);
    StoreBlockRow(to, ZipLow64(a, b));
    StoreBlockRow(to + to_stride, ZipHigh64(a, b));
  }
};

template <>
struct TransposeBlock<uint32_t> {
  static constexpr int64_t kSize = 4;
  static void Run(const uint32_t* from, int64_t from_stride, uint32_t* to, int64_t to_stride) {
    const BlockRow a = LoadBlockRow(from);
    const BlockRow b = LoadBlockRow(from + from_stride);
    const BlockRow c = LoadBlockRow(from + 2 * from_stride);
    const BlockRow d = LoadBlockRow(from + 3 * from_stride);
    const BlockRow ab_low = ZipLow32(a, b);
    const BlockRow ab_high = ZipHigh32(a, b);
    const BlockRow cd_low = ZipLow32(c, d);
    const BlockRow cd_high = ZipHigh32(c, d);
    StoreBlockRow(to, ZipLow64(ab_low, cd_low));
    StoreBlockRow(to + to_stride, ZipHigh64(ab_low, cd_low));
    StoreBlockRow(to + 2 * to_stride, ZipLow64(ab_high, cd_high));
    StoreBlockRow(to + 3 * to_stride, ZipHigh64(ab_high, cd_high));
  }
};

// Interleaving the rows i and i + n/2 log2(n) times is a transpose (a perfect shuffle of the index bits): the
// same three or four rounds serve 8x8 of 16 bits and 16x16 of 8 bits.
template <>
struct TransposeBlock<uint16_t> {
  static constexpr int64_t kSize = 8;
  static void Run(const uint16_t* from, int64_t from_stride, uint16_t* to, int64_t to_stride) {
    BlockRow rows[8], next[8];
    for (int i = 0; i < 8; ++i) rows[i] = LoadBlockRow(from + i * from_stride);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 4; ++i) {
        next[2 * i] = ZipLow16(rows[i], rows[i + 4]);
        next[2 * i + 1] = ZipHigh16(rows[i], rows[i + 4]);
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
    BlockRow rows[16], next[16];
    for (int i = 0; i < 16; ++i) rows[i] = LoadBlockRow(from + i * from_stride);
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 8; ++i) {
        next[2 * i] = ZipLow8(rows[i], rows[i + 8]);
        next[2 * i + 1] = ZipHigh8(rows[i], rows[i + 8]);
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
#if defined(__SSE2__) || defined(__aarch64__)
  if constexpr (sizeof(T) == 4) {
    for (; j + 4 <= pairs; j += 4) {
      const BlockRow a = LoadBlockRow(from + 2 * j);
      const BlockRow b = LoadBlockRow(from + 2 * j + 4);
      StoreBlockRow(even + j, Even32(a, b));
      StoreBlockRow(odd + j, Odd32(a, b));
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
