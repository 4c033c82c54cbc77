#include "kernels/attention/stream.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/half.h"
#include "kernels/attention/rows.h"
#include "kernels/attention/sight.h"
#include "kernels/gemm/gemm_pack.h"

namespace ortolan::kernels {
namespace {

// Fewer rows read keys and values where they lie.
constexpr int64_t kFewestRows = kMostGemmFewRows + 1;
// Keys and values of 64 numbers take 256 KB of an L2 of 1 MB at 512 keys; the scores of 14 rows 28 KB of L1.
constexpr int64_t kMostKeys = 512;
// Rows of one task, which packs keys and values for itself: that costs as much as ten rows or so.
constexpr int64_t kMostRows = 1536;
constexpr int64_t kFewestTaskRows = 56;
constexpr int64_t kPackingRows = 10;
// Rows of keys or values that are copied while the next ones are on their way.
constexpr int64_t kCopiedRows = 32;

int64_t RoundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}
int64_t CeilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
int64_t EvenCut(int64_t total, int64_t parts, int64_t i) {
  return i * (total / parts) + std::min(i, total % parts);
}

int64_t AllRows(const AttentionProblem& p) {
  return p.heads / p.kv_heads * p.queries;
}
bool InPlace(const AttentionProblem& p) {
  return p.element == AttentionElement::kF32 && p.heads == p.kv_heads;
}

GemmElement GemmElementOf(AttentionElement element) {
  return element == AttentionElement::kF16    ? GemmElement::kF16
         : element == AttentionElement::kBF16 ? GemmElement::kBF16
                                              : GemmElement::kF32;
}

// The parts of a slot, in floats. Each begins at a cache line.
struct Slot {
  int64_t keys = 0, values, scores, queries, results, most, sum, begin, end, total;

  Slot(const AttentionProblem& p, const GemmVariant& gemm, const AttentionStreamPlan& plan) {
    const int64_t rows = plan.rows_per_task;
    values = keys + RoundUp(RoundUp(plan.key_block, gemm.columns) * p.size, 16);
    scores = values + RoundUp(plan.key_block * RoundUp(p.value_size, gemm.columns), 16);
    queries = scores + RoundUp(gemm.rows * plan.score_stride, 16);
    results = queries + (InPlace(p) ? 0 : RoundUp(rows * p.size, 16));
    most = results + (InPlace(p) ? 0 : RoundUp(rows * p.value_size, 16));
    sum = most + RoundUp(rows, 16);
    begin = sum + RoundUp(rows, 16);
    end = begin + RoundUp(2 * rows, 16);
    total = end + RoundUp(2 * rows, 16);
  }
};

// Rows that lie apart are nothing that the processor fetches ahead by itself.
template <int kLevel, typename T>
void FetchRows(const T* from, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t r = 0; r < rows; ++r, from += stride) {
    for (int64_t c = 0; c < columns; c += kLine) __builtin_prefetch(from + c, 0, kLevel);
  }
}
constexpr int kIntoL1 = 3, kIntoL2 = 2;

template <typename T>
class Stream {
 public:
  // `next_head` is what this thread probably works on afterwards, or -1.
  Stream(const AttentionPlan& plan, const AttentionOperands& operands, int64_t head, int64_t next_head,
         float* slot)
      : p_(plan.problem),
        plan_(plan.stream),
        gemm_(*plan.gemm),
        norm_(*plan.norm),
        o_(operands),
        head_(head),
        next_head_(next_head),
        item_(head / p_.kv_heads),
        kv_head_(head % p_.kv_heads),
        parts_(p_, gemm_, plan_),
        slot_(slot) {}

  // The strips s0 to s1.
  void Strips(int64_t s0, int64_t s1) {
    first_row_ = RowOf(s0);
    rows_ = RowOf(s1) - first_row_;
    KeyRange keys = Start(s0, s1);
    keys.begin = keys.begin / plan_.key_block * plan_.key_block;
    for (int64_t k0 = keys.begin; k0 < keys.end; k0 += plan_.key_block) {
      block_ = {k0, std::min(k0 + plan_.key_block, p_.keys)};
      packed_end_ = std::min(block_.end, keys.end);
      PackKeys();
      PackValues();
      for (int64_t s = s0; s < s1; ++s) {
        FetchNextBlock(keys.end, s - s0, s1 - s0);
        Strip(RowOf(s) - first_row_, RowOf(s + 1) - RowOf(s));
      }
    }
    Finish();
  }

