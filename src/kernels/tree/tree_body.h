// The vote of 16 rows over the leaves of a tree, once for the ISA that this unit is compiled for.
#pragma once

#if defined(ORTOLAN_NEON)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

#include "kernels/tree/tree_kernel.h"

namespace ortolan::kernels {
namespace {

#if defined(__AVX512F__)

// Sets of 32 leaves, one for each row of the tile.
struct Leaves {
  __m512i v;
};
using Failed = __mmask16;

inline Leaves AllLeaves() {
  return {_mm512_set1_epi32(-1)};
}

// Which rows fail x <= split; NaN fails unless `nan_passes`.
template <bool kNanPasses>
inline Failed Fails(const float* column, float split) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(column), _mm512_set1_ps(split),
                            kNanPasses ? _CMP_GT_OQ : _CMP_NLE_UQ);
}
template <bool kNanPasses>
inline Failed Fails(const double* column, double split) {
  constexpr int kCompare = kNanPasses ? _CMP_GT_OQ : _CMP_NLE_UQ;
  const __m512d limit = _mm512_set1_pd(split);
  const __mmask8 low = _mm512_cmp_pd_mask(_mm512_loadu_pd(column), limit, kCompare);
  const __mmask8 high = _mm512_cmp_pd_mask(_mm512_loadu_pd(column + 8), limit, kCompare);
  return static_cast<Failed>(_mm512_kunpackb(high, low));
}

inline Leaves Keep(Leaves leaves, Failed failed, uint32_t keep) {
  return {_mm512_mask_and_epi32(leaves.v, failed, leaves.v, _mm512_set1_epi32(static_cast<int>(keep)))};
}

// The place of the lowest bit of each set that is not empty: of x & -x, which has one bit.
inline __m512i LowestBit(__m512i x) {
  const __m512i lowest = _mm512_and_si512(x, _mm512_sub_epi32(_mm512_setzero_si512(), x));
  return _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
}
inline void StoreLeaves(Leaves low, int32_t first_leaf, int32_t* to) {
  _mm512_storeu_si512(to, _mm512_add_epi32(LowestBit(low.v), _mm512_set1_epi32(first_leaf)));
}
inline void StoreLeaves(Leaves low, Leaves high, int32_t first_leaf, int32_t* to) {
  const __mmask16 in_low = _mm512_test_epi32_mask(low.v, low.v);
  const __m512i at_high = _mm512_add_epi32(LowestBit(high.v), _mm512_set1_epi32(32));
  const __m512i at = _mm512_mask_mov_epi32(at_high, in_low, LowestBit(low.v));
  _mm512_storeu_si512(to, _mm512_add_epi32(at, _mm512_set1_epi32(first_leaf)));
}

#elif defined(ORTOLAN_NEON)

struct Leaves {
  uint32x4_t v[4];
};
using Failed = Leaves;

inline Leaves AllLeaves() {
  const uint32x4_t all = vdupq_n_u32(0xffffffffu);
  return {{all, all, all, all}};
}

template <bool kNanPasses>
inline Failed Fails(const float* column, float split) {
  const float32x4_t limit = vdupq_n_f32(split);
  Failed failed;
  for (int i = 0; i < 4; ++i) {
    const float32x4_t x = vld1q_f32(column + 4 * i);
    failed.v[i] = kNanPasses ? vcgtq_f32(x, limit) : vmvnq_u32(vcleq_f32(x, limit));
  }
  return failed;
}
template <bool kNanPasses>
inline Failed Fails(const double* column, double split) {
  const float64x2_t limit = vdupq_n_f64(split);
  Failed failed;
  for (int i = 0; i < 4; ++i) {
    const float64x2_t x = vld1q_f64(column + 4 * i), y = vld1q_f64(column + 4 * i + 2);
    const uint32x4_t low = vreinterpretq_u32_u64(kNanPasses ? vcgtq_f64(x, limit) : vcleq_f64(x, limit));
    const uint32x4_t high = vreinterpretq_u32_u64(kNanPasses ? vcgtq_f64(y, limit) : vcleq_f64(y, limit));
    const uint32x4_t both = vuzp1q_u32(low, high);
    failed.v[i] = kNanPasses ? both : vmvnq_u32(both);
  }
  return failed;
}

inline Leaves Keep(Leaves leaves, Failed failed, uint32_t keep) {
  const uint32x4_t gone = vdupq_n_u32(~keep);
  for (int i = 0; i < 4; ++i) leaves.v[i] = vbicq_u32(leaves.v[i], vandq_u32(failed.v[i], gone));
  return leaves;
}

// The place of the lowest bit: of x & -x, which has one bit.
inline int32x4_t LowestBit(uint32x4_t x) {
  const uint32x4_t lowest = vandq_u32(x, vreinterpretq_u32_s32(vnegq_s32(vreinterpretq_s32_u32(x))));
  return vsubq_s32(vdupq_n_s32(31), vreinterpretq_s32_u32(vclzq_u32(lowest)));
}
inline void StoreLeaves(Leaves low, int32_t first_leaf, int32_t* to) {
  for (int i = 0; i < 4; ++i) vst1q_s32(to + 4 * i, vaddq_s32(LowestBit(low.v[i]), vdupq_n_s32(first_leaf)));
}
inline void StoreLeaves(Leaves low, Leaves high, int32_t first_leaf, int32_t* to) {
  for (int i = 0; i < 4; ++i) {
    const int32x4_t at_high = vaddq_s32(LowestBit(high.v[i]), vdupq_n_s32(32));
    const int32x4_t at = vbslq_s32(vceqzq_u32(low.v[i]), at_high, LowestBit(low.v[i]));
    vst1q_s32(to + 4 * i, vaddq_s32(at, vdupq_n_s32(first_leaf)));
  }
}

