#include "kernels/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/half.h"
#include "kernels/attention/rows.h"
#include "kernels/attention/stream.h"

namespace ortolan::kernels {
namespace {

// Scores of a block: 256 KB leave most of an L2 of 1 MB to the keys and values that pass.
constexpr int64_t kBlockScores = 65536;
constexpr int64_t kFewestRows = 32;
constexpr int64_t kMostRows = 128;

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

int64_t RoundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

GemmElement GemmElementOf(AttentionElement element) {
  return element == AttentionElement::kF16    ? GemmElement::kF16
         : element == AttentionElement::kBF16 ? GemmElement::kBF16
                                              : GemmElement::kF32;
}

template <typename T, typename Real>
T Stored(Real number) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<T>(number);
  else
    return T(static_cast<float>(number));
}

// Real is what is computed in, T the type of the tensors.
template <typename T, typename Real>
class Attention {
 public:
  Attention(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
            ThreadPool& serial)
      : plan_(plan), p_(plan.problem), o_(operands), scratch_(scratch), serial_(serial) {}

  // Block `block` of the rows of all query heads that share key head `kv_head`.
  void Block(int64_t item, int64_t kv_head, int64_t block, int slot) const;

 private:
  using Row = AttentionRow;
  Row RowAt(int64_t item, int64_t kv_head, int64_t row) const {
    return AttentionRowAt(p_, o_, item, kv_head, row);
  }
  struct Head {
    int64_t item, kv_head;
  };
  struct Rows {
    Real* data;
    int64_t stride;
  };
  const T* Keys(Head head) const {
    return static_cast<const T*>(o_.k.data) + head.item * o_.k.batch + head.kv_head * o_.k.head;
  }
  const T* Values(Head head) const {
    return static_cast<const T*>(o_.v.data) + head.item * o_.v.batch + head.kv_head * o_.v.head;
  }
  // Rows of queries follow each other in memory only where no other query head shares the keys.
  bool InPlace() const { return std::is_same_v<T, float> && p_.heads == p_.kv_heads; }
  void ReadQueries(int64_t item, int64_t kv_head, int64_t first, int64_t count, Real* to) const;
  bool Multiply(const GemmShape& shape, const Real* a, const void* b, Rows c,
                std::span<std::byte> scratch) const;
  void MakeScores(Head head, Rows q, int64_t count, KeyRange keys, Real* scores,
                  std::span<std::byte> scratch) const;
  void AddValues(Head head, const Real* scores, int64_t count, KeyRange keys, Rows out,
                 std::span<std::byte> scratch) const;
  void FinishRow(int64_t item, const Row& row, KeyRange block, Real* scores) const;
  bool Plain() const;
  void FinishPlainRows(Head head, int64_t first, int64_t count, KeyRange block, Real* scores) const;
  void Softmax(int64_t head, Real* scores, int64_t count) const;
  void Show(int64_t item, const Row& row, const Real* scores, AttentionScores stage) const;