 private:
  struct Rows {
    float* data;
    int64_t stride;
  };
  int64_t RowOf(int64_t strip) const { return EvenCut(AllRows(p_), plan_.strips, strip); }
  AttentionRow RowAt(int64_t row) const { return AttentionRowAt(p_, o_, item_, kv_head_, first_row_ + row); }
  // What the largest scores are kept in: products, or scores where a mask or a cap makes them.
  float Unit() const { return masked_ || adjusted_ ? 1.0f : static_cast<float>(p_.scale); }
  float* most() const { return slot_ + parts_.most; }
  float* sum() const { return slot_ + parts_.sum; }
  int64_t* begin() const { return reinterpret_cast<int64_t*>(slot_ + parts_.begin); }
  int64_t* end() const { return reinterpret_cast<int64_t*>(slot_ + parts_.end); }

  void SetRows();
  KeyRange Start(int64_t s0, int64_t s1);
  void ReadQueries(float* to) const;
  void ChooseBias();
  const float* MaskOf(const AttentionRow& row) const;
  bool MaskIsZero() const;
  const T* Keys(int64_t head) const {
    return static_cast<const T*>(o_.k.data) + head / p_.kv_heads * o_.k.batch +
           head % p_.kv_heads * o_.k.head;
  }
  const T* Values(int64_t head) const {
    return static_cast<const T*>(o_.v.data) + head / p_.kv_heads * o_.v.batch +
           head % p_.kv_heads * o_.v.head;
  }
  void FetchNextBlock(int64_t end, int64_t part, int64_t parts) const;
  void PackKeys() const;
  void PackValues() const;
  void Strip(int64_t row, int64_t count) const;
  void MakeScores(int64_t row, int64_t count, KeyRange keys) const;
  void AdjustScores(const AttentionRow& row, float* scores, KeyRange keys) const;
  void MakePowers(int64_t row, int64_t count, KeyRange wide, KeyRange keys, bool first) const;
  void AddValues(int64_t row, int64_t count, KeyRange wide, KeyRange keys, bool first) const;
  void Finish() const;

  const AttentionProblem& p_;
  const AttentionStreamPlan& plan_;
  const GemmVariant& gemm_;
  const NormF32Variant& norm_;
  const AttentionOperands& o_;
  int64_t head_, next_head_;  // of all items
  int64_t item_, kv_head_;
  Slot parts_;
  float* slot_;
  int64_t first_row_ = 0, rows_ = 0;
  Rows queries_{}, results_{};
  // Widths of panels follow from the block's end whether or not the task sees it: tiles of other widths add
  // up in another order.
  KeyRange block_;
  int64_t packed_end_ = 0;
  bool masked_ = false;    // floats are added to scores as they become powers
  bool adjusted_ = false;  // scores are scaled, capped and masked before
};

// What stands between products and powers. Nothing here may depend on which rows the task has.
template <typename T>
void Stream<T>::ChooseBias() {
  const AttentionMask& mask = o_.mask;
  const bool floats = mask.type == AttentionMask::Type::kF32 && mask.column == 1;
  adjusted_ = p_.softcap > 0 || (mask.type != AttentionMask::Type::kNone && !floats);
  // One row of zeros for all queries is what models have that mask nothing.
  masked_ = floats && (mask.row != 0 || p_.heads != p_.kv_heads || !MaskIsZero());
}

template <typename T>
void Stream<T>::SetRows() {
  if (InPlace(p_)) {
    const int64_t at_q = item_ * o_.q.batch + kv_head_ * o_.q.head + first_row_ * o_.q.row;
    const int64_t at_y = item_ * o_.y.batch + kv_head_ * o_.y.head + first_row_ * o_.y.row;
    queries_ = {static_cast<float*>(o_.q.data) + at_q, o_.q.row};
    results_ = {static_cast<float*>(o_.y.data) + at_y, o_.y.row};
  } else {
    queries_ = {slot_ + parts_.queries, p_.size};
    results_ = {slot_ + parts_.results, p_.value_size};
    ReadQueries(queries_.data);
  }
}