#else

struct Leaves {
  __m256i v[2];
};
struct Failed {
  __m256i v[2];
};

inline Leaves AllLeaves() {
  return {{_mm256_set1_epi32(-1), _mm256_set1_epi32(-1)}};
}

template <bool kNanPasses>
inline Failed Fails(const float* column, float split) {
  constexpr int kCompare = kNanPasses ? _CMP_GT_OQ : _CMP_NLE_UQ;
  const __m256 limit = _mm256_set1_ps(split);
  return {{_mm256_castps_si256(_mm256_cmp_ps(_mm256_loadu_ps(column), limit, kCompare)),
           _mm256_castps_si256(_mm256_cmp_ps(_mm256_loadu_ps(column + 8), limit, kCompare))}};
}
template <bool kNanPasses>
inline __m256i FailsEight(const double* column, __m256d limit) {
  constexpr int kCompare = kNanPasses ? _CMP_GT_OQ : _CMP_NLE_UQ;
  const __m256 low = _mm256_castpd_ps(_mm256_cmp_pd(_mm256_loadu_pd(column), limit, kCompare));
  const __m256 high = _mm256_castpd_ps(_mm256_cmp_pd(_mm256_loadu_pd(column + 4), limit, kCompare));
  // The even halves of both, then the quarters in order.
  const __m256i mixed = _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88));
  return _mm256_permute4x64_epi64(mixed, 0xd8);
}
template <bool kNanPasses>
inline Failed Fails(const double* column, double split) {
  const __m256d limit = _mm256_set1_pd(split);
  return {{FailsEight<kNanPasses>(column, limit), FailsEight<kNanPasses>(column + 8, limit)}};
}

inline Leaves Keep(Leaves leaves, Failed failed, uint32_t keep) {
  const __m256i gone = _mm256_set1_epi32(static_cast<int>(~keep));
  return {{_mm256_andnot_si256(_mm256_and_si256(failed.v[0], gone), leaves.v[0]),
           _mm256_andnot_si256(_mm256_and_si256(failed.v[1], gone), leaves.v[1])}};
}

// The place of the lowest bit: of x & -x, which has one bit, the exponent as a float (bit 31 gives a negative
// one).
inline __m256i LowestBit(__m256i x) {
  const __m256i lowest = _mm256_and_si256(x, _mm256_sub_epi32(_mm256_setzero_si256(), x));
  const __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(lowest));
  const __m256i exponent = _mm256_and_si256(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(255));
  return _mm256_sub_epi32(exponent, _mm256_set1_epi32(127));
}
inline void StoreLeaves(Leaves low, int32_t first_leaf, int32_t* to) {
  for (int i = 0; i < 2; ++i)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8 * i),
                        _mm256_add_epi32(LowestBit(low.v[i]), _mm256_set1_epi32(first_leaf)));
}
inline void StoreLeaves(Leaves low, Leaves high, int32_t first_leaf, int32_t* to) {
  for (int i = 0; i < 2; ++i) {
    const __m256i empty = _mm256_cmpeq_epi32(low.v[i], _mm256_setzero_si256());
    const __m256i at_high = _mm256_add_epi32(LowestBit(high.v[i]), _mm256_set1_epi32(32));
    const __m256i at = _mm256_blendv_epi8(LowestBit(low.v[i]), at_high, empty);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8 * i),
                        _mm256_add_epi32(at, _mm256_set1_epi32(first_leaf)));
  }
}

#endif

template <bool kNanPasses, typename T>
inline void VoteNarrow(const T* tile, const TreeTest<T>* test, const TreeTest<T>* end, Leaves* low) {
  Leaves left = *low;
  for (; test != end; ++test)
    left =
        Keep(left, Fails<kNanPasses>(tile + int64_t{test->column} * kTreeTile, test->split), test->keep_low);
  *low = left;
}

template <bool kNanPasses, typename T>
inline void VoteWide(const T* tile, const TreeTest<T>* test, const TreeTest<T>* end, Leaves* low,
                     Leaves* high) {
  Leaves left = *low, right = *high;
  for (; test != end; ++test) {
    const Failed failed = Fails<kNanPasses>(tile + int64_t{test->column} * kTreeTile, test->split);
    left = Keep(left, failed, test->keep_low);
    right = Keep(right, failed, test->keep_high);
  }
  *low = left;
  *high = right;
}

template <typename T>
void Vote(const T* tile, const TreeTest<T>* tests, const VotedTree* trees, int64_t count, int32_t* leaves) {
  for (int64_t i = 0; i < count; ++i, leaves += kTreeTile) {
    const VotedTree& tree = trees[i];
    Leaves low = AllLeaves();
    if (!tree.wide) {
      VoteNarrow<false>(tile, tests + tree.tests, tests + tree.tests_nan, &low);
      VoteNarrow<true>(tile, tests + tree.tests_nan, tests + tree.tests_end, &low);
      StoreLeaves(low, tree.first_leaf, leaves);
    } else {
      Leaves high = AllLeaves();
      VoteWide<false>(tile, tests + tree.tests, tests + tree.tests_nan, &low, &high);
      VoteWide<true>(tile, tests + tree.tests_nan, tests + tree.tests_end, &low, &high);
      StoreLeaves(low, high, tree.first_leaf, leaves);
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
