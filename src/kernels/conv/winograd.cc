#include "kernels/conv/winograd.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/slots.h"

namespace ortolan::kernels {
namespace {

// Transformed input and products of a block of tiles should stay in a 1 MB L2 beside the weights that stream
// through.
constexpr int64_t kBlockBytes = 600 << 10;
constexpr double kTransformCycles = 6;  // of a point of one tile and block of channels, either way; measured
constexpr double kStreamBytesPerCycle = 16;  // of weights from L3
// Cycles of a run that a byte more of weights has to save: F(4x4)'s are four times the plain ones, and all of
// them are written when the model is loaded. So 256 channels take F(2x2) on a map of 14 x 14.
constexpr double kCyclesPerByte = 0.5;

// The transformed weights, a panel after another of each point.
void PackPoints(const PackedWinograd& conv, const float* w, float* weights, ThreadPool& threads) {
  const int64_t block = conv.block(), out_blocks = conv.out_blocks();
  const int64_t in_channels = conv.in_channels, out_channels = conv.out_channels;
  const int64_t point_floats = out_blocks * block * in_channels;
  threads.ParallelFor(CeilDiv(out_blocks, kStripVectors), [&](int64_t panel) {
    const int64_t first = panel * kStripVectors;
    const int64_t width = std::min<int64_t>(kStripVectors, out_blocks - first) * block;
    float* const base = weights + first * block * in_channels;
    const int64_t live = std::min(width, out_channels - first * block);
    double taps[9][kWinogradLanes] = {};  // lanes beyond the channels stay zero
    float u[kMostWinogradPoints][kWinogradLanes];
    for (int64_t c = 0; c < in_channels; ++c) {
      for (int64_t i = 0; i < live; ++i) {
        float from[9];  // which stand at any address, as the file has them
        std::memcpy(from, w + ((first * block + i) * in_channels + c) * 9, sizeof(from));
        for (int t = 0; t < 9; ++t) taps[t][i] = static_cast<double>(from[t]);
      }
      conv.kernel->weights(taps, u);
      for (int64_t p = 0; p < conv.kernel->points; ++p)
        std::copy_n(u[p], width, base + p * point_floats + c * width);
    }
  });
}

int64_t TilesOf(const WinogradKernel& kernel, const ConvShape& shape) {
  return CeilDiv(shape.window.out[1], kernel.out) * CeilDiv(shape.window.out[2], kernel.out);
}

// A multiple of the longest strip where the cache allows it.
int64_t TilesPerBlock(const ConvVariant& variant, const WinogradKernel& kernel, const ConvShape& shape) {
  const int64_t block = variant.block;
  const int64_t lanes = (CeilDiv(shape.in_channels, block) + CeilDiv(shape.out_channels, block)) * block;
  const int64_t fit = kBlockBytes / (4 * kernel.points * lanes);
  const int64_t strips = std::max<int64_t>(1, fit / variant.pixels);
  const int64_t most = std::max<int64_t>(strips * variant.pixels, kMostStripPixels);
  const int64_t tiles = std::max<int64_t>(1, TilesOf(kernel, shape));
  return CeilDiv(tiles, CeilDiv(tiles, most));  // blocks of nearly equal size
}

// The tiles [begin, end) of one image that one pass works on.
struct TileBlock {
  int64_t n, begin, end;
};

class Runner {
 public:
  Runner(const PackedWinograd& conv, const WinogradPlan& plan, const float* x, float* y,
         const ConvEpilogue& epilogue)
      : conv_(conv), plan_(plan), window_(plan.shape.window), x_(x), y_(y), epilogue_(epilogue) {}

  // The three steps; each covers [begin, end) of its own units, so that threads can share them.
  int64_t input_units(const TileBlock& b) const { return (b.end - b.begin) * conv_.in_blocks(); }
  int64_t product_units() const { return conv_.kernel->points * panels(); }
  int64_t output_units() const { return conv_.out_blocks(); }

  void Input(const TileBlock& b, float* scratch, int64_t begin, int64_t end) const {
    const int64_t tiles = b.end - b.begin;
    for (int64_t i = begin; i < end; ++i) InputOne(b, i / tiles, b.begin + i % tiles, scratch);
  }

