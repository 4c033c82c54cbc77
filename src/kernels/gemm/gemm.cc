// Planning and driving matrix products; the arithmetic is in gemm_body.h.
#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <thread>

#include "base/isa.h"
#include "kernels/gemm/gemm_pack.h"

namespace ortolan::kernels {
namespace {

constexpr const GemmVariant* kVariants[] = {
#define ORTOLAN_GEMM_F32(identifier, isa) &identifier,
#include "kernels/gemm/variants.inc"
#undef ORTOLAN_GEMM_F32
};
// Ended by null, where a machine has none.
constexpr const GemmVariant* kPairVariants[] = {
#define ORTOLAN_GEMM_BF16(identifier) &identifier,
#include "kernels/gemm/bf16_variants.inc"
#undef ORTOLAN_GEMM_BF16
    nullptr};
constexpr Isa kVariantIsa[] = {
#define ORTOLAN_GEMM_F32(identifier, isa) isa,
#include "kernels/gemm/variants.inc"
#undef ORTOLAN_GEMM_F32
};

// A fork pays above about 5 us of work: 1 MFLOP is 10 us on a core of 100 GFLOP/s.
constexpr double kChunkFlops = 1e6;
// Enough for 16 threads to share evenly; more only cut the runs over which a panel or a block of A is reused.
constexpr int64_t kMostChunks = 64;
// Where A is copied each chunk copies its rows anew, so fewer chunks.
constexpr int64_t kMostCopyingChunks = 16;
// The same for work that is bound by memory: 256 KB take 6 us at 40 GB/s.
constexpr int64_t kChunkBytes = 256 << 10;
// Where B is read in place by rows, 4 KB of each: shorter pieces waste the page that was opened and the
// prefetcher's start.
constexpr int64_t kFewestColumnsInPlace = 1024;
// Rows of a block that share a panel, at least: a panel comes from L3 or memory once for all of them.
constexpr int64_t kFewestStripsPerBlock = 4;
// Floats of the next panel that a tile asks for in one step of k: a cache line every second step.
constexpr int64_t kFloatsAhead = 8;
// A program runs over up to 4 KB of C at once, which is what its interpreter takes in one strip.
constexpr int64_t kEpilogueFloats = 1024;

int64_t CeilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The start of part i where `total` is cut into `parts` as evenly as can be.
int64_t EvenCut(int64_t total, int64_t parts, int64_t i) {
  return i * (total / parts) + std::min(i, total % parts);
}

// Slots of scratch, one for each chunk at work.
class SlotList {
 public:
  static constexpr int kMost = 64;

  SlotList(std::span<std::byte> scratch, size_t slot_bytes)
      : scratch_(scratch.data()), slot_bytes_(slot_bytes) {
    if (slot_bytes > 0) count_ = static_cast<int>(std::min<size_t>(scratch.size() / slot_bytes, kMost));
  }

  int Take() {
    while (count_ > 0) {
      for (int i = 0; i < count_; ++i) {
        if (!busy_[i].load(std::memory_order_relaxed) && !busy_[i].exchange(true, std::memory_order_acquire))
          return i;
      }
      std::this_thread::yield();
    }
    return 0;
  }
  void Give(int slot) {
    if (count_ > 0) busy_[slot].store(false, std::memory_order_release);
  }
  float* Floats(int slot) const {
    return reinterpret_cast<float*>(scratch_ + static_cast<size_t>(slot) * slot_bytes_);
  }

 private:
  std::byte* scratch_;
  size_t slot_bytes_;
  int count_ = 0;
  std::atomic<bool> busy_[kMost] = {};
};

// The chunk that this thread worked on last. Threads take neighbouring chunks, some of them from the back.
thread_local int64_t last_chunk = 0;

class Run {
 public:
  Run(const GemmVariant& variant, const GemmPlan& plan, const GemmOperands& operands,
      std::span<std::byte> scratch)
      : variant_(variant),
        plan_(plan),
        shape_(plan.shape),
        operands_(operands),
        shared_a_(reinterpret_cast<float*>(scratch.data())),
        slots_(plan.a_shared_floats > 0
                   ? scratch.subspan(static_cast<size_t>(plan.a_shared_floats) * sizeof(float))
                   : scratch,
               plan.slot_bytes()) {}

