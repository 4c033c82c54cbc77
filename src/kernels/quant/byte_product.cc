#include "kernels/quant/byte_product.h"

#include <algorithm>

#include "base/isa.h"

namespace ortolan::kernels {

#define ORTOLAN_BYTES(identifier) extern const ByteVariant identifier;
#include "kernels/quant/byte_variants.inc"
#undef ORTOLAN_BYTES

namespace {

const ByteVariant* const kVariants[] = {
#define ORTOLAN_BYTES(identifier) &identifier,
#include "kernels/quant/byte_variants.inc"
#undef ORTOLAN_BYTES
};

// Rows whose left bytes pass by one panel in turn; with 256 bytes a tap they fill half of L1. A multiple of
// all tile heights but 5 and 7.
constexpr int64_t kMostBlockRows = 96;
constexpr int64_t kMostPointers = 3072;
static_assert(kMostPointers / kMostByteTaps >= kMostByteRows);

int64_t ElementBytes(ByteOutput output) {
  return output == ByteOutput::kBytes ? 1 : 4;
}

class Chunk {
 public:
  Chunk(const ByteProduct& product, int64_t first, int64_t count)
      : product_(product), first_(first), count_(count) {}

  void Columns(int64_t begin, int64_t end, const uint8_t* const* a) {
    const ByteVariant& variant = *product_.variant;
    int32_t sums[kMostBlockRows];
    if (product_.b_zero != nullptr) SumRows(a, sums);
    const int64_t steps = ByteSteps(product_.k_bytes);
    for (int64_t column = begin; column < end; column += PanelColumns(variant)) {
      ByteTile tile{};
      tile.a_stride = count_;
      tile.taps = product_.taps;
      tile.steps = steps;
      tile.b = product_.panels + column * product_.taps * steps * 4;
      tile.columns = std::min(PanelColumns(variant), product_.n - column);
      tile.start = product_.start + column;
      tile.b_zero = product_.b_zero != nullptr ? product_.b_zero + column : nullptr;
      tile.scale = product_.scale != nullptr ? product_.scale + column : nullptr;
      tile.bias = product_.bias != nullptr ? product_.bias + column : nullptr;
      tile.finish = &product_.finish;
      tile.c_stride = product_.c_stride * ElementBytes(product_.finish.output);
      tile.first_column = column;
      Rows(tile, column, a, sums);
    }
  }

 private:
  void SumRows(const uint8_t* const* a, int32_t* sums) const {
    for (int64_t i = 0; i < count_; ++i) {
      uint32_t sum = 0;
      for (int64_t tap = 0; tap < product_.taps; ++tap) {
        sum += static_cast<uint32_t>(
            product_.variant->row_sum(a[tap * count_ + i], product_.k_bytes, product_.a_signed));
      }
      sums[i] = static_cast<int32_t>(sum);
    }
  }

  // The block's rows cut evenly: never full tiles and a remainder of one.
  void Rows(ByteTile& tile, int64_t column, const uint8_t* const* a, const int32_t* sums) const {
    const ByteVariant& variant = *product_.variant;
    const auto vectors = static_cast<size_t>((tile.columns + variant.lanes - 1) / variant.lanes);
    const int64_t tallest = variant.rows[vectors - 1];
    const int64_t strips = (count_ + tallest - 1) / tallest;
    auto* c = static_cast<uint8_t*>(product_.c) + column * ElementBytes(product_.finish.output);
    for (int64_t strip = 0; strip < strips; ++strip) {
      const int64_t begin = count_ * strip / strips, end = count_ * (strip + 1) / strips;
      tile.a = a + begin;
      tile.row_sums = sums + begin;
      tile.first_row = first_ + begin;
      tile.c = c + (first_ + begin) * tile.c_stride;
      variant.tiles[product_.a_signed ? 1 : 0][vectors - 1][end - begin - 1](tile);
    }
  }

