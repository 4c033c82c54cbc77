// Col2Im: puts the columns of sliding blocks back into an image and adds where blocks overlap. Refuses
// columns whose count is not that of the blocks.
#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/line/line.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

struct State {
  Dims strides, dilations, pads;  // empty: ones, ones, zeros
  const kernels::LineKernels* lines = nullptr;
};

Status Infer(InferContext& context) {
  const graph::Shape& in = context.shape(0);
  if (in.has_rank() && in.rank() != 3) {
    return Fail("[ShapeInferenceError] Col2Im: the input has rank {}, expected 3", in.rank());
  }
  const auto image = context.Ints(1);
  const auto block = context.ConstantInts(2);
  if (!image) return OkStatus();
  if (image->empty()) return InvalidArgument("Col2Im: image_shape is empty");
  graph::Shape::DimList dims = {in.has_rank() ? in[0] : context.Unknown(), context.Unknown()};
  if (block && in.has_rank()) {
    int64_t size = 1;
    for (int64_t item : *block) {
      if (item < 1 || item > INT32_MAX || size > INT32_MAX) {
        return InvalidArgument("Col2Im: a block size of {}", item);
      }
      size *= item;
    }
    dims[1] = graph::Dim::FloorDiv(in[1], size);
  }
  for (const graph::Dim& dim : *image) {
    if (dim.IsConstant() && dim.constant() < 0) return InvalidArgument("Col2Im: a negative image size");
    dims.push_back(dim);
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

// One axis of the image.
struct Axis {
  int64_t size, block, stride, dilation, pad, positions;
};

Status ReadAxes(const State& state, RunContext& context, SmallVector<Axis, 4>* axes) {
  const Dims& in = context.input(0).dims;
  const Dims& out = context.output(0).dims;
  const Dims image = IntsOf(context.input(1)), block = IntsOf(context.input(2));
  const size_t count = image.size();
  auto fits = [&](const Dims& list, size_t length) { return list.empty() || list.size() == length; };
  if (in.size() != 3 || block.size() != count || out.size() != count + 2 || !fits(state.strides, count) ||
      !fits(state.dilations, count) || !fits(state.pads, 2 * count)) {
    return InvalidArgument("Col2Im: {} axes, a block of {}, an input of shape {}", count, block.size(),
                           DimsText(in));
  }
  int64_t positions = 1, blocks = 1;
  for (size_t i = 0; i < count; ++i) {
    Axis axis{image[i], block[i], 1, 1, 0, 0};
    int64_t pad_end = 0;
    if (!state.strides.empty()) axis.stride = state.strides[i];
    if (!state.dilations.empty()) axis.dilation = state.dilations[i];
    if (!state.pads.empty()) axis.pad = state.pads[i], pad_end = state.pads[i + count];
    const int64_t most = INT32_MAX;
    if (axis.block < 1 || axis.block > most || axis.size > most || axis.size != out[i + 2] ||
        axis.stride < 1 || axis.stride > most || axis.dilation < 1 || axis.dilation > most || axis.pad < 0 ||
        axis.pad > most || pad_end < 0 || pad_end > most) {
      return InvalidArgument("Col2Im: sizes of axis {} are out of range", i);
    }
    const int64_t room = axis.size + axis.pad + pad_end - axis.dilation * (axis.block - 1) - 1;
    axis.positions = room < 0 ? 0 : room / axis.stride + 1;
    const std::optional<int64_t> product = CheckedCount(Dims{positions, axis.positions});
    blocks *= axis.block;
    if (blocks > most || !product) return InvalidArgument("Col2Im: too many blocks");
    positions = *product;
    axes->push_back(axis);
  }
  if (in[2] != positions || in[1] != out[1] * blocks || in[0] != out[0]) {
    return InvalidArgument("Col2Im: columns of shape {}, expected [N, {} x C, {}]", DimsText(in), blocks,
                           positions);
  }
  return OkStatus();
}

// The sum of all block elements that lie over the pixel at `at`; columns of one channel.
template <typename T>
WideNumber<T> Gather(const T* columns, std::span<const Axis> axes, std::span<const int64_t> at,
                     int64_t positions, int64_t element, int64_t position) {
  if (axes.empty()) return AsNumber(columns[element * positions + position]);
  const Axis& axis = axes[0];
  WideNumber<T> sum = 0;
  for (int64_t k = 0; k < axis.block; ++k) {
    const int64_t shifted = at[0] + axis.pad - k * axis.dilation;
    if (shifted < 0) break;
    if (shifted % axis.stride != 0 || shifted / axis.stride >= axis.positions) continue;
    sum = static_cast<WideNumber<T>>(sum + Gather(columns, axes.subspan(1), at.subspan(1), positions,
                                                  element * axis.block + k,
                                                  position * axis.positions + shifted / axis.stride));
  }
  return sum;
}

// One axis of a block: where element k lies over the image, and the positions at which it lies in the image.
struct Tap {
  int64_t offset, begin, end;
};
Tap TapOf(const Axis& axis, int64_t k) {
  const int64_t offset = k * axis.dilation - axis.pad;
  const int64_t begin = offset >= 0 ? 0 : (-offset + axis.stride - 1) / axis.stride;
  const int64_t end =
      axis.size <= offset ? begin : std::min(axis.positions, (axis.size - 1 - offset) / axis.stride + 1);
  return {offset, begin, std::max(begin, end)};
}

template <typename T>
void AddTap(const Axis& axis, const Tap& tap, const T* from, T* row) {
  T* to = row + tap.offset;
  for (int64_t p = tap.begin; p < tap.end; ++p)
    to[p * axis.stride] = static_cast<T>(to[p * axis.stride] + from[p]);
}

// Taps of a row that are added at once.
constexpr int64_t kMostTaps = 16;

// How the elements of a block row lie over a row of the image, and between which pixels all of them do.
// Where `joined`, they are added there in one go: a row that is written again at once has to wait for itself.
struct RowPlan {
  bool joined = false;
  int64_t begin = 0, end = 0;
  std::array<Tap, kMostTaps> taps;
  const kernels::LineKernels* lines = nullptr;
};

template <typename T>
RowPlan PlanRow(const Axis& axis, const kernels::LineKernels& lines) {
  RowPlan plan;
  if (!std::is_same_v<T, float> || axis.stride != 1 || axis.block < 2 || axis.block > kMostTaps) return plan;
  plan.begin = std::max<int64_t>((axis.block - 1) * axis.dilation - axis.pad, 0);
  plan.end = std::min(axis.size, axis.positions - axis.pad);
  plan.joined = plan.begin < plan.end;
  for (int64_t k = 0; k < axis.block; ++k) plan.taps[static_cast<size_t>(k)] = TapOf(axis, k);
  plan.lines = &lines;
  return plan;
}

// Adds the elements of one block row, which stand `positions` apart, to a row of the image.
template <typename T>
void AddRow(const Axis& axis, const RowPlan& plan, const T* from, int64_t positions, T* row) {
  if constexpr (std::is_same_v<T, float>) {
    if (plan.joined) {
      constexpr std::array<float, kMostTaps> kOnes = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
      std::array<const float*, kMostTaps> own;
      for (int64_t k = 0; k < axis.block; ++k, from += positions) {
        const Tap& tap = plan.taps[static_cast<size_t>(k)];
        own[static_cast<size_t>(k)] = from + plan.begin - tap.offset;
        AddTap(axis, {tap.offset, tap.begin, plan.begin - tap.offset}, from, row);
        AddTap(axis, {tap.offset, plan.end - tap.offset, tap.end}, from, row);
      }
      plan.lines->blend(own.data(), kOnes.data(), axis.block, plan.end - plan.begin, true, row + plan.begin);
      return;
    }
  }
  for (int64_t k = 0; k < axis.block; ++k) AddTap(axis, TapOf(axis, k), from + k * positions, row);
}

// Adds all block elements of one channel to its image, whose first axis is axes[0].
template <typename T>
void Scatter(const T* columns, std::span<const Axis> axes, const RowPlan& plan, int64_t positions,
             int64_t element, int64_t position, T* image) {
  const Axis& axis = axes[0];
  if (axes.size() == 1) {
    AddRow(axis, plan, columns + element * axis.block * positions + position * axis.positions, positions,
           image);
    return;
  }
  int64_t inner = 1;
  for (const Axis& other : axes.subspan(1)) inner *= other.size;
  for (int64_t k = 0; k < axis.block; ++k) {
    const Tap tap = TapOf(axis, k);
    for (int64_t p = tap.begin; p < tap.end; ++p)
      Scatter(columns, axes.subspan(1), plan, positions, element * axis.block + k,
              position * axis.positions + p, image + (tap.offset + p * axis.stride) * inner);
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  SmallVector<Axis, 4> axes;
  ORTOLAN_RETURN_IF_ERROR(ReadAxes(state, context, &axes));
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  if (out.count() == 0) return OkStatus();
  const int64_t planes = out.dims[0] * out.dims[1], pixels = out.count() / planes;
  const int64_t positions = in.dims[2], column = in.count() / planes;
  return WithNumberType(in.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = in.As<const T>();
    T* to = out.As<T>();
    if constexpr (std::is_same_v<WideNumber<T>, T>) {
      if (!axes.empty()) {
        const RowPlan plan = PlanRow<T>(axes.back(), *state.lines);
        context.threads().ParallelRanges(planes, 4096 / pixels + 1, [&](int64_t begin, int64_t end) {
          std::fill(to + begin * pixels, to + end * pixels, T{0});
          for (int64_t plane = begin; plane < end; ++plane)
            Scatter<T>(from + plane * column, std::span<const Axis>(axes.data(), axes.size()), plan,
                       positions, 0, 0, to + plane * pixels);
        });
        return OkStatus();
      }
    }
    context.threads().ParallelRanges(out.count(), 1024, [&](int64_t begin, int64_t end) {
      Dims at(axes.size(), 0);
      for (int64_t i = begin; i < end; ++i) {
        int64_t rest = i % pixels;
        for (size_t axis = axes.size(); axis-- > 0; rest /= axes[axis].size)
          at[axis] = rest % axes[axis].size;
        to[i] = T(Gather(from + i / pixels * column, std::span<const Axis>(axes.data(), axes.size()),
                         std::span<const int64_t>(at.data(), at.size()), positions, 0, 0));
      }
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  if (!Contains(kNumericTypes, context.input_dtype(0))) {
    return NotImplemented("Col2Im of {}", DTypeName(context.input_dtype(0)));
  }
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Ints(name);
    return Dims(items.begin(), items.end());
  };
  prepared->state = std::make_shared<const State>(
      State{list("strides"), list("dilations"), list("pads"), &kernels::SelectLine(context.isa)});
  prepared->run = Run;
  prepared->kernel = "col2im";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {18};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"image_shape", "tensor(int64)"}, {"block_shape", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kNumericTypes | kComplexTypes | SetOf(DType::kBool, DType::kString)}};
constexpr AttributeSpec kAttributes[] = {
    {"strides", AttributeType::kInts}, {"pads", AttributeType::kInts}, {"dilations", AttributeType::kInts}};

}  // namespace

extern const OpDef kCol2Im;
constexpr OpDef kCol2Im{.domain = "",
                        .name = "Col2Im",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
