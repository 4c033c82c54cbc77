// The loop over rows that the tree ensembles share: scores of each row in scratch, rows in parallel.
#pragma once

#include <algorithm>

#include "ops/ml/trees.h"
#include "ops/tensor/float_types.h"

namespace ortolan::ml {

// Rows of one chunk: enough that a few hundred nodes a row outweigh the fork.
inline constexpr int64_t kTreeRows = 16;

inline Status BindTrees(const Trees& trees, const BindContext& context, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(context.inputs[0]));
  const int64_t chunks = (rows.count + kTreeRows - 1) / kTreeRows;
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes,
                           CheckedBytes(DType::kDouble, Dims{chunks, trees.targets, 3}));
  return OkStatus();
}

// finish(row, scores, has, floats) for each row; floats has room for two more than the targets.
template <typename Finish>
Status ForEachRow(const Trees& trees, RunContext& context, Finish finish) {
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(x.dims));
  if (trees.features > rows.features) {
    return InvalidArgument("The trees read feature {}, the input has {}", trees.features - 1, rows.features);
  }
  auto run = [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const int64_t chunks = (rows.count + kTreeRows - 1) / kTreeRows;
    context.threads().ParallelFor(chunks, [&](int64_t chunk) {
      auto* scores = reinterpret_cast<double*>(context.scratch()) + chunk * 3 * trees.targets;
      auto* has = reinterpret_cast<uint8_t*>(scores + trees.targets);
      auto* floats = reinterpret_cast<float*>(scores + 2 * trees.targets);
      const int64_t end = std::min(rows.count, (chunk + 1) * kTreeRows);
      for (int64_t row = chunk * kTreeRows; row < end; ++row) {
        ScoreRow(trees, x.As<const T>() + row * rows.features, scores, has);
        finish(row, scores, has, floats);
      }
    });
    return OkStatus();
  };
  if (x.dtype == DType::kFloat16) return run(ElementTag<Float16>());
  return WithFeatureType(x.dtype, run);
}

}  // namespace ortolan::ml
