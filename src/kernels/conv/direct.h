// Direct convolution in f32: output always in the blocked layout, input planar or blocked.
//
// Blocked layout (NCHWc): a tensor [N, C, spatial...] is stored as [N, ceil(C / c), spatial..., c], c = 16 on
// AVX-512 and 8 elsewhere. Lanes beyond C hold anything; no kernel lets them reach another lane.
//
// Three steps, as everywhere: Pack once a model, Plan once a shape, Run.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/strip.h"
#include "kernels/elementwise/epilogue.h"
#include "kernels/packing.h"

namespace ortolan::kernels {

class ScratchSlots;

enum class ConvLayout : uint8_t { kPlanar, kBlocked };

struct PackedConv {
  const ConvVariant* variant = nullptr;
  ConvLayout input = ConvLayout::kBlocked;
  // After merging: channels of a group fill whole blocks where there is more than one group.
  int64_t groups = 1;
  int64_t group_in = 0;
  int64_t group_out = 0;
  int64_t last_in = 0;  // channels of the last group: fewer where the file's groups do not fill it
  int64_t kernel[kSpatialAxes] = {1, 1, 1};
  WeightBlock
      weights;  // [group][panel][k][vectors * block]; k is (kd, kh, block or channel, ...) as the steps go
  WeightBlock bias;  // out blocks * block, zeros where there is none

  int64_t block() const { return variant->block; }
  int64_t depth() const { return group_in * kernel[0] * kernel[1] * kernel[2]; }  // rows of a panel
  int64_t out_blocks() const { return CeilDiv(group_out, block()); }              // of one group
  int64_t panels() const {
    return CeilDiv(out_blocks(), kStripVectors);
  }  // of one group; the last may be single
};

// How many groups have to be merged into one (their weights then stand on the diagonal, zeros around) for the
// kernel to apply, or 0 where it does not or would waste more than it gains.
int64_t MergedGroups(const ConvVariant& variant, ConvLayout input, int64_t groups, int64_t group_in,
                     int64_t group_out);

// w is [out_channels, in_channels / groups, kernel...]; bias may be null. Only where MergedGroups is not 0.
Result<PackedConv> PackConv(const ConvVariant& variant, ConvLayout input, int64_t groups, int64_t in_channels,
                            int64_t out_channels, const int64_t* kernel, WeightSource w, const float* bias,
                            const Packing& packing);

// Neighbouring output columns that the same taps of a kernel row serve, with their reduction.
struct ColumnSegment {
  int64_t begin = 0, end = 0;  // output columns
  int64_t first_step = 0;
  int64_t steps_per_row = 0;  // of one (kd, kh)
};

// A part of the reduction that one panel does for all rows of a chunk before it takes the next, so that the
// weights of a part stay in L1: kernel rows, and of each the same blocks of input channels.
struct ReductionPass {
  IndexRange kernel_rows;
  IndexRange planes;
};

// Where the pixels of a convolution stand whose output is dealt out over a larger map. In floats but for
// `pixel_step`.
struct OutputGrid {
  int64_t origin = 0;
  int64_t pixel_step = 1;  // pixels of the map from one to the next
  int64_t row_stride = 0;
  int64_t slice_stride = 0;  // from a depth slice to the next
  int64_t plane_stride = 0;  // from a block of channels to the next
};

struct DirectPlan {
  Window window;
  int64_t batch = 0;
  std::vector<ReductionStep> steps;
  std::vector<ReductionStep> last_steps;  // of the last group where it has fewer channels, else empty
  std::vector<ColumnSegment> segments;    // one but where a dilation leaves many taps outside the map
  std::vector<ReductionPass> passes;      // in the order of the sum
  bool copies = false;                    // whether input rows are copied to scratch with their padding
  bool flat = false;  // 1x1: the map is one row, cut into rows of out[2] pixels; the last row is `last_row`
  // One row, as a signal is: cut into rows of out[2] pixels whose inputs overlap; the last is `last_row`.
  bool pieces = false;
  int64_t last_row = 0;
  // 1x1 with a stride: the pixels that are read are copied side by side, and the rest goes as if flat.
  // `sparse` is the window before that.
  bool gathers = false;
  Window sparse;
  int64_t pixel = 0;     // floats of one input pixel: block or 1
  int64_t in_plane = 0;  // floats of one plane or block of the input map
  int64_t out_plane = 0;
  int64_t slab_width = 0;  // pixels of a copied row
  int64_t slab_rows = 0;   // copied rows of a depth slice, at most
  int64_t slab_depth = 0;
  int64_t slab_floats = 0;
  int64_t row_stride = 0;      // floats from an input row to the next, in what the strips read
  int64_t slice_stride = 0;    // from a depth slice to the next tap's, ditto
  int64_t plane_stride = 0;    // from a plane or block to the next, ditto
  int64_t row_chunks = 1;      // rows and panels are cut into shares that differ by one at most
  int64_t rows_per_chunk = 1;  // at most
  int64_t panel_chunks = 1;
  OutputGrid grid;
  bool deals = false;        // whether rows are made in scratch and dealt out from there
  int64_t dealt_floats = 0;  // of such a row
  int slots = 1;             // of slot_floats(): as many as there are threads
  size_t scratch_bytes = 0;

  int64_t slot_floats() const { return slab_floats + dealt_floats; }
};

// kInvalidArgument where the problem is too large to index. With a `grid` the output is dealt out.
Result<DirectPlan> PlanDirect(const PackedConv& conv, const ConvShape& shape, int threads,
                              const OutputGrid* grid = nullptr);

// What happens to the output besides the bias, which was packed. `residual` is laid out as the output.
struct ConvEpilogue {
  const float* residual = nullptr;
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();
  const Epilogue* program =
      nullptr;  // its program runs last; m is the block of channels, n pixel * block + lane

  // Runs the program on `pixels` neighbours of one block of channels, if there is one.
  void Finish(float* row, int64_t batch, int64_t channel_block, int64_t pixel0, int64_t pixels,
              int64_t block) const {
    if (program)
      RunEpilogue(*program, row, pixels * block, batch, channel_block, 1, pixel0 * block, pixels * block);
  }
};

void RunDirect(const PackedConv& conv, const DirectPlan& plan, const float* x, float* y,
               const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads);

// The same piece by piece, for who runs chunks of several plans together. Programs of the epilogue do not run
// where the output is dealt out.
int64_t DirectChunks(const PackedConv& conv, const DirectPlan& plan);
void RunDirectChunk(const PackedConv& conv, const DirectPlan& plan, int64_t index, const float* x, float* y,
                    const ConvEpilogue& epilogue, ScratchSlots& slots);

// Along the next `strips` strips, all with args.step_count steps, asks for `floats` at `next`: the panel
// after this one, which then waits in L2. Nothing where they are too many for it, or where so many strips
// share the panel that its coming late does not matter.
void LookAhead(StripArgs& args, const float* next, int64_t floats, int64_t strips);

// One row of pixels of a panel of `channels`, at most kStripVectors blocks, in strips of nearly equal length;
// what other convolutions build on the strips with.
void RunStrips(const ConvVariant& variant, const StripTable& table, int64_t channels, int64_t pixels,
               StripArgs args);

}  // namespace ortolan::kernels