  const AttentionPlan& plan_;
  const AttentionProblem& p_;
  const AttentionOperands& o_;
  std::byte* scratch_;
  ThreadPool& serial_;
};

template <typename T, typename Real>
void Attention<T, Real>::ReadQueries(int64_t item, int64_t kv_head, int64_t first, int64_t count,
                                     Real* to) const {
  const int64_t group = p_.heads / p_.kv_heads;
  const Real scale = static_cast<Real>(p_.scale);
  for (int64_t r = first; r < first + count; ++r, to += p_.size) {
    const int64_t head = kv_head * group + r / p_.queries;
    const T* from =
        static_cast<const T*>(o_.q.data) + item * o_.q.batch + head * o_.q.head + r % p_.queries * o_.q.row;
    for (int64_t i = 0; i < p_.size; ++i) to[i] = static_cast<Real>(from[i]) * scale;
  }
}

// The product on the gemm kernels, where they take Real and the slot's scratch suffices; it does for all
// shapes that PlanAttention thought of.
template <typename T, typename Real>
bool Attention<T, Real>::Multiply(const GemmShape& shape, const Real* a, const void* b, Rows c,
                                  std::span<std::byte> scratch) const {
  if constexpr (std::is_same_v<Real, float>) {
    const GemmPlan plan = PlanGemm(*plan_.gemm, shape);
    if (plan.ScratchBytes(1) > scratch.size()) return false;
    GemmOperands operands;
    operands.a = a, operands.b = b, operands.c = c.data, operands.c_stride = c.stride;
    RunGemm(*plan_.gemm, plan, operands, scratch, serial_);
    return true;
  } else {
    return false;
  }
}

template <typename T, typename Real>
void Attention<T, Real>::MakeScores(Head head, Rows q, int64_t count, KeyRange keys, Real* scores,
                                    std::span<std::byte> scratch) const {
  const T* const k = Keys(head) + keys.begin * o_.k.row;
  GemmShape shape;
  shape.m = count, shape.n = keys.end - keys.begin, shape.k = p_.size;
  shape.a = {nullptr, q.stride, 1};
  shape.b = {nullptr, o_.k.element, o_.k.row, GemmElementOf(p_.element)};
  if (Multiply(shape, q.data, k, {scores, plan_.score_stride}, scratch)) return;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t j = 0; j < shape.n; ++j) {
      Real sum = 0;
      for (int64_t i = 0; i < p_.size; ++i)
        sum += q.data[r * q.stride + i] * static_cast<Real>(k[j * o_.k.row + i * o_.k.element]);
      scores[r * plan_.score_stride + j] = sum;
    }
  }
}

template <typename T, typename Real>
void Attention<T, Real>::AddValues(Head head, const Real* scores, int64_t count, KeyRange keys, Rows out,
                                   std::span<std::byte> scratch) const {
  const T* const v = Values(head) + keys.begin * o_.v.row;
  GemmShape shape;
  shape.m = count, shape.n = p_.value_size, shape.k = keys.end - keys.begin;
  shape.a = {nullptr, plan_.score_stride, 1};
  shape.b = {nullptr, o_.v.row, 1, GemmElementOf(p_.element)};
  if (Multiply(shape, scores, v, out, scratch)) return;
  for (int64_t r = 0; r < count; ++r) {
    Real* const to = out.data + r * out.stride;
    std::fill_n(to, p_.value_size, Real{0});
    for (int64_t j = 0; j < shape.k; ++j) {
      const Real factor = scores[r * plan_.score_stride + j];
      for (int64_t i = 0; i < p_.value_size; ++i) to[i] += factor * static_cast<Real>(v[j * o_.v.row + i]);
    }
  }
}

// In place; zeros where every score is minus infinity. A sink takes the place behind the scores, which the
// stride keeps free.
template <typename T, typename Real>
void Attention<T, Real>::Softmax(int64_t head, Real* scores, int64_t count) const {
  // Ends at the first key of almost every row.
  int64_t seen = 0;
  while (seen < count && scores[seen] == static_cast<Real>(kMinusInfinity)) ++seen;
  if (seen == count) {
    std::fill_n(scores, count,
                p_.nan_rows == AttentionNanRows::kNan ? std::numeric_limits<Real>::quiet_NaN() : Real{0});
    return;
  }
  if (o_.sinks != nullptr) scores[count++] = static_cast<Real>(o_.sinks[head]);
  if constexpr (std::is_same_v<Real, float>) {
    plan_.norm->softmax_rows(scores, scores, 1, count, false);
  } else {
    const Real most = *std::max_element(scores, scores + count);
    Real sum = 0;
    for (int64_t j = 0; j < count; ++j) {
      scores[j] = std::exp(scores[j] - most);
      sum += scores[j];
    }
    for (int64_t j = 0; j < count; ++j) scores[j] /= sum;
  }
  if (p_.nan_rows == AttentionNanRows::kZero && std::isnan(scores[0])) std::fill_n(scores, count, Real{0});
}

