// Rows of samples, written once over the widest vectors of the unit that includes it.
#include "kernels/image/samples.h"
#include "simd/vec.h"

namespace ortolan::image {
namespace {

constexpr int32_t kHalfWeight = 1 << (kWeightBits - 1);

uint8_t CutTo8Bits(int32_t sum) {
  sum >>= kWeightBits;
  return static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

#if defined(__AVX2__)

// Eight samples as 32-bit integers.
__m256i Widen8(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}

// The bytes of one colour of 16 pixels, from the three vectors that hold them.
struct Colors {
  __m128i r, g, b;
};
Colors Split16(const uint8_t* rgb) {
  const auto* p = reinterpret_cast<const __m128i*>(rgb);
  const __m128i a = _mm_loadu_si128(p), b = _mm_loadu_si128(p + 1), c = _mm_loadu_si128(p + 2);
  const auto pick = [](__m128i v, __m128i which) { return _mm_shuffle_epi8(v, which); };
  Colors out;
  out.r = _mm_or_si128(
      _mm_or_si128(pick(a, _mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
                   pick(b, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1))),
      pick(c, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13)));
  out.g = _mm_or_si128(
      _mm_or_si128(pick(a, _mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
                   pick(b, _mm_setr_epi8(-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1))),
      pick(c, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14)));
  out.b = _mm_or_si128(
      _mm_or_si128(pick(a, _mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
                   pick(b, _mm_setr_epi8(-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1))),
      pick(c, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15)));
  return out;
}

void StoreScaled(__m128i samples, float scale, float mean, float deviation, float* out) {
  const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(samples));
  const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(samples, 8)));
  const __m256 factor = _mm256_set1_ps(scale), less = _mm256_set1_ps(mean), over = _mm256_set1_ps(deviation);
  _mm256_storeu_ps(out, _mm256_div_ps(_mm256_sub_ps(_mm256_mul_ps(low, factor), less), over));
  _mm256_storeu_ps(out + 8, _mm256_div_ps(_mm256_sub_ps(_mm256_mul_ps(high, factor), less), over));
}

#endif

void ToPlanes(const uint8_t* rgb, int64_t count, const PlaneScale& s, float* r, float* g, float* b) {
  int64_t x = 0;
#if defined(__AVX2__)
  for (; x + 16 <= count; x += 16) {
    const Colors colors = Split16(rgb + x * 3);
    StoreScaled(colors.r, s.scale, s.mean[0], s.deviation[0], r + x);
    StoreScaled(colors.g, s.scale, s.mean[1], s.deviation[1], g + x);
    StoreScaled(colors.b, s.scale, s.mean[2], s.deviation[2], b + x);
  }
#endif
  for (; x < count; ++x) {
    r[x] = (static_cast<float>(rgb[x * 3]) * s.scale - s.mean[0]) / s.deviation[0];
    g[x] = (static_cast<float>(rgb[x * 3 + 1]) * s.scale - s.mean[1]) / s.deviation[1];
    b[x] = (static_cast<float>(rgb[x * 3 + 2]) * s.scale - s.mean[2]) / s.deviation[2];
  }
}

void Halve(const uint8_t* upper, const uint8_t* lower, int64_t count, uint8_t* out) {
  int64_t x = 0;
#if defined(__AVX2__)
  // Four pixels of a row are 12 bytes: neighbours' colours are put beside each other, added in pairs, and
  // give two pixels of six sums. Both halves of a vector do so; 16 bytes are read where 12 are used, and 8
  // are written where 6 are meant, so that the last pixels are left to the plain loop.
  const __m256i pairs =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, -1, -1, -1, -1));
  const __m256i ones = _mm256_set1_epi8(1), two = _mm256_set1_epi16(2);
  const auto load = [](const uint8_t* p) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12)), 1);
  };
  for (; x + 5 <= count; x += 4) {
    const __m256i a = _mm256_maddubs_epi16(_mm256_shuffle_epi8(load(upper + x * 6), pairs), ones);
    const __m256i b = _mm256_maddubs_epi16(_mm256_shuffle_epi8(load(lower + x * 6), pairs), ones);
    const __m256i mean = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(a, b), two), 2);
    const __m256i bytes = _mm256_packus_epi16(mean, mean);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + x * 3), _mm256_castsi256_si128(bytes));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + x * 3 + 6), _mm256_extracti128_si256(bytes, 1));
  }
#endif
  for (; x < count; ++x)
    for (int64_t c = 0; c < 3; ++c) {
      const int64_t i = x * 6 + c;
      out[x * 3 + c] = static_cast<uint8_t>((upper[i] + upper[i + 3] + lower[i] + lower[i + 3] + 2) >> 2);
    }
}