  void Products(const TileBlock& b, float* scratch, int64_t begin, int64_t end) const {
    const int64_t block = conv_.block(), pitch = plan_.tiles_per_block * block;
    float* products = scratch + InputFloats();
    const auto* weights = reinterpret_cast<const float*>(conv_.weights.data());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t point = i / panels(), first = i % panels() * kStripVectors;
      const int64_t channels = std::min<int64_t>(kStripVectors * block, conv_.out_channels - first * block);
      StripArgs args;
      args.in = scratch + point * conv_.in_blocks() * pitch;
      args.pixel_stride = block;
      args.steps = plan_.steps.data();
      args.step_count = static_cast<int64_t>(plan_.steps.size());
      args.weights = weights + (point * conv_.out_blocks() + first) * block * conv_.in_channels;
      args.bias = Bias() + conv_.out_blocks() * block;  // zeros
      args.out = products + (point * conv_.out_blocks() + first) * pitch;
      args.out_block_stride = pitch;
      args.lower = -std::numeric_limits<float>::infinity();
      args.upper = std::numeric_limits<float>::infinity();
      if (i + 1 < product_units()) {
        const int64_t blocks = CeilDiv(channels, block);  // the next panel is about as large
        LookAhead(args, args.weights + blocks * block * conv_.in_channels, blocks * block * conv_.in_channels,
                  CeilDiv(b.end - b.begin, conv_.variant->pixels));
      }
      RunStrips(*conv_.variant, *conv_.variant->blocked[0], channels, b.end - b.begin, args);
    }
  }

  void Output(const TileBlock& b, const float* scratch, int64_t begin, int64_t end) const {
    for (int64_t ob = begin; ob < end; ++ob) {
      for (int64_t tile = b.begin; tile < b.end;) {
        const int64_t ty = tile / plan_.tile_columns, tx = tile % plan_.tile_columns;
        const int64_t count = std::min(plan_.tile_columns - tx, b.end - tile);
        OutputRun(b, ob, ty, tx, count, scratch);
        tile += count;
      }
    }
  }

 private:
  int64_t panels() const { return CeilDiv(conv_.out_blocks(), kStripVectors); }
  int64_t InputFloats() const {
    return conv_.kernel->points * conv_.in_blocks() * plan_.tiles_per_block * conv_.block();
  }
  const float* Bias() const { return reinterpret_cast<const float*>(conv_.bias.data()); }

  void InputOne(const TileBlock& b, int64_t cb, int64_t index, float* scratch) const {
    const int64_t block = conv_.block(), pitch = plan_.tiles_per_block * block;
    const WinogradKernel& kernel = *conv_.kernel;
    const int64_t top = index / plan_.tile_columns * kernel.out - window_.pad[1];
    const int64_t left = index % plan_.tile_columns * kernel.out - window_.pad[2];
    const int64_t height = window_.in[1], width = window_.in[2];
    WinogradInput tile;
    tile.row_stride = width * block;
    tile.in = x_ + ((b.n * conv_.in_blocks() + cb) * height * width + top * width + left) * block;
    auto clip = [&](int64_t at) { return static_cast<int>(std::clamp<int64_t>(at, 0, kernel.in)); };
    tile.row_begin = clip(-top);
    tile.row_end = clip(height - top);
    tile.column_begin = clip(-left);
    tile.column_end = clip(width - left);
    tile.out = scratch + cb * pitch + (index - b.begin) * block;
    tile.point_stride = conv_.in_blocks() * pitch;
    kernel.input(tile);
  }