template <typename T, typename Real>
void Attention<T, Real>::Show(int64_t item, const Row& row, const Real* scores, AttentionScores stage) const {
  if (o_.shown != stage) return;
  T* to = static_cast<T*>(o_.scores) + ((item * p_.heads + row.head) * p_.queries + row.query) * p_.keys;
  for (int64_t j = 0; j < p_.keys; ++j) to[j] = Stored<T>(scores[j]);
}

// From products to probabilities: scores[0] is key block.begin; the block has all keys where they are shown.
template <typename T, typename Real>
void Attention<T, Real>::FinishRow(int64_t item, const Row& row, KeyRange block, Real* scores) const {
  const int64_t width = block.end - block.begin;
  Show(item, row, scores, AttentionScores::kProduct);
  if (p_.softcap > 0) CapScores(p_.softcap, width, scores);
  Show(item, row, scores, AttentionScores::kCapped);
  const int64_t begin = row.keys.end > 0 ? row.keys.begin - block.begin : 0;
  const int64_t end = row.keys.end > 0 ? row.keys.end - block.begin : 0;
  if (end > begin) AddAttentionMask(o_.mask, item, row, row.keys, scores + begin);
  if (o_.shown == AttentionScores::kBiased) {
    std::fill(scores, scores + begin, static_cast<Real>(kMinusInfinity));
    std::fill(scores + end, scores + width, static_cast<Real>(kMinusInfinity));
    Show(item, row, scores, AttentionScores::kBiased);
  }
  if (end > begin) {
    Softmax(row.head, scores + begin, end - begin);
  }
  std::fill(scores, scores + begin, Real{0});
  std::fill(scores + end, scores + width, Real{0});
  Show(item, row, scores, AttentionScores::kProbabilities);
}

// Whether all that stands between products and probabilities is a mask of adjacent floats.
template <typename T, typename Real>
bool Attention<T, Real>::Plain() const {
  const AttentionMask& mask = o_.mask;
  const bool adds = mask.type == AttentionMask::Type::kF32 && mask.column == 1;
  return std::is_same_v<Real, float> && o_.shown == AttentionScores::kNone && p_.softcap <= 0 &&
         o_.sinks == nullptr && (mask.type == AttentionMask::Type::kNone || adds);
}

// FinishRow for such ones: rows that see the same keys at once.
template <typename T, typename Real>
void Attention<T, Real>::FinishPlainRows(Head head, int64_t first, int64_t count, KeyRange block,
                                         Real* scores) const {
  if constexpr (std::is_same_v<Real, float>) {
    const AttentionMask& mask = o_.mask;
    const int64_t width = block.end - block.begin;
    for (int64_t r = 0; r < count;) {
      const Row row = RowAt(head.item, head.kv_head, first + r);
      int64_t same = 1;  // rows of one query head, from r on
      for (; r + same < count; ++same) {
        const Row next = RowAt(head.item, head.kv_head, first + r + same);
        if (next.head != row.head || next.keys.begin != row.keys.begin || next.keys.end != row.keys.end)
          break;
      }
      const int64_t begin = row.keys.end > 0 ? row.keys.begin - block.begin : 0;
      const int64_t end = row.keys.end > 0 ? row.keys.end - block.begin : 0;
      float* const rows = scores + r * plan_.score_stride;
      if (end > begin) {
        ScoreRows work{};
        work.scores = rows + begin, work.stride = plan_.score_stride;
        if (mask.type != AttentionMask::Type::kNone) {
          work.mask =
              static_cast<const float*>(mask.data) + AttentionMaskAt(mask, head.item, row) + row.keys.begin;
          work.mask_stride = mask.row;
        }
        work.rows = same, work.count = end - begin;
        work.unseen = p_.nan_rows == AttentionNanRows::kNan ? std::numeric_limits<float>::quiet_NaN() : 0.0f;
        work.nan_is_zero = p_.nan_rows == AttentionNanRows::kZero;
        plan_.norm->softmax_scores(work);
      }
      for (int64_t i = 0; i < same && end - begin < width; ++i) {
        float* const at = rows + i * plan_.score_stride;
        std::fill(at, at + begin, 0.0f);
        std::fill(at + end, at + width, 0.0f);
      }
      r += same;
    }
  }
}