// What each row sees, and all of them together.
template <typename T>
KeyRange Stream<T>::Start(int64_t s0, int64_t s1) {
  ChooseBias();
  SetRows();
  KeyRange all{p_.keys, 0};
  AttentionSight<T> sight(p_, norm_, o_, item_, kv_head_);
  AttentionRow row = RowAt(0);
  for (int64_t s = s0; s < s1; ++s) {
    const int64_t first = RowOf(s) - first_row_, count = RowOf(s + 1) - RowOf(s);
    const AttentionStrip strip{queries_.data + first * queries_.stride, count, queries_.stride};
    for (int64_t r = first; r < first + count; ++r, row = AttentionRowAfter(p_, o_, item_, row)) {
      const KeyRange own = masked_ || adjusted_ ? sight.Narrowed(row, strip) : row.keys;
      begin()[r] = own.begin, end()[r] = own.end;
      if (own.end == 0) continue;
      all.begin = std::min(all.begin, own.begin);
      all.end = std::max(all.end, own.end);
    }
  }
  std::fill_n(most(), rows_, -std::numeric_limits<float>::infinity());
  std::fill_n(sum(), rows_, 0.0f);
  for (int64_t r = 0; r < rows_ && o_.sinks != nullptr; ++r) {
    // The first score of the row, as it were; infinity less itself is NaN.
    const float sink = o_.sinks[RowAt(r).head];
    if (sink == -std::numeric_limits<float>::infinity()) continue;
    most()[r] = sink / Unit();
    sum()[r] = sink - sink == 0 ? 1.0f : std::numeric_limits<float>::quiet_NaN();
  }
  if (all.end <= all.begin) all = {0, 0};
  return all;
}

template <typename T>
void Stream<T>::ReadQueries(float* to) const {
  AttentionRow row = RowAt(0);
  for (int64_t r = 0; r < rows_; ++r, to += p_.size, row = AttentionRowAfter(p_, o_, item_, row)) {
    const T* from =
        static_cast<const T*>(o_.q.data) + item_ * o_.q.batch + row.head * o_.q.head + row.query * o_.q.row;
    for (int64_t i = 0; i < p_.size; ++i) to[i] = static_cast<float>(from[i]);
  }
}

// That of key 0.
template <typename T>
const float* Stream<T>::MaskOf(const AttentionRow& row) const {
  return static_cast<const float*>(o_.mask.data) + AttentionMaskAt(o_.mask, item_, row);
}

// The mask is one row.
template <typename T>
bool Stream<T>::MaskIsZero() const {
  const float* const mask = MaskOf(RowAt(0));
  return std::all_of(mask, mask + o_.mask.columns, [](float x) { return x == 0; });
}

// One of `parts` parts of the keys and values that are packed next, into L2: copying waits for them
// otherwise.
template <typename T>
void Stream<T>::FetchNextBlock(int64_t end, int64_t part, int64_t parts) const {
  const bool same = packed_end_ < end;
  if (!same && next_head_ < 0) return;
  const int64_t begin = same ? block_.end : 0, head = same ? head_ : next_head_;
  const int64_t rows = std::min(plan_.key_block, (same ? end : p_.keys) - begin);
  const int64_t row = begin + EvenCut(rows, parts, part);
  const int64_t count = begin + EvenCut(rows, parts, part + 1) - row;
  if (o_.k.element == 1) FetchRows<kIntoL2>(Keys(head) + row * o_.k.row, o_.k.row, count, p_.size);
  FetchRows<kIntoL2>(Values(head) + row * o_.v.row, o_.v.row, count, p_.value_size);
}