void AddRow(const uint8_t* row, int64_t count, uint32_t* sums) {
  int64_t i = 0;
#if defined(__AVX2__)
  for (; i + 8 <= count; i += 8) {
    auto* p = reinterpret_cast<__m256i*>(sums + i);
    _mm256_storeu_si256(p, _mm256_add_epi32(_mm256_loadu_si256(p), Widen8(row + i)));
  }
#endif
  for (; i < count; ++i) sums[i] += row[i];
}

void MixRows(const uint8_t* const* rows, const int32_t* weights, int64_t taps, int64_t count, uint8_t* out) {
  int64_t i = 0;
#if defined(__AVX2__)
  for (; i + 16 <= count; i += 16) {
    __m256i low = _mm256_set1_epi32(kHalfWeight), high = low;
    for (int64_t k = 0; k < taps; ++k) {
      const __m256i weight = _mm256_set1_epi32(weights[k]);
      low = _mm256_add_epi32(low, _mm256_mullo_epi32(Widen8(rows[k] + i), weight));
      high = _mm256_add_epi32(high, _mm256_mullo_epi32(Widen8(rows[k] + i + 8), weight));
    }
    low = _mm256_srai_epi32(low, kWeightBits);
    high = _mm256_srai_epi32(high, kWeightBits);
    // Packing goes half by half; the order is put right between the two packs.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), bytes);
  }
#endif
  for (; i < count; ++i) {
    int32_t sum = kHalfWeight;
    for (int64_t k = 0; k < taps; ++k) sum += rows[k][i] * weights[k];
    out[i] = CutTo8Bits(sum);
  }
}

void ResizeRow(const uint8_t* in, [[maybe_unused]] int64_t in_count, const int* first, const int* counts,
               const int32_t* weights, int64_t stride, int64_t count, uint8_t* out) {
  int64_t x = 0;
#if defined(__AVX2__)
  // A pixel is read as four bytes, the next one's red with it: so the row's last pixel is left to the plain
  // loop, and a pixel of the result is written as four bytes before the next one is.
  for (; x + 1 < count && first[x] + counts[x] < in_count; ++x) {
    const uint8_t* pixel = in + static_cast<int64_t>(first[x]) * 3;
    const int32_t* weight = weights + x * stride;
    __m128i sum = _mm_set1_epi32(kHalfWeight);
    for (int k = 0; k < counts[x]; ++k, pixel += 3) {
      int32_t bytes;
      std::memcpy(&bytes, pixel, 4);
      sum = _mm_add_epi32(
          sum, _mm_mullo_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)), _mm_set1_epi32(weight[k])));
    }
    sum = _mm_srai_epi32(sum, kWeightBits);
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
    const int32_t four = _mm_cvtsi128_si32(sum);
    std::memcpy(out + x * 3, &four, 4);
  }
#endif
  for (; x < count; ++x) {
    const uint8_t* pixel = in + static_cast<int64_t>(first[x]) * 3;
    const int32_t* weight = weights + x * stride;
    int32_t r = kHalfWeight, g = kHalfWeight, b = kHalfWeight;
    for (int k = 0; k < counts[x]; ++k, pixel += 3) {
      r += pixel[0] * weight[k];
      g += pixel[1] * weight[k];
      b += pixel[2] * weight[k];
    }
    out[x * 3] = CutTo8Bits(r);
    out[x * 3 + 1] = CutTo8Bits(g);
    out[x * 3 + 2] = CutTo8Bits(b);
  }
}

// By strips, whose best stay in the first cache while the rows go by, four at a time: each is read in order,
// as prefetchers like it. A model's output is seldom in a near cache.
void BestOfRows(const float* scores, int64_t rows, int64_t stride, int64_t count, float* best) {
  constexpr int64_t kStrip = 4096;
  for (int64_t start = 0; start < count; start += kStrip) {
    const int64_t end = start + kStrip < count ? start + kStrip : count;
    int64_t row = 1;
    for (int64_t i = start; i < end; ++i) best[i] = scores[i];
    for (; row < rows; row += 4) {
      const int64_t together = rows - row < 4 ? rows - row : 4;
      const float* p[4];
      for (int64_t k = 0; k < 4; ++k) p[k] = scores + (row + (k < together ? k : 0)) * stride;
      int64_t i = start;
      for (; i + kLanes <= end; i += kLanes) {
        F32 top = Max(Load(p[0] + i), Load(best + i));
        for (int k = 1; k < 4; ++k) top = Max(Load(p[k] + i), top);
        Store(best + i, top);
      }
      for (; i < end; ++i)
        for (int k = 0; k < 4; ++k) best[i] = p[k][i] > best[i] ? p[k][i] : best[i];
    }
  }
}

}  // namespace
}  // namespace ortolan::image