  // Neighbouring tiles of one tile row, then the epilogue's program over their rows.
  void OutputRun(const TileBlock& b, int64_t ob, int64_t ty, int64_t tx, int64_t count,
                 const float* scratch) const {
    const int64_t block = conv_.block(), pitch = plan_.tiles_per_block * block;
    const int64_t height = window_.out[1], width = window_.out[2], out = conv_.kernel->out;
    const int64_t oh = ty * out, ow = tx * out;
    const int64_t at = (((b.n * conv_.out_blocks() + ob) * height + oh) * width + ow) * block;
    const int64_t first = ty * plan_.tile_columns + tx - b.begin;
    WinogradOutput tile;
    tile.in = scratch + InputFloats() + ob * pitch + first * block;
    tile.point_stride = conv_.out_blocks() * pitch;
    tile.bias = Bias() + ob * block;
    tile.residual = epilogue_.residual ? epilogue_.residual + at : nullptr;
    tile.out = y_ + at;
    tile.row_stride = width * block;
    tile.rows = static_cast<int>(std::min<int64_t>(out, height - oh));
    tile.lower = epilogue_.lower;
    tile.upper = epilogue_.upper;
    for (int64_t t = 0; t < count; ++t) {
      tile.columns = static_cast<int>(std::min<int64_t>(out, width - ow - t * out));
      conv_.kernel->output(tile);
      tile.in += block;
      tile.out += out * block;
      if (tile.residual) tile.residual += out * block;
    }
    const int64_t pixels = std::min(count * out, width - ow);
    for (int64_t r = 0; r < tile.rows; ++r) {
      epilogue_.Finish(y_ + at + r * tile.row_stride, b.n, ob, (oh + r) * width + ow, pixels, block);
    }
  }

  const PackedWinograd& conv_;
  const WinogradPlan& plan_;
  const Window& window_;
  const float* x_;
  float* y_;
  const ConvEpilogue& epilogue_;
};

// Blocks in parallel where there are enough for all threads, else each step of a block. The sums are the
// same.
bool SharesBlocks(const WinogradPlan& plan, int threads) {
  return plan.shape.batch * plan.blocks >= 2 * threads || threads == 1;
}

}  // namespace

bool WinogradApplies(const ConvShape& shape) {
  const Window& w = shape.window;
  return shape.groups == 1 && w.kernel[0] == 1 && w.in[0] == 1 && w.out[0] == 1 && w.kernel[1] == 3 &&
         w.kernel[2] == 3 && w.stride[1] == 1 && w.stride[2] == 1 && w.dilation[1] == 1 && w.dilation[2] == 1;
}

const WinogradKernel* ChooseWinograd(const ConvVariant& variant, const ConvShape& shape) {
  if (!WinogradApplies(shape) || shape.in_channels < 16 || shape.out_channels < 16) return nullptr;
  const int64_t in_blocks = CeilDiv(shape.in_channels, variant.block);
  const int64_t out_blocks = CeilDiv(shape.out_channels, variant.block);
  const int64_t pairs = shape.in_channels * out_blocks;  // vector FMAs of one product
  const auto weight_bytes = [&](int64_t points) {
    return static_cast<double>(4 * points * pairs * variant.block);
  };
  const double direct = 9.0 * static_cast<double>(shape.window.out[1] * shape.window.out[2] * pairs);
  const WinogradKernel* best = nullptr;
  double most = 0;
  for (int form = 0; form < kWinogradForms; ++form) {
    const WinogradKernel& kernel = variant.winograd[form];
    const int64_t tiles = TilesOf(kernel, shape);
    if (tiles == 0) return nullptr;
    const auto products = static_cast<double>(kernel.points * tiles * pairs);
    const double transforms =
        kTransformCycles * static_cast<double>(kernel.points * tiles * (in_blocks + out_blocks));
    const auto blocks = static_cast<double>(CeilDiv(tiles, TilesPerBlock(variant, kernel, shape)));
    const double stream = blocks * weight_bytes(kernel.points) / kStreamBytesPerCycle;
    const double saved = 0.9 * direct - std::max(products, stream) - transforms;
    const double worth = saved - kCyclesPerByte * (weight_bytes(kernel.points) - weight_bytes(9));
    if (worth > most) {
      most = worth;
      best = &kernel;
    }
  }
  return best;
}