  // Rows of A to where all chunks read them.
  void ShareA(int64_t m0, int64_t m1) const { CopyA(MatrixA(0), m0, m1, shared_a_ + m0 * plan_.a_stride); }

  void Chunk(int64_t chunk) {
    const int64_t column_block = chunk % plan_.column_blocks;
    const int64_t row_block = chunk / plan_.column_blocks % plan_.row_blocks;
    const int64_t item0 = chunk / plan_.column_blocks / plan_.row_blocks * plan_.items_per_chunk;
    const int64_t item1 = std::min(item0 + plan_.items_per_chunk, shape_.batch);
    const Area area = {
        .s0 = EvenCut(plan_.strips, plan_.row_blocks, row_block),
        .s1 = EvenCut(plan_.strips, plan_.row_blocks, row_block + 1),
        .n0 = FirstColumn(column_block),
        .n1 = std::min(FirstColumn(column_block + 1), shape_.n),
        .next_n0 = NextColumns(chunk),
    };
    last_chunk = chunk;
    const int slot = slots_.Take();
    for (int64_t item = item0; item < item1; ++item) {
      switch (plan_.path) {
        case GemmPlan::Path::kNothing:
          break;
        case GemmPlan::Path::kTiles:
          Tiles(item, area, slots_.Floats(slot));
          break;
        case GemmPlan::Path::kFewRows:
          FewRows(item, area, slots_.Floats(slot));
          break;
        case GemmPlan::Path::kDots:
          Dots(item, area, slots_.Floats(slot));
          break;
      }
    }
    slots_.Give(slot);
  }

 private:
  struct Area {
    int64_t s0, s1;   // strips
    int64_t n0, n1;   // columns
    int64_t next_n0;  // where this thread's next area probably begins
  };

  int64_t FirstColumn(int64_t column_block) const {
    const int64_t panels = CeilDiv(shape_.n, variant_.columns);
    return EvenCut(panels, plan_.column_blocks, column_block) * variant_.columns;
  }

  int64_t NextColumns(int64_t chunk) const {
    const int64_t next = chunk + 1 == last_chunk ? chunk - 1 : chunk + 1;
    return next < 0 || next >= plan_.chunks ? -1 : FirstColumn(next % plan_.column_blocks);
  }

  static size_t ElementBytes(GemmElement element) { return element == GemmElement::kF32 ? 4 : 2; }
  GemmMatrix MatrixA(int64_t item) const {
    GemmMatrix a = shape_.a;
    a.data = static_cast<const std::byte*>(operands_.a) +
             operands_.a_batch.Offset(item) * static_cast<int64_t>(ElementBytes(a.element));
    return a;
  }
  GemmMatrix MatrixB(int64_t item) const {
    GemmMatrix b = shape_.b;
    b.data = static_cast<const std::byte*>(operands_.b) +
             operands_.b_batch.Offset(item) * static_cast<int64_t>(ElementBytes(b.element));
    return b;
  }
  int64_t RowOf(int64_t strip) const { return EvenCut(shape_.m, plan_.strips, strip); }
  float* C(int64_t item, int64_t m, int64_t n) const {
    return operands_.c + item * operands_.c_batch_stride + m * operands_.c_stride + n;
  }

  void CopyA(const GemmMatrix& a, int64_t m0, int64_t m1, float* to) const {
    if (variant_.pairs) {
      variant_.copy_pairs(static_cast<const float*>(a.data) + m0 * a.row_stride, a.row_stride, to,
                          plan_.a_stride, m1 - m0, shape_.k, plan_.depth);
    } else {
      CopyGemmBlock(variant_, a, m0, 0, m1 - m0, shape_.k, to, plan_.a_stride, shape_.k);
    }
  }

  // Rows of A as floats with adjacent columns: where they lie, or copied to the slot.
  struct RowsOfA {
    const float* data;
    int64_t stride;
  };
  RowsOfA PrepareA(int64_t item, int64_t m0, int64_t m1, float* slot) const {
    const GemmMatrix a = MatrixA(item);
    if (!plan_.copy_a) return {static_cast<const float*>(a.data) + m0 * a.row_stride, a.row_stride};
    if (plan_.a_shared_floats > 0) return {shared_a_ + m0 * plan_.a_stride, plan_.a_stride};
    CopyA(a, m0, m1, slot);
    return {slot, plan_.a_stride};
  }

