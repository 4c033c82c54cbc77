// Weights of the direct convolution: once a model, into panels that the strips read front to back.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/conv/direct.h"
#include "kernels/move/transpose_tile.h"

namespace ortolan::kernels {
namespace {

// A merged group computes `merge` times the products that are needed; a narrow group on the planar kernel
// runs at a tenth of the peak or less.
constexpr int64_t kMostMerged = 8;

// The weights as a merged group sees them: out channel m and in channel c of group g, zero off the diagonal.
struct MergedWeights {
  const float* w;
  int64_t file_in;  // channels of a group in the file
  int64_t file_out;
  int64_t kernel_size;
  int64_t groups;  // of the file; the last merged one may have fewer

  float At(int64_t g, int64_t merge, int64_t m, int64_t c, int64_t tap) const {
    const int64_t part = m / file_out;
    if (c / file_in != part || g * merge + part >= groups) return 0.0f;
    const int64_t row = (g * merge + part) * file_out + m % file_out;
    float item = 0;  // at any address, as the file has it
    std::memcpy(&item, w + (row * file_in + c % file_in) * kernel_size + tap, sizeof(item));
    return item;
  }
};

// Where row k of a panel comes from; visits k in order.
template <typename Body>
void ForEachRow(const PackedConv& conv, Body body) {
  const int64_t kw_count = conv.kernel[2];
  int64_t k = 0;
  for (int64_t row = 0; row < conv.kernel[0] * conv.kernel[1]; ++row) {
    if (conv.input == ConvLayout::kPlanar) {
      for (int64_t c = 0; c < conv.group_in; ++c) {
        for (int64_t kw = 0; kw < kw_count; ++kw) body(k++, c, row * kw_count + kw);
      }
      continue;
    }
    for (int64_t first = 0; first < conv.group_in; first += conv.block()) {
      const int64_t end = std::min(first + conv.block(), conv.group_in);
      for (int64_t kw = 0; kw < kw_count; ++kw) {
        for (int64_t c = first; c < end; ++c) body(k++, c, row * kw_count + kw);
      }
    }
  }
}

// One panel of a group that stands alone: its channels' weights, `depth` in a row each, become lanes. A 1x1
// kernel is in the panel's order then; others have their rows sorted.
void TransposePanel(const PackedConv& conv, const float* w, int64_t live, int64_t width, float* panel) {
  const int64_t depth = conv.depth(), kernel_size = depth / conv.group_in;
  if (live < width) std::fill_n(panel, depth * width, 0.0f);
  auto transpose = [&](float* to) {
    TransposeStrip(reinterpret_cast<const uint32_t*>(w), depth, reinterpret_cast<uint32_t*>(to), width, depth,
                   live);
  };
  if (kernel_size == 1) return transpose(panel);
  std::vector<float> rows(static_cast<size_t>(depth * width));
  transpose(rows.data());
  ForEachRow(conv, [&](int64_t k, int64_t c, int64_t tap) {
    std::copy_n(rows.data() + (c * kernel_size + tap) * width, width, panel + k * width);
  });
}

void PackPanels(const PackedConv& conv, const MergedWeights& from, int64_t merge, float* weights,
                ThreadPool& threads) {
  const int64_t block = conv.block(), depth = conv.depth();
  const int64_t group_floats = conv.out_blocks() * block * depth;
  threads.ParallelFor(conv.groups * conv.panels(), [&](int64_t chunk) {
    const int64_t g = chunk / conv.panels(), first = chunk % conv.panels() * kStripVectors;
    const int64_t width = std::min<int64_t>(kStripVectors, conv.out_blocks() - first) * block;
    float* const panel = weights + g * group_floats + first * block * depth;
    if (merge == 1) {
      const int64_t live = std::min(width, conv.group_out - first * block);
      return TransposePanel(conv, from.w + (g * from.file_out + first * block) * depth, live, width, panel);
    }
    ForEachRow(conv, [&](int64_t k, int64_t c, int64_t tap) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t m = first * block + i;
        panel[k * width + i] = m < conv.group_out ? from.At(g, merge, m, c, tap) : 0.0f;
      }
    });
  });
}

}  // namespace

int64_t MergedGroups(const ConvVariant& variant, ConvLayout input, int64_t groups, int64_t group_in,
                     int64_t group_out) {
  if (groups == 1) return 1;
  for (int64_t merge = 1; merge <= std::min(groups, kMostMerged); ++merge) {
    if (groups % merge != 0) continue;
    if (merge == groups) return merge;
    const bool in_fits = input == ConvLayout::kPlanar || merge * group_in % variant.block == 0;
    if (in_fits && merge * group_out % variant.block == 0) return merge;
  }
  // Groups of one block each, in and out, of which the last is not full: the strips read no lane that it
  // lacks.
  const int64_t fill = variant.block / std::max<int64_t>(group_in, 1);
  const bool whole = input == ConvLayout::kBlocked && fill * group_in == variant.block && fill <= kMostMerged;
  if (whole && fill * group_out == variant.block) return fill;
  return 0;
}

Result<PackedConv> PackConv(const ConvVariant& variant, ConvLayout input, int64_t groups, int64_t in_channels,
                            int64_t out_channels, const int64_t* kernel, WeightSource source,
                            const float* bias, const Packing& packing) {
  const int64_t file_in = in_channels / groups, file_out = out_channels / groups;
  const int64_t merge = MergedGroups(variant, input, groups, file_in, file_out);
  if (merge == 0)
    return NotImplemented("no blocked kernel for {} groups of {} and {}", groups, file_in, file_out);
  PackedConv conv;
  conv.variant = &variant;
  conv.input = input;
  conv.groups = CeilDiv(groups, merge);
  conv.group_in = file_in * merge;
  conv.group_out = file_out * merge;
  conv.last_in = in_channels - (conv.groups - 1) * conv.group_in;
  std::copy(kernel, kernel + kSpatialAxes, conv.kernel);
  const int64_t block = conv.block(), depth = conv.depth();
  if (depth > INT32_MAX) return InvalidArgument("a convolution over {} products is too large", depth);
  const int64_t group_floats = conv.out_blocks() * block * depth;
  const int64_t lanes = conv.groups * conv.out_blocks() * block;
  ORTOLAN_ASSIGN_OR_RETURN(conv.bias, packing.TakeFloats(lanes, [&](float* to) {
    std::fill_n(to, lanes, 0.0f);
    if (bias) std::copy_n(bias, out_channels, to);  // groups > 1 fill their blocks
  }));
  const auto pack = [&](float* weights) {
    const MergedWeights from{source.floats(), file_in, file_out, kernel[0] * kernel[1] * kernel[2], groups};
    PackPanels(conv, from, merge, weights, packing.threads);
  };
  ORTOLAN_ASSIGN_OR_RETURN(conv.weights, packing.TakeFloats(conv.groups * group_floats, pack));
  return conv;
}

}  // namespace ortolan::kernels