template <typename T, typename Real>
void Attention<T, Real>::Block(int64_t item, int64_t kv_head, int64_t block, int slot) const {
  std::byte* const base =
      scratch_ + static_cast<size_t>(slot) * (plan_.gemm_bytes + plan_.slot_floats * sizeof(float));
  const std::span<std::byte> gemm(base, plan_.gemm_bytes);
  Real* const scores = reinterpret_cast<Real*>(base + plan_.gemm_bytes);
  Real* const q = scores + plan_.rows * plan_.score_stride;
  Real* const out = q + RoundUp(plan_.rows * p_.size, 16);
  const int64_t all = p_.heads / p_.kv_heads * p_.queries;
  const int64_t first = block * plan_.rows, count = std::min(plan_.rows, all - first);
  KeyRange keys{p_.keys, 0};
  for (int64_t r = 0; r < count; ++r) {
    const KeyRange own = RowAt(item, kv_head, first + r).keys;
    if (own.end == 0) continue;
    keys.begin = std::min(keys.begin, own.begin);
    keys.end = std::max(keys.end, own.end);
  }
  if (o_.shown != AttentionScores::kNone) keys = {0, p_.keys};
  const Head head{item, kv_head};
  const Rows queries{q, p_.size};
  Rows results{out, p_.value_size};
  if (InPlace()) {
    const int64_t at_y = item * o_.y.batch + kv_head * o_.y.head + first * o_.y.row;
    results = {static_cast<Real*>(o_.y.data) + at_y, o_.y.row};
  }
  if (keys.end > keys.begin) {
    ReadQueries(item, kv_head, first, count, q);
    MakeScores(head, queries, count, keys, scores, gemm);
    if (Plain()) {
      FinishPlainRows(head, first, count, keys, scores);
    } else {
      for (int64_t r = 0; r < count; ++r)
        FinishRow(item, RowAt(item, kv_head, first + r), keys, scores + r * plan_.score_stride);
    }
    AddValues(head, scores, count, keys, results, gemm);
  } else {
    for (int64_t r = 0; r < count; ++r)
      std::fill_n(results.data + r * results.stride, p_.value_size, Real{0});
  }
  if (results.data != out) return;
  for (int64_t r = 0; r < count; ++r) {
    const Row row = RowAt(item, kv_head, first + r);
    T* to = static_cast<T*>(o_.y.data) + item * o_.y.batch + row.head * o_.y.head + row.query * o_.y.row;
    for (int64_t i = 0; i < p_.value_size; ++i) to[i] = Stored<T>(out[r * p_.value_size + i]);
  }
}

template <typename T, typename Real>
void RunTyped(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
              ThreadPool& threads, ThreadPool& serial, FunctionRef<bool()> cancelled) {
  const Attention<T, Real> attention(plan, operands, scratch, serial);
  const int64_t heads = plan.problem.batch * plan.problem.kv_heads;
  const int64_t tasks = heads * plan.blocks;
  std::atomic<int64_t> next{0};
  // Each slot takes block after block; which one does not matter for the result.
  threads.ParallelFor(std::min<int64_t>(plan.slots, tasks), [&](int64_t slot) {
    for (int64_t task = next++; task < tasks && !cancelled(); task = next++) {
      const int64_t head = task / plan.blocks;
      attention.Block(head / plan.problem.kv_heads, head % plan.problem.kv_heads, task % plan.blocks,
                      static_cast<int>(slot));
    }
  });
}

}  // namespace

size_t AttentionPlan::ScratchBytes() const {
  if (streams) return stream.Bytes();
  return static_cast<size_t>(slots) * (gemm_bytes + slot_floats * sizeof(float));
}