  void Tiles(int64_t item, const Area& area, float* slot) const {
    const int64_t m0 = RowOf(area.s0);
    const RowsOfA a = PrepareA(item, m0, RowOf(area.s1), slot);
    const int64_t step = variant_.columns, panels = CeilDiv(area.n1 - area.n0, step);
    for (int64_t i = 0; i < panels; ++i) {
      const int64_t panel = operands_.backwards ? panels - 1 - i : i;
      Panel(item, area, area.n0 + panel * step, m0, a, slot + plan_.a_slot_floats);
    }
  }

  // All strips of the area times one panel of B, block of k by block of k.
  void Panel(int64_t item, const Area& area, int64_t n0, int64_t m0, const RowsOfA& a, float* b_slot) const {
    const int64_t width = GemmPanelWidth(variant_, shape_.n, n0);
    GemmTile tile{};
    tile.a_stride = a.stride;
    tile.c_stride = operands_.c_stride;
    tile.n = std::min<int64_t>(variant_.columns, area.n1 - n0);
    const GemmTileFunction* functions = variant_.tiles.of[width / variant_.lanes - 1];
    int64_t k0 = 0;
    do {  // once even where k is 0: C is then zeros and the epilogue
      tile.k = std::min(plan_.k_block, plan_.depth - k0);
      tile.accumulate = k0 > 0;
      if (shape_.b_packed) {
        tile.b = static_cast<const float*>(operands_.b) + operands_.b_batch.Offset(item) + n0 * plan_.depth +
                 k0 * width;
      } else {
        CopyGemmBlock(variant_, MatrixB(item), k0, n0, tile.k, tile.n, b_slot, width, width);
        tile.b = b_slot;
      }
      int64_t next_n0 = n0 + variant_.columns < area.n1 ? n0 + variant_.columns : area.next_n0;
      if (operands_.backwards) next_n0 = n0 - variant_.columns;
      const bool last = k0 + tile.k == plan_.depth;
      tile.next = !last ? tile.b + tile.k * width
                  : !shape_.b_packed || next_n0 < 0
                      ? nullptr
                      : static_cast<const float*>(operands_.b) + operands_.b_batch.Offset(item) +
                            next_n0 * plan_.depth;
      Strips(item, area, n0, m0, a.data + k0, last, functions, tile);
      k0 += tile.k;
    } while (k0 < plan_.depth);
  }

  void Strips(int64_t item, const Area& area, int64_t n0, int64_t m0, const float* a, bool last,
              const GemmTileFunction* functions, GemmTile& tile) const {
    const Epilogue* epilogue = last ? operands_.epilogue : nullptr;
    const float* bias = nullptr;
    tile.bias_n = nullptr;
    tile.clamp = false;
    if (epilogue != nullptr) {
      bias = epilogue->bias_per_m ? epilogue->bias : nullptr;
      if (!epilogue->bias_per_m && epilogue->bias != nullptr) tile.bias_n = epilogue->bias + n0;
      tile.clamp = epilogue->clamps();
      tile.lower = epilogue->lower;
      tile.upper = epilogue->upper;
    }
    const bool program = epilogue != nullptr && epilogue->program != nullptr;
    const float* ahead = tile.next;
    int64_t left_ahead = ahead != nullptr ? tile.k * variant_.columns : 0;
    // The first panel that passes finds A in L3 or memory, later ones in L2. What is asked for is one piece
    // of memory, so rows must stand close together.
    const bool ahead_a = n0 == area.n0 && variant_.rows * tile.a_stride <= 16 * tile.k;
    int64_t m = m0;
    int64_t waiting = m0;  // the first row whose program has not run
    for (int64_t strip = area.s0; strip < area.s1; ++strip) {
      const int64_t next = RowOf(strip + 1);
      tile.a = a + (m - m0) * tile.a_stride;
      tile.c = C(item, m, n0);
      tile.bias_m = bias != nullptr ? bias + m : nullptr;
      tile.next = left_ahead > 0 ? ahead : tile.b;
      ahead += kFloatsAhead * tile.k;
      left_ahead -= kFloatsAhead * tile.k;
      tile.next_a = ahead_a && strip + 1 < area.s1 ? a + (next - m0) * tile.a_stride : tile.b;
      functions[next - m - 1](tile);
      m = next;
      if (program && ((m - waiting + variant_.rows) * tile.n > kEpilogueFloats || strip + 1 == area.s1)) {
        RunEpilogue(*epilogue, C(item, waiting, n0), operands_.c_stride, item, waiting, m - waiting, n0,
                    tile.n);
        waiting = m;
      }
    }
  }