  const ByteProduct& product_;
  int64_t first_, count_;
};

}  // namespace

const ByteVariant& SelectBytes(Isa isa) {
  for (const ByteVariant* variant : kVariants) {
    if (variant->isa <= isa && (HasByteDots() || !variant->dots)) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::vector<const ByteVariant*> RunnableBytes() {
  std::vector<const ByteVariant*> runnable;
  for (const ByteVariant* variant : kVariants) {
    if (variant->isa <= GetCpuInfo().isa && (HasByteDots() || !variant->dots)) runnable.push_back(variant);
  }
  return runnable;
}

void ByteStart(const int32_t* column_sums, const int32_t* bias, const int32_t* b_zero, int32_t a_zero,
               int64_t terms, int64_t n, int64_t padded, int32_t* start) {
  // Unsigned, since sums wrap; each term has a loop of its own, which the compiler turns into vectors: a
  // product of one row may take no longer than this.
  const uint32_t zero = static_cast<uint32_t>(a_zero), all = static_cast<uint32_t>(terms) * zero;
  for (int64_t j = 0; j < padded; ++j)
    start[j] = static_cast<int32_t>(0u - zero * static_cast<uint32_t>(column_sums[j]));
  const auto add = [start](int64_t j, uint32_t term) {
    start[j] = static_cast<int32_t>(static_cast<uint32_t>(start[j]) + term);
  };
  if (bias != nullptr) {
    for (int64_t j = 0; j < n; ++j) add(j, static_cast<uint32_t>(bias[j]));
  }
  if (b_zero != nullptr) {
    for (int64_t j = 0; j < n; ++j) add(j, all * static_cast<uint32_t>(b_zero[j]));
  }
}

void RunByteProduct(const ByteProduct& product, int64_t rows,
                    FunctionRef<void(int64_t first, int64_t count, const uint8_t** a)> locate,
                    ThreadPool& threads) {
  if (rows == 0 || product.n == 0) return;
  const int64_t most = std::min(kMostBlockRows, kMostPointers / std::max<int64_t>(product.taps, 1));
  const int64_t width = PanelColumns(*product.variant), panels = (product.n + width - 1) / width;
  const double weight_bytes =
      static_cast<double>(product.n) * static_cast<double>(product.taps * product.k_bytes);
  const double work = static_cast<double>(rows) * weight_bytes;
  // Half a million products, 3 microseconds, are the least that a chunk is worth; 16 chunks keep a few
  // threads busy. Rows are cut first, whose weights then pass once more for each block: where they fit in
  // a quarter of L2, that costs nothing.
  const auto worthwhile = static_cast<int64_t>(std::min(work / 5e5, 16.0));
  constexpr double kLightWeights = 256 << 10;
  // Whole strips of the tallest tile, except in short blocks.
  const int64_t unit = most >= 24 ? 24 : 1;
  int64_t wanted = (rows + most - 1) / most;
  if (weight_bytes <= kLightWeights)
    wanted = std::max(wanted, std::min(worthwhile, (rows + unit - 1) / unit));
  const int64_t even = (rows + wanted - 1) / wanted;
  const int64_t block_rows = std::min({(even + unit - 1) / unit * unit, most / unit * unit, rows});
  const int64_t blocks = (rows + block_rows - 1) / block_rows;
  const int64_t groups = std::clamp<int64_t>((worthwhile + blocks - 1) / blocks, 1, panels);
  const auto chunk = [&](int64_t index) {
    const uint8_t* a[kMostPointers];
    const int64_t first = index % blocks * block_rows, group = index / blocks;
    const int64_t count = std::min(block_rows, rows - first);
    locate(first, count, a);
    Chunk(product, first, count)
        .Columns(panels * group / groups * width, std::min(panels * (group + 1) / groups * width, product.n),
                 a);
  };
  if (work < 4e5) {
    for (int64_t index = 0; index < blocks * groups; ++index) chunk(index);
  } else {
    threads.ParallelFor(blocks * groups, chunk);
  }
}

ByteFinish BytesOf(bool is_signed, int32_t zero) {
  ByteFinish finish{};
  finish.output = ByteOutput::kBytes;
  finish.is_signed = is_signed;
  finish.zero = zero;
  finish.low = static_cast<float>((is_signed ? -128 : 0) - zero);
  finish.high = static_cast<float>((is_signed ? 127 : 255) - zero);
  return finish;
}

}  // namespace ortolan::kernels