AttentionPlan PlanAttention(const AttentionProblem& problem, const GemmVariant& gemm,
                            const NormF32Variant& norm, int threads) {
  AttentionPlan plan;
  plan.problem = problem;
  plan.gemm = &gemm;
  plan.norm = &norm;
  plan.streams = StreamsAttention(problem, gemm);
  if (plan.streams) {
    plan.stream = PlanAttentionStream(problem, gemm, std::max(threads, 1));
    return plan;
  }
  const int64_t all = problem.heads / problem.kv_heads * problem.queries;
  const int64_t fitting =
      std::clamp(kBlockScores / std::max<int64_t>(problem.keys, 1), kFewestRows, kMostRows);
  plan.blocks = (all + fitting - 1) / fitting;
  plan.rows = plan.blocks == 0 ? 0 : (all + plan.blocks - 1) / plan.blocks;
  // Whole cache lines, and no multiple of 4 KB: rows that far apart push each other out of L1.
  // One place more than keys for a sink.
  plan.score_stride = RoundUp(problem.keys + 1, 16);
  if (plan.score_stride % 1024 == 0) plan.score_stride += 16;
  const int64_t reals = plan.rows * plan.score_stride + RoundUp(plan.rows * problem.size, 16) +
                        RoundUp(plan.rows * problem.value_size, 16);
  plan.slot_floats = static_cast<size_t>(reals) * (problem.element == AttentionElement::kF64 ? 2 : 1);
  const int64_t tasks = problem.batch * problem.kv_heads * plan.blocks;
  plan.slots = static_cast<int>(std::clamp<int64_t>(tasks, 1, std::max(threads, 1)));
  if (problem.element == AttentionElement::kF64) return plan;
  // What a product over fewer keys or rows takes is no more than one of these: k is cut into blocks beyond
  // half of L2, except for a single strip of rows.
  const GemmElement element = GemmElementOf(problem.element);
  const auto half_l2_floats = static_cast<int64_t>(GetCpuInfo().l2_bytes / 2 / sizeof(float));
  for (const int64_t rows : {plan.rows, std::min<int64_t>(plan.rows, kMostGemmFewRows + 1), int64_t{1}}) {
    for (const int64_t keys : {problem.keys, std::min(problem.keys, half_l2_floats / gemm.columns)}) {
      GemmShape shape;
      shape.m = rows, shape.n = keys, shape.k = problem.size;
      shape.a = {nullptr, problem.size, 1};
      shape.b = {nullptr, 1, problem.size, element};
      plan.gemm_bytes = std::max(plan.gemm_bytes, PlanGemm(gemm, shape).ScratchBytes(1));
      shape.n = problem.value_size, shape.k = keys;
      shape.a = {nullptr, plan.score_stride, 1};
      shape.b = {nullptr, problem.value_size, 1, element};
      plan.gemm_bytes = std::max(plan.gemm_bytes, PlanGemm(gemm, shape).ScratchBytes(1));
    }
  }
  plan.gemm_bytes = (plan.gemm_bytes + 63) / 64 * 64;
  return plan;
}

void RunAttention(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
                  ThreadPool& threads, ThreadPool& serial, FunctionRef<bool()> cancelled) {
  if (plan.streams) return RunAttentionStream(plan, operands, scratch, threads, cancelled);
  switch (plan.problem.element) {
    case AttentionElement::kF32:
      return RunTyped<float, float>(plan, operands, scratch, threads, serial, cancelled);
    case AttentionElement::kF16:
      return RunTyped<Float16, float>(plan, operands, scratch, threads, serial, cancelled);
    case AttentionElement::kBF16:
      return RunTyped<BFloat16, float>(plan, operands, scratch, threads, serial, cancelled);
    case AttentionElement::kF64:
      return RunTyped<double, double>(plan, operands, scratch, threads, serial, cancelled);
  }
}

}  // namespace ortolan::kernels