  void FewRows(int64_t item, const Area& area, float* slot) const {
    const RowsOfA a = PrepareA(item, 0, shape_.m, slot);
    GemmRows work{};
    work.a = a.data;
    work.a_stride = a.stride;
    work.b = static_cast<const float*>(MatrixB(item).data) + area.n0;
    work.b_stride = shape_.b.row_stride;
    work.c = C(item, 0, area.n0);
    work.c_stride = operands_.c_stride;
    work.k = shape_.k;
    work.n = area.n1 - area.n0;
    for (int64_t i = 0; i < shape_.m; ++i) std::fill_n(work.c + i * work.c_stride, work.n, 0.0f);
    variant_.few_rows[shape_.m - 1](work);
    if (operands_.epilogue != nullptr)
      ApplyEpilogue(*operands_.epilogue, work.c, work.c_stride, item, 0, shape_.m, area.n0, work.n);
  }

  void Dots(int64_t item, const Area& area, float* slot) const {
    const int64_t m0 = RowOf(area.s0);
    const int64_t m1 = RowOf(area.s1);
    const RowsOfA a = PrepareA(item, m0, m1, slot);
    GemmDots work{};
    work.a = a.data;
    work.a_stride = a.stride;
    if (shape_.b_packed) {
      work.b = static_cast<const float*>(operands_.b) + operands_.b_batch.Offset(item);
    } else {
      work.b = static_cast<const float*>(MatrixB(item).data) + area.n0 * shape_.b.column_stride;
      work.b_stride = shape_.b.column_stride;
    }
    work.c = C(item, m0, area.n0);
    work.c_stride = operands_.c_stride;
    work.m = m1 - m0;
    work.n = area.n1 - area.n0;
    work.k = shape_.k;
    variant_.dots(work);
    if (operands_.epilogue != nullptr)
      ApplyEpilogue(*operands_.epilogue, work.c, work.c_stride, item, m0, work.m, area.n0, work.n);
  }