// Panels [key_block / NR][size][NR], the last one as wide as whole vectors cover.
template <typename T>
void Stream<T>::PackKeys() const {
  const T* const data = Keys(head_);
  const GemmMatrix keys{data, o_.k.element, o_.k.row, GemmElementOf(p_.element)};
  float* to = slot_ + parts_.keys;
  for (int64_t n0 = block_.begin; n0 < packed_end_; n0 += gemm_.columns) {
    const int64_t count = std::min<int64_t>(gemm_.columns, block_.end - n0), ahead = n0 + gemm_.columns;
    if (ahead < packed_end_ && o_.k.element == 1)
      FetchRows<kIntoL1>(data + ahead * o_.k.row, o_.k.row,
                         std::min<int64_t>(gemm_.columns, block_.end - ahead), p_.size);
    const int64_t width = GemmPanelWidth(gemm_, block_.end, n0);
    CopyGemmBlock(gemm_, keys, 0, n0, p_.size, count, to, width, width);
    to += width * p_.size;
  }
}

// Panels [value_size / NR][keys of the block][NR].
template <typename T>
void Stream<T>::PackValues() const {
  const T* const data = Values(head_);
  const GemmMatrix values{data, o_.v.row, 1, GemmElementOf(p_.element)};
  const int64_t depth = block_.end - block_.begin;
  for (int64_t r0 = block_.begin; r0 < packed_end_; r0 += kCopiedRows) {
    const int64_t count = std::min(kCopiedRows, packed_end_ - r0), ahead = r0 + kCopiedRows;
    if (ahead < packed_end_)
      FetchRows<kIntoL1>(data + ahead * o_.v.row, o_.v.row, std::min(kCopiedRows, packed_end_ - ahead),
                         p_.value_size);
    for (int64_t n0 = 0; n0 < p_.value_size; n0 += gemm_.columns) {
      const int64_t width = GemmPanelWidth(gemm_, p_.value_size, n0);
      float* const to = slot_ + parts_.values + n0 * depth + (r0 - block_.begin) * width;
      CopyGemmBlock(gemm_, values, r0, n0, count, std::min<int64_t>(gemm_.columns, p_.value_size - n0), to,
                    width, width);
    }
  }
}

template <typename T>
void Stream<T>::Strip(int64_t row, int64_t count) const {
  KeyRange keys{block_.end, block_.begin};
  bool first = true;  // the strip's first block with keys
  for (int64_t r = row; r < row + count; ++r) {
    if (end()[r] == 0) continue;
    first = first && begin()[r] >= block_.begin;
    keys.begin = std::min(keys.begin, std::max(begin()[r], block_.begin));
    keys.end = std::max(keys.end, std::min(end()[r], block_.end));
  }
  if (keys.end <= keys.begin) return;
  const KeyRange wide{block_.begin + (keys.begin - block_.begin) / gemm_.columns * gemm_.columns, keys.end};
  // For the end of this strip, and for the next one.
  FetchRows<kIntoL1>(results_.data + row * results_.stride, results_.stride, count, p_.value_size);
  FetchRows<kIntoL1>(queries_.data + (row + count) * queries_.stride, queries_.stride,
                     std::min<int64_t>(gemm_.rows, rows_ - row - count), p_.size);
  MakeScores(row, count, wide);
  MakePowers(row, count, wide, keys, first);
  AddValues(row, count, wide, keys, first);
}

template <typename T>
void Stream<T>::MakeScores(int64_t row, int64_t count, KeyRange keys) const {
  GemmTile tile{};
  tile.a = queries_.data + row * queries_.stride;
  tile.a_stride = queries_.stride;
  tile.c_stride = plan_.score_stride;
  tile.k = p_.size;
  for (int64_t n0 = keys.begin; n0 < keys.end; n0 += gemm_.columns) {
    const int64_t width = GemmPanelWidth(gemm_, block_.end, n0);
    tile.b = slot_ + parts_.keys + (n0 - block_.begin) * p_.size;
    tile.c = slot_ + parts_.scores + (n0 - keys.begin);
    tile.n = std::min<int64_t>(gemm_.columns, block_.end - n0);
    tile.next = tile.b + width * p_.size;
    tile.next_a = tile.b;
    gemm_.tiles.of[width / gemm_.lanes - 1][count - 1](tile);
  }
}