Result<PackedWinograd> PackWinograd(const ConvVariant& variant, const WinogradKernel& kernel,
                                    int64_t in_channels, int64_t out_channels, WeightSource source,
                                    const float* bias, const Packing& packing) {
  PackedWinograd conv;
  conv.variant = &variant;
  conv.kernel = &kernel;
  conv.in_channels = in_channels;
  conv.out_channels = out_channels;
  const int64_t block = conv.block(), out_blocks = conv.out_blocks();
  const int64_t point_floats = out_blocks * block * in_channels;
  const int64_t bias_floats = (out_blocks + kStripVectors) * block;
  ORTOLAN_ASSIGN_OR_RETURN(conv.bias, packing.TakeFloats(bias_floats, [&](float* to) {
    std::fill_n(to, bias_floats, 0.0f);
    if (bias) std::copy_n(bias, out_channels, to);
  }));
  const auto pack = [&](float* weights) { PackPoints(conv, source.floats(), weights, packing.threads); };
  ORTOLAN_ASSIGN_OR_RETURN(conv.weights, packing.TakeFloats(kernel.points * point_floats, pack));
  return conv;
}

WinogradPlan PlanWinograd(const PackedWinograd& conv, const ConvShape& shape, int threads) {
  WinogradPlan plan;
  plan.shape = shape;
  plan.tile_rows = CeilDiv(shape.window.out[1], conv.kernel->out);
  plan.tile_columns = CeilDiv(shape.window.out[2], conv.kernel->out);
  plan.tiles_per_block = TilesPerBlock(*conv.variant, *conv.kernel, shape);
  const int64_t tiles = plan.tile_rows * plan.tile_columns;
  plan.blocks = CeilDiv(tiles, plan.tiles_per_block);
  if (SharesBlocks(plan, threads)) {  // each thread as many
    plan.tiles_per_block = CeilDiv(tiles, CeilDiv(plan.blocks, threads) * threads);
    plan.blocks = CeilDiv(tiles, plan.tiles_per_block);
  }
  const int64_t block = conv.block();
  for (int64_t c = 0; c < conv.in_channels; c += block) {
    plan.steps.push_back({c * plan.tiles_per_block,
                          static_cast<int32_t>(std::min(block, conv.in_channels - c)),
                          static_cast<int32_t>(c)});
  }
  const int64_t floats =
      conv.kernel->points * (conv.in_blocks() + conv.out_blocks()) * plan.tiles_per_block * block;
  plan.slot_floats = static_cast<size_t>(CeilDiv(floats, 16) * 16);
  plan.slots = std::max(1, threads);
  plan.scratch_bytes = ScratchSlots::Bytes(plan.slots, plan.slot_floats);
  return plan;
}

void RunWinograd(const PackedWinograd& conv, const WinogradPlan& plan, const float* x, float* y,
                 const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads) {
  const Runner runner(conv, plan, x, y, epilogue);
  ScratchSlots slots(scratch, plan.slots, plan.slot_floats);
  const int64_t tiles = plan.tile_rows * plan.tile_columns;
  const int64_t blocks = plan.shape.batch * plan.blocks;
  auto block_at = [&](int64_t index) {
    const int64_t begin = index % plan.blocks * plan.tiles_per_block;
    return TileBlock{index / plan.blocks, begin, std::min(tiles, begin + plan.tiles_per_block)};
  };
  if (SharesBlocks(plan, threads.thread_count())) {
    threads.ParallelFor(blocks, [&](int64_t index) {
      const TileBlock b = block_at(index);
      const int slot = slots.Take();
      float* space = slots.At(slot);
      runner.Input(b, space, 0, runner.input_units(b));
      runner.Products(b, space, 0, runner.product_units());
      runner.Output(b, space, 0, runner.output_units());
      slots.Give(slot);
    });
    return;
  }
  for (int64_t index = 0; index < blocks; ++index) {
    const TileBlock b = block_at(index);
    float* space = slots.At(0);
    threads.ParallelRanges(runner.input_units(b), 32,
                           [&](int64_t begin, int64_t end) { runner.Input(b, space, begin, end); });
    threads.ParallelRanges(runner.product_units(), 4,
                           [&](int64_t begin, int64_t end) { runner.Products(b, space, begin, end); });
    threads.ParallelRanges(runner.output_units(), 1,
                           [&](int64_t begin, int64_t end) { runner.Output(b, space, begin, end); });
  }
}

}  // namespace ortolan::kernels