  const GemmVariant& variant_;
  const GemmPlan& plan_;
  const GemmShape& shape_;
  const GemmOperands& operands_;
  float* shared_a_;
  SlotList slots_;
};

bool ReadsAInPlace(const GemmShape& shape) {
  return shape.a.element == GemmElement::kF32 && (shape.a.column_stride == 1 || shape.k <= 1);
}

// A tile reads its rows of A side by side. Where their distance is a multiple of 4 KB they share one of L1's
// 64 sets of 8 (or 12) lines and push each other out with every step: 14 rows then run at 76 % of the peak.
// Six rows fit, and so do 14 whose distance is 2 KB, which use two sets.
bool RowsCollide(const GemmVariant& variant, const GemmShape& shape) {
  return variant.rows > 8 && shape.m > 8 && shape.k >= 64 && shape.n > 4 * variant.columns &&
         shape.a.row_stride * 4 % 4096 == 0;
}

// Whole cache lines, and no multiple of 4 KB.
int64_t CopiedRowStride(int64_t k) {
  const int64_t stride = CeilDiv(k, 16) * 16;
  return stride % 1024 == 0 ? stride + 16 : stride;
}

GemmPlan::Path ChoosePath(const GemmShape& shape) {
  if (shape.m <= 0 || shape.n <= 0 || shape.batch <= 0) return GemmPlan::Path::kNothing;
  const bool b_floats = shape.b_packed || shape.b.element == GemmElement::kF32;
  if (shape.n == 1 && (shape.b_packed || (b_floats && shape.b.row_stride == 1))) return GemmPlan::Path::kDots;
  if (shape.b_packed || !b_floats || shape.m > kMostGemmFewRows) return GemmPlan::Path::kTiles;
  if (shape.b.column_stride == 1) return GemmPlan::Path::kFewRows;
  return shape.b.row_stride == 1 ? GemmPlan::Path::kDots : GemmPlan::Path::kTiles;
}

// Blocks of whole panels that differ by one panel at most.
int64_t ColumnBlocks(const GemmVariant& variant, const GemmShape& shape, int64_t wanted) {
  return std::clamp<int64_t>(wanted, 1, CeilDiv(shape.n, variant.columns));
}

void PlanTiles(const GemmVariant& variant, GemmPlan& plan) {
  const GemmShape& shape = plan.shape;
  const int64_t half_l2_floats = static_cast<int64_t>(GetCpuInfo().l2_bytes / 2 / sizeof(float));
  plan.strips = CeilDiv(shape.m, variant.rows);
  plan.depth = GemmDepth(variant, shape.k);
  plan.k_block = std::max<int64_t>(plan.depth, 1);
  if (plan.strips > 1 && plan.depth * variant.columns > half_l2_floats) {
    plan.k_block = CeilDiv(CeilDiv(plan.depth, CeilDiv(plan.depth * variant.columns, half_l2_floats)), 4) * 4;
  }
  plan.copy_a = variant.pairs || !ReadsAInPlace(shape) || RowsCollide(variant, shape);

  const double item_flops =
      2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
  const double flops = item_flops * static_cast<double>(shape.batch);
  // One copy of A for all chunks; a batch rather copies where it works.
  const bool share = plan.copy_a && shape.b_packed && shape.batch == 1 && flops >= 2 * kChunkFlops;
  const bool chunks_copy = plan.copy_a && !share;
  const int64_t most = chunks_copy ? kMostCopyingChunks : kMostChunks;
  // The packed B is read at least once: of few rows that is what takes time.
  const double bytes = shape.b_packed ? flops / static_cast<double>(shape.m) * 2.0 : 0.0;
  const double worth = std::max(flops / kChunkFlops, bytes / kChunkBytes);
  const int64_t wanted =
      std::max<int64_t>(1, static_cast<int64_t>(std::min(worth, static_cast<double>(most))));

  // Blocks of rows that stay in L2 while all panels pass.
  int64_t fitting = half_l2_floats / std::max<int64_t>(plan.depth, 1) / variant.rows;
  // A is copied once for each block of columns: with a packed B, cut the rows instead.
  if (chunks_copy && shape.b_packed) fitting = std::min(fitting, CeilDiv(plan.strips, kMostCopyingChunks));
  plan.strips_per_block =
      std::clamp(fitting, kFewestStripsPerBlock, std::max(plan.strips, kFewestStripsPerBlock));
  plan.row_blocks = CeilDiv(plan.strips, plan.strips_per_block);
  plan.strips_per_block = CeilDiv(plan.strips, plan.row_blocks);
  plan.row_blocks = CeilDiv(plan.strips, plan.strips_per_block);
  const int64_t others = plan.row_blocks * shape.batch, columns = CeilDiv(wanted, others);
  // Two threads end together where each has as many of them.
  plan.column_blocks =
      ColumnBlocks(variant, shape, columns > 1 && others % 2 != 0 ? columns + columns % 2 : columns);
  if (plan.row_blocks == 1 && plan.column_blocks == 1) {
    plan.items_per_chunk = CeilDiv(shape.batch, std::min(wanted, shape.batch));
  }
  if (plan.copy_a) {
    plan.a_stride = CopiedRowStride(plan.depth);
    const int64_t rows = share ? shape.m : std::min<int64_t>(shape.m, plan.strips_per_block * variant.rows);
    (share ? plan.a_shared_floats : plan.a_slot_floats) = plan.a_stride * rows;
  }
  if (!shape.b_packed) {
    plan.b_slot_floats =
        CeilDiv(std::min(plan.k_block, shape.k) * GemmPanelWidth(variant, shape.n, 0), 16) * 16;
  }
}

// Bound by reading one operand once: B for few rows, A for one column.
void PlanStream(const GemmVariant& variant, GemmPlan& plan) {
  const GemmShape& shape = plan.shape;
  plan.copy_a = !ReadsAInPlace(shape);
  const bool cut_rows = shape.n == 1 && plan.path == GemmPlan::Path::kDots;
  const double row_bytes = 4.0 * static_cast<double>(shape.k);
  const double item_bytes = row_bytes * static_cast<double>(cut_rows ? shape.m : shape.n);
  const double blocks = std::min(item_bytes / kChunkBytes, static_cast<double>(kMostChunks));
  const int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(blocks));
  plan.strips = cut_rows ? CeilDiv(shape.m, 4) : 1;  // of four dot products
  plan.strips_per_block = CeilDiv(plan.strips, wanted);
  plan.row_blocks = CeilDiv(plan.strips, plan.strips_per_block);
  const int64_t most =
      plan.path == GemmPlan::Path::kFewRows ? CeilDiv(shape.n, kFewestColumnsInPlace) : wanted;
  plan.column_blocks = ColumnBlocks(variant, shape, cut_rows ? 1 : std::min(wanted, most));
  if (plan.row_blocks == 1 && plan.column_blocks == 1) {
    const double per_chunk = kChunkBytes / std::max(item_bytes, 1.0);
    plan.items_per_chunk =
        std::max({int64_t{1}, CeilDiv(shape.batch, kMostChunks),
                  static_cast<int64_t>(std::min(per_chunk, static_cast<double>(shape.batch)))});
  }
  if (plan.copy_a) {
    plan.a_stride = CopiedRowStride(shape.k);
    plan.a_slot_floats =
        plan.a_stride * std::min<int64_t>(shape.m, cut_rows ? plan.strips_per_block * 4 : shape.m);
  }
}

}  // namespace