// From products to scores; scores[0] is key keys.begin.
template <typename T>
void Stream<T>::AdjustScores(const AttentionRow& row, float* scores, KeyRange keys) const {
  const int64_t count = keys.end - keys.begin;
  const float scale = static_cast<float>(p_.scale);
  for (int64_t j = 0; j < count; ++j) scores[j] *= scale;
  if (p_.softcap > 0) CapScores(p_.softcap, count, scores);
  if (!masked_) AddAttentionMask(o_.mask, item_, row, keys, scores);
}

template <typename T>
void Stream<T>::MakePowers(int64_t row, int64_t count, KeyRange wide, KeyRange keys, bool first) const {
  int64_t begins[kMostGemmRows], ends[kMostGemmRows];
  const float* masks[kMostGemmRows];
  AttentionRow at = RowAt(row);
  for (int64_t r = 0; r < count; ++r, at = AttentionRowAfter(p_, o_, item_, at)) {
    begins[r] = std::clamp(begin()[row + r], wide.begin, keys.end) - wide.begin;
    ends[r] = std::clamp(end()[row + r], begins[r] + wide.begin, keys.end) - wide.begin;
    if (masked_) masks[r] = MaskOf(at) + wide.begin;
    if (adjusted_) {
      AdjustScores(at, slot_ + parts_.scores + r * plan_.score_stride + begins[r],
                   {wide.begin + begins[r], wide.begin + ends[r]});
    }
  }
  ScoreBlock work{};
  work.scores = slot_ + parts_.scores, work.stride = plan_.score_stride;
  work.rows = count, work.width = keys.end - wide.begin;
  work.begin = begins, work.end = ends;
  work.mask = masked_ ? masks : nullptr;
  work.scale = adjusted_ ? 1.0f : static_cast<float>(p_.scale);
  work.most = most() + row, work.sum = sum() + row;
  if (!first) {
    work.values = results_.data + row * results_.stride;
    work.values_stride = results_.stride;
    work.value_size = p_.value_size;
  }
  norm_.softmax_block(work);
}

template <typename T>
void Stream<T>::AddValues(int64_t row, int64_t count, KeyRange wide, KeyRange keys, bool first) const {
  const int64_t depth = block_.end - block_.begin;
  GemmTile tile{};
  tile.a = slot_ + parts_.scores + (keys.begin - wide.begin);
  tile.a_stride = plan_.score_stride;
  tile.c_stride = results_.stride;
  tile.k = keys.end - keys.begin;
  tile.accumulate = !first;
  for (int64_t n0 = 0; n0 < p_.value_size; n0 += gemm_.columns) {
    const int64_t width = GemmPanelWidth(gemm_, p_.value_size, n0);
    tile.b = slot_ + parts_.values + n0 * depth + (keys.begin - block_.begin) * width;
    tile.c = results_.data + row * results_.stride + n0;
    tile.n = std::min<int64_t>(gemm_.columns, p_.value_size - n0);
    tile.next = tile.next_a = tile.b;
    gemm_.tiles.of[width / gemm_.lanes - 1][count - 1](tile);
  }
}

template <typename T>
void Stream<T>::Finish() const {
  ValueRows work{};
  work.values = results_.data, work.stride = results_.stride;
  work.rows = rows_, work.size = p_.value_size, work.sum = sum();
  work.unseen = p_.nan_rows == AttentionNanRows::kNan ? std::numeric_limits<float>::quiet_NaN() : 0.0f;
  work.nan_is_zero = p_.nan_rows == AttentionNanRows::kZero;
  norm_.divide_values(work);
  for (int64_t r = 0; r < rows_; ++r) {
    if (end()[r] == 0) std::fill_n(results_.data + r * results_.stride, p_.value_size, 0.0f);
  }
  if (InPlace(p_)) return;
  AttentionRow row = RowAt(0);
  for (int64_t r = 0; r < rows_; ++r, row = AttentionRowAfter(p_, o_, item_, row)) {
    T* to = static_cast<T*>(o_.y.data) + item_ * o_.y.batch + row.head * o_.y.head + row.query * o_.y.row;
    for (int64_t i = 0; i < p_.value_size; ++i) to[i] = T(results_.data[r * results_.stride + i]);
  }
}

