// The loop over rows that the tree ensembles share: scores of each row in scratch, rows or trees in parallel.
#pragma once

#include <algorithm>

#include "ops/ml/trees.h"
#include "ops/tensor/float_types.h"

namespace ortolan::ml {

// How the rows of a run are cut, from the problem alone: into chunks of whole tiles, or, where there is only
// one tile, into blocks of trees.
struct TreeChunks {
  // A step of a walk takes about a nanosecond: chunks of 10 us are worth a fork.
  static constexpr int64_t kChunkSteps = 10000;
  // Scratch is kept for each chunk.
  static constexpr int64_t kMostChunks = 64;

  int64_t rows = 0, chunks = 1, chunk_rows = 0;
  bool by_block = false;

  TreeChunks(const Ensemble& ensemble, int64_t row_count) : rows(row_count) {
    constexpr int64_t kTile = kernels::kTreeTile;
    const int64_t tiles = (rows + kTile - 1) / kTile;
    if (tiles <= 1 && ensemble.blocks() > 1) {
      by_block = true;
      chunks = ensemble.blocks();
      chunk_rows = rows;
      return;
    }
    const int64_t work = kTile * std::max<int64_t>(ensemble.steps(), 1);
    const int64_t chunk_tiles =
        std::max((kChunkSteps + work - 1) / work, (tiles + kMostChunks - 1) / kMostChunks);
    chunk_rows = chunk_tiles * kTile;
    chunks = (tiles + chunk_tiles - 1) / chunk_tiles;
  }
};

// The scratch of one chunk.
struct TreeScratch {
  int64_t tile_bytes, leaf_bytes, score_bytes, has_bytes, float_bytes;

  explicit TreeScratch(const Ensemble& ensemble) {
    constexpr int64_t kTile = kernels::kTreeTile;
    const auto aligned = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
    tile_bytes = aligned(ensemble.columns() * kTile * int64_t{sizeof(double)});
    leaf_bytes = std::min(ensemble.block_trees(), ensemble.tree_count()) * kTile * int64_t{sizeof(int32_t)};
    score_bytes = aligned(ensemble.targets() * kTile * int64_t{sizeof(double)});
    has_bytes = aligned(ensemble.targets() * kTile);
    float_bytes = aligned((ensemble.targets() + 2) * int64_t{sizeof(float)});
  }
  // Scores twice: of all trees and of one block.
  int64_t bytes() const { return tile_bytes + leaf_bytes + 2 * (score_bytes + has_bytes) + float_bytes; }

  struct Parts {
    std::byte* tile;
    int32_t* leaves;
    double *scores, *block_scores;
    uint8_t *has, *block_has;
    float* floats;
  };
  Parts At(std::byte* scratch, int64_t chunk) const {
    std::byte* tile = scratch + chunk * bytes();
    std::byte* leaves = tile + tile_bytes;
    std::byte* scores = leaves + leaf_bytes;
    std::byte* has = scores + 2 * score_bytes;
    return {tile,
            reinterpret_cast<int32_t*>(leaves),
            reinterpret_cast<double*>(scores),
            reinterpret_cast<double*>(scores + score_bytes),
            reinterpret_cast<uint8_t*>(has),
            reinterpret_cast<uint8_t*>(has + has_bytes),
            reinterpret_cast<float*>(has + 2 * has_bytes)};
  }
};

inline Status BindTrees(const Ensemble& ensemble, const BindContext& context, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(context.inputs[0]));
  const TreeChunks chunks(ensemble, rows.count);
  const TreeScratch scratch(ensemble);
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes,
                           CheckedBytes(DType::kUInt8, Dims{chunks.chunks, scratch.bytes()}));
  return OkStatus();
}

// The loop for features of type In that are compared as T.
template <typename In, typename T>
class TreeRows {
 public:
  TreeRows(const Ensemble& ensemble, const In* x, Rows rows)
      : ensemble_(ensemble), forest_(ensemble.forest<T>()), x_(x), rows_(rows) {}

  // Brings `count` rows from `row` on into the tile, as the vote or the walk wants them.
  bool Fill(int64_t row, int64_t count, T* tile) const {
    const auto features = forest_.features();
    const int64_t columns = static_cast<int64_t>(features.size());
    const bool votes = forest_.Votes(count);
    const int64_t column_step = votes ? kTile : 1, row_step = votes ? 1 : columns;
    for (int64_t i = 0; i < count; ++i) {
      const In* from = x_ + (row + i) * rows_.features;
      T* to = tile + i * row_step;
      for (int64_t c = 0; c < columns; ++c)
        to[c * column_step] = static_cast<T>(AsNumber(from[features[static_cast<size_t>(c)]]));
    }
    if (!votes) return false;
    for (int64_t c = 0; c < columns; ++c) std::fill(tile + c * kTile + count, tile + (c + 1) * kTile, T{0});
    return true;
  }