void ApplyEpilogue(const Epilogue& epilogue, float* c, int64_t c_stride, int64_t item, int64_t m0,
                   int64_t rows, int64_t n0, int64_t columns) {
  const float lower = epilogue.lower;
  const float upper = epilogue.upper;
  for (int64_t i = 0; i < rows; ++i) {
    float* row = c + i * c_stride;
    if (epilogue.bias != nullptr && epilogue.bias_per_m) {
      const float bias = epilogue.bias[m0 + i];
      for (int64_t j = 0; j < columns; ++j) row[j] += bias;
    } else if (epilogue.bias != nullptr) {
      const float* bias = epilogue.bias + n0;
      for (int64_t j = 0; j < columns; ++j) row[j] += bias[j];
    }
    if (epilogue.clamps()) {
      for (int64_t j = 0; j < columns; ++j) {
        const float x = row[j] < lower ? lower : row[j];
        row[j] = x > upper ? upper : x;
      }
    }
  }
  if (epilogue.program != nullptr) RunEpilogue(epilogue, c, c_stride, item, m0, rows, n0, columns);
}

const GemmVariant& SelectGemmF32(Isa isa) {
  for (size_t i = 0; i < std::size(kVariants); ++i) {
    if (kVariantIsa[i] <= isa) return *kVariants[i];
  }
  return *kVariants[std::size(kVariants) - 1];
}

const GemmVariant* SelectGemmBf16(Isa isa) {
  return isa >= Isa::kAvx512 && GetCpuInfo().extensions.avx512_bf16 ? kPairVariants[0] : nullptr;
}

std::span<const GemmVariant* const> AllGemmF32() {
  return kVariants;
}

GemmPlan PlanGemm(const GemmVariant& variant, const GemmShape& shape) {
  GemmPlan plan;
  plan.shape = shape;
  plan.path = ChoosePath(shape);
  if (plan.path == GemmPlan::Path::kNothing) return plan;
  if (plan.path == GemmPlan::Path::kTiles) {
    PlanTiles(variant, plan);
  } else {
    PlanStream(variant, plan);
  }
  plan.chunks = CeilDiv(shape.batch, plan.items_per_chunk) * plan.row_blocks * plan.column_blocks;
  return plan;
}

void RunGemm(const GemmVariant& variant, const GemmPlan& plan, const GemmOperands& operands,
             std::span<std::byte> scratch, ThreadPool& threads) {
  Run run(variant, plan, operands, scratch);
  if (plan.a_shared_floats > 0) {
    const int64_t rows = std::max<int64_t>(1, kChunkBytes / 4 / plan.a_stride);
    threads.ParallelRanges(plan.shape.m, rows, [&](int64_t m0, int64_t m1) { run.ShareA(m0, m1); });
  }
  if (plan.chunks == 1) {
    run.Chunk(0);
  } else if (plan.chunks > 1) {
    threads.ParallelFor(plan.chunks, [&](int64_t chunk) { run.Chunk(chunk); });
  }
}

}  // namespace ortolan::kernels