template <typename T>
void RunTyped(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
              ThreadPool& threads, FunctionRef<bool()> cancelled) {
  const AttentionProblem& p = plan.problem;
  const AttentionStreamPlan& stream = plan.stream;
  const int64_t tasks = p.batch * p.kv_heads * stream.tasks_per_head;
  std::atomic<int64_t> next{0};
  // Each slot takes task after task; which one does not matter for the result.
  threads.ParallelFor(std::min<int64_t>(stream.slots, tasks), [&](int64_t slot) {
    float* const floats = reinterpret_cast<float*>(scratch) + slot * static_cast<int64_t>(stream.slot_floats);
    for (int64_t task = next++; task < tasks && !cancelled(); task = next++) {
      // The parts that see most keys, where the row's position decides that, first.
      const int64_t head = task / stream.tasks_per_head;
      const int64_t part = stream.tasks_per_head - 1 - task % stream.tasks_per_head;
      const int64_t after = task + stream.slots < tasks ? (task + stream.slots) / stream.tasks_per_head : -1;
      Stream<T>(plan, operands, head, after, floats)
          .Strips(EvenCut(stream.strips, stream.tasks_per_head, part),
                  EvenCut(stream.strips, stream.tasks_per_head, part + 1));
    }
  });
}

// Heads that threads cannot share evenly are cut, though each part packs for itself: so many that the thread
// with most of them is done first. Which rows are together in a task has no effect on any of them.
int64_t TasksPerHead(int64_t rows, int64_t heads, int threads) {
  int64_t best = CeilDiv(rows, kMostRows), least = std::numeric_limits<int64_t>::max();
  // Beyond that parts are even enough.
  const int64_t most = std::min(rows / kFewestTaskRows, CeilDiv(8 * int64_t{threads}, heads));
  for (int64_t tasks = best; tasks <= std::max(best, most); ++tasks) {
    const int64_t longest = CeilDiv(heads * tasks, threads) * (CeilDiv(rows, tasks) + kPackingRows);
    if (longest < least) least = longest, best = tasks;
  }
  return best;
}

}  // namespace

bool StreamsAttention(const AttentionProblem& p, const GemmVariant& gemm) {
  return p.element != AttentionElement::kF64 && !gemm.pairs && !p.shows_scores && p.batch > 0 &&
         p.kv_heads > 0 && AllRows(p) >= kFewestRows && p.keys > 0 && p.size > 0 && p.value_size > 0 &&
         p.scale > 0 && std::isfinite(p.scale);
}

AttentionStreamPlan PlanAttentionStream(const AttentionProblem& p, const GemmVariant& gemm, int threads) {
  AttentionStreamPlan plan;
  const int64_t rows = AllRows(p), heads = p.batch * p.kv_heads;
  plan.strips = CeilDiv(rows, gemm.rows);
  plan.tasks_per_head = TasksPerHead(rows, heads, threads);
  plan.rows_per_task = std::min(rows, CeilDiv(plan.strips, plan.tasks_per_head) * gemm.rows);
  // Blocks of whole panels, as even as these allow.
  const int64_t panels = CeilDiv(p.keys, gemm.columns);
  const int64_t blocks = CeilDiv(p.keys, kMostKeys);
  plan.key_block = std::min(p.keys, CeilDiv(panels, blocks) * gemm.columns);
  // No multiple of 2 KB: rows that far apart push each other out of L1.
  plan.score_stride = RoundUp(plan.key_block, gemm.columns) + 16;
  plan.slot_floats = static_cast<size_t>(Slot(p, gemm, plan).total);
  plan.slots = static_cast<int>(std::clamp<int64_t>(heads * plan.tasks_per_head, 1, threads));
  return plan;
}

void RunAttentionStream(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
                        ThreadPool& threads, FunctionRef<bool()> cancelled) {
  switch (plan.problem.element) {
    case AttentionElement::kF32:
      return RunTyped<float>(plan, operands, scratch, threads, cancelled);
    case AttentionElement::kF16:
      return RunTyped<Float16>(plan, operands, scratch, threads, cancelled);
    case AttentionElement::kBF16:
      return RunTyped<BFloat16>(plan, operands, scratch, threads, cancelled);
    case AttentionElement::kF64:
      return;
  }
}

}  // namespace ortolan::kernels