  // Adds what one block of trees says of the rows in the tile.
  void AddBlock(int64_t block, bool votes, const T* tile, int64_t count, int32_t* leaves, double* scores,
                uint8_t* has) const {
    const int64_t begin = block * ensemble_.block_trees();
    const int64_t end = std::min(begin + ensemble_.block_trees(), forest_.tree_count());
    if (votes) {
      forest_.Vote(tile, begin, end, leaves);
    } else {
      const auto columns = static_cast<int64_t>(forest_.features().size());
      for (int64_t i = 0; i < count; ++i) forest_.Walk(tile + i * columns, begin, end, leaves + i);
    }
    ensemble_.Add(begin, end, leaves, count, scores, has);
  }

  // Scores of up to a tile of rows, all blocks after one another.
  void Score(int64_t row, int64_t count, const TreeScratch::Parts& parts) const {
    T* tile = reinterpret_cast<T*>(parts.tile);
    const int64_t scores = count * ensemble_.targets();
    std::fill_n(parts.scores, scores, 0.0);
    std::fill_n(parts.has, scores, uint8_t{0});
    const bool votes = Fill(row, count, tile);
    if (ensemble_.blocks() == 1) {
      AddBlock(0, votes, tile, count, parts.leaves, parts.scores, parts.has);
      return;
    }
    for (int64_t block = 0; block < ensemble_.blocks(); ++block) {
      std::fill_n(parts.block_scores, scores, 0.0);
      std::fill_n(parts.block_has, scores, uint8_t{0});
      AddBlock(block, votes, tile, count, parts.leaves, parts.block_scores, parts.block_has);
      ensemble_.Merge(parts.block_scores, parts.block_has, count, parts.scores, parts.has);
    }
  }

 private:
  static constexpr int64_t kTile = kernels::kTreeTile;
  const Ensemble& ensemble_;
  const kernels::Forest<T>& forest_;
  const In* x_;
  Rows rows_;
};

// finish(row, scores, has, floats) for each row; floats has room for two more than the targets.
template <typename In, typename T, typename Finish>
void RunTrees(const Ensemble& ensemble, RunContext& context, Rows rows, Finish finish) {
  constexpr int64_t kTile = kernels::kTreeTile;
  const TreeRows<In, T> trees(ensemble, context.input(0).As<const In>(), rows);
  const TreeChunks chunks(ensemble, rows.count);
  const TreeScratch scratch(ensemble);
  const int64_t targets = ensemble.targets();
  const auto close = [&](int64_t row, int64_t count, const TreeScratch::Parts& parts) {
    ensemble.Close(count, parts.scores);
    for (int64_t i = 0; i < count; ++i)
      finish(row + i, parts.scores + i * targets, parts.has + i * targets, parts.floats);
  };
  if (chunks.by_block) {
    const auto score_block = [&](int64_t block) {
      const TreeScratch::Parts parts = scratch.At(context.scratch(), block);
      T* tile = reinterpret_cast<T*>(parts.tile);
      std::fill_n(parts.block_scores, rows.count * targets, 0.0);
      std::fill_n(parts.block_has, rows.count * targets, uint8_t{0});
      const bool votes = trees.Fill(0, rows.count, tile);
      trees.AddBlock(block, votes, tile, rows.count, parts.leaves, parts.block_scores, parts.block_has);
    };
    context.threads().ParallelFor(chunks.chunks, score_block);
    const TreeScratch::Parts total = scratch.At(context.scratch(), 0);
    std::fill_n(total.scores, rows.count * targets, 0.0);
    std::fill_n(total.has, rows.count * targets, uint8_t{0});
    for (int64_t block = 0; block < chunks.chunks; ++block) {
      const TreeScratch::Parts parts = scratch.At(context.scratch(), block);
      ensemble.Merge(parts.block_scores, parts.block_has, rows.count, total.scores, total.has);
    }
    close(0, rows.count, total);
    return;
  }
  const auto score_chunk = [&](int64_t chunk) {
    const TreeScratch::Parts parts = scratch.At(context.scratch(), chunk);
    const int64_t end = std::min(rows.count, (chunk + 1) * chunks.chunk_rows);
    for (int64_t row = chunk * chunks.chunk_rows; row < end; row += kTile) {
      const int64_t count = std::min(kTile, end - row);
      trees.Score(row, count, parts);
      close(row, count, parts);
    }
  };
  if (chunks.chunks == 1) {
    score_chunk(0);
  } else {
    context.threads().ParallelFor(chunks.chunks, score_chunk);
  }
}

template <typename Finish>
Status ForEachRow(const Ensemble& ensemble, RunContext& context, Finish finish) {
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(x.dims));
  if (ensemble.features() > rows.features) {
    return InvalidArgument("The trees read feature {}, the input has {}", ensemble.features() - 1,
                           rows.features);
  }
  const auto run = [&](auto tag) {
    using In = typename decltype(tag)::Type;
    if constexpr (std::is_same_v<In, float> || std::is_same_v<In, Float16>) {
      if (ensemble.compares_in_float()) {
        RunTrees<In, float>(ensemble, context, rows, finish);
        return OkStatus();
      }
    }
    RunTrees<In, double>(ensemble, context, rows, finish);
    return OkStatus();
  };
  if (x.dtype == DType::kFloat16) return run(ElementTag<Float16>());
  return WithFeatureType(x.dtype, run);
}

}  // namespace ortolan::ml
