// DynamicQuantizeLSTM: LSTM with 8-bit weights W [directions, input, 4 * hidden] and R [directions, hidden,
// 4 * hidden], packed once where they are constant; the input and each state are quantized to uint8 by their
// range. Scales and zero points are one number or one for each column.
#include <algorithm>
#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/rnn/recurrent.h"
#include "ops/rnn/recurrent_form.h"

namespace ortolan {
namespace {

constexpr size_t kBias = 3, kLengths = 4, kH = 5, kC = 6, kPeephole = 7;

// The weights of one direction.
struct Weights {
  std::vector<int32_t> sums, zeros;
  std::vector<float> scale;
  AlignedBuffer panels;
  bool has_zeros = false;
  kernels::RnnBytes bytes;
};

struct Packed {
  Weights w[2], r[2];
};

struct State {
  kernels::RnnForm form;
  const kernels::GemmVariant* gemm;
  const kernels::RnnF32Variant* cells;
  const kernels::ByteVariant* bytes;
  const kernels::ByteMaps* maps;
  std::unique_ptr<const Packed> packed;  // null: each run packs
  std::unique_ptr<ThreadPool> serial = std::make_unique<ThreadPool>(1);
};

Status Infer(InferContext& context) {
  if (!context.attributes().Has("hidden_size"))
    return InvalidArgument("DynamicQuantizeLSTM: attribute hidden_size is missing");
  return InferRecurrent(context);
}

// One number or one for each column of each direction, as [directions][columns].
template <typename T>
Result<std::vector<T>> PerColumn(const TensorRef& tensor, int64_t directions, int64_t columns,
                                 const char* what) {
  const int64_t count = tensor.count();
  if (count != directions && count != directions * columns)
    return InvalidArgument("{} has shape {}, expected {{{}}} or {{{},{}}}", what, DimsText(tensor.dims),
                           directions, directions, columns);
  std::vector<T> all;
  for (int64_t i = 0; i < directions * columns; ++i) {
    const auto at = static_cast<size_t>(count == directions ? i / columns : i);
    if (tensor.dtype == DType::kInt8) {
      all.push_back(static_cast<T>(tensor.Items<const int8_t>()[at]));
    } else if (tensor.dtype == DType::kUInt8) {
      all.push_back(static_cast<T>(tensor.Items<const uint8_t>()[at]));
    } else {
      all.push_back(static_cast<T>(tensor.Items<const float>()[at]));
    }
  }
  return all;
}

Status Pack(const State& state, const TensorRef& w, const TensorRef& scale, const TensorRef& zero,
            int64_t rows, ThreadPool& threads, Weights* packed) {
  const int64_t directions = state.form.directions, columns = state.form.gates();
  if (w.dims != Dims{directions, rows, columns})
    return InvalidArgument("weights have shape {}, expected {{{},{},{}}}", DimsText(w.dims), directions, rows,
                           columns);
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> scales,
                           PerColumn<float>(scale, directions, columns, "the scale"));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<int32_t> zeros,
                           PerColumn<int32_t>(zero, directions, columns, "the zero point"));
  const bool is_signed = w.dtype == DType::kInt8;
  const kernels::ByteVariant& variant = *state.bytes;
  for (int64_t d = 0; d < directions; ++d) {
    Weights& own = packed[d];
    kernels::ByteMatrix matrix;
    matrix.data = static_cast<const uint8_t*>(w.data) + d * rows * columns;
    matrix.is_signed = is_signed;
    matrix.k = matrix.k_bytes = rows;
    matrix.n = columns;
    matrix.k_stride = columns;
    const auto padded = static_cast<size_t>(kernels::PaddedByteColumns(variant, columns));
    own.sums.resize(padded);
    own.zeros.assign(padded, 0);
    own.scale.assign(padded, 0.0f);
    for (int64_t j = 0; j < columns; ++j) {
      const auto at = static_cast<size_t>(j), from = static_cast<size_t>(d * columns + j);
      own.zeros[at] = zeros[from] - (is_signed ? 0 : 128);
      own.scale[at] = scales[from];
      own.has_zeros = own.has_zeros || own.zeros[at] != 0;
    }
    ORTOLAN_ASSIGN_OR_RETURN(own.panels, AlignedBuffer::Allocate(kernels::PackedByteBytes(variant, matrix)));
    kernels::PackBytes(variant, matrix, nullptr, 0, reinterpret_cast<int8_t*>(own.panels.data()),
                       own.sums.data(), threads);
    own.bytes = {&variant,
                 state.maps,
                 reinterpret_cast<const int8_t*>(own.panels.data()),
                 own.sums.data(),
                 own.has_zeros ? own.zeros.data() : nullptr,
                 own.scale.data(),
                 static_cast<int64_t>(padded)};
  }
  return OkStatus();
}

// inputs: W, R, then their scales and zero points.
template <typename Get>
Status PackAll(const State& state, Get get, ThreadPool& threads, Packed* packed) {
  if (get(1).dims.size() != 3)
    return InvalidArgument("W has shape {}, expected 3 axes", DimsText(get(1).dims));
  ORTOLAN_RETURN_IF_ERROR(Pack(state, get(1), get(8), get(9), get(1).dims[1], threads, packed->w));
  return Pack(state, get(2), get(10), get(11), state.form.hidden, threads, packed->r);
}

Status CheckDims(const BindContext& context, size_t input, const Dims& expected) {
  if (input >= context.inputs.size() || context.inputs[input].empty() || context.inputs[input] == expected)
    return OkStatus();
  return InvalidArgument("input {} has shape {}, expected {}", input, DimsText(context.inputs[input]),
                         DimsText(expected));
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const Dims &x = context.inputs[0], &w = context.inputs[1];
  if (x.size() != 3 || w.size() != 3 || x[2] != w[1])
    return InvalidArgument("X has shape {} where W has {}", DimsText(x), DimsText(w));
  const int64_t directions = state.form.directions, hidden = state.form.hidden;
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, kBias, {directions, 8 * hidden}));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, kLengths, {x[1]}));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, kH, {directions, x[1], hidden}));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, kC, {directions, x[1], hidden}));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, kPeephole, {directions, 3 * hidden}));
  const int64_t product[] = {x[0], x[1], state.form.gates(), 64};
  if (!CheckedCount(product)) return InvalidArgument("a recurrent layer of {} steps is too large", x[0]);
  auto plan = std::make_shared<kernels::RnnPlan>(kernels::PlanByteRnn(
      state.form, x[0], x[1], x[2], kernels::PaddedByteColumns(*state.bytes, state.form.gates())));
  binding->scratch_bytes = plan->ScratchBytes();
  binding->data = std::move(plan);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& plan = *static_cast<const kernels::RnnPlan*>(context.binding());
  const auto floats = [&](size_t i) {
    return context.HasInput(i) ? context.input(i).As<const float>() : nullptr;
  };
  const auto output = [&](size_t i) {
    return context.HasOutput(i) ? context.output(i).As<float>() : nullptr;
  };
  const auto fits = [&](size_t i, int64_t count) {
    return !context.HasInput(i) || context.input(i).count() == count;
  };
  const int64_t hidden = state.form.hidden, directions = state.form.directions;
  if (!fits(kBias, directions * 8 * hidden) || !fits(kLengths, plan.batch) ||
      !fits(kH, directions * plan.batch * hidden) || !fits(kC, directions * plan.batch * hidden) ||
      !fits(kPeephole, directions * 3 * hidden)) {
    return InvalidArgument("bias, lengths, states or peepholes do not fit X and the weights");
  }
  kernels::RnnCall<float> call;
  call.x = floats(0);
  call.lengths = context.HasInput(kLengths) ? context.input(kLengths).As<const int32_t>() : nullptr;
  for (int64_t b = 0; call.lengths != nullptr && b < plan.batch; ++b) {
    if (call.lengths[b] < 0 || call.lengths[b] > plan.steps) {
      return InvalidArgument(
          "Invalid value/s in sequence_lens. All values must be > 0 and < seq_length. seq_length={}",
          plan.steps);
    }
  }
  call.initial_h = floats(kH);
  call.initial_c = floats(kC);
  call.y = output(0);
  call.y_h = output(1);
  call.y_c = output(2);
  Packed own;
  if (state.packed == nullptr) {
    const auto input = [&](size_t i) -> const TensorRef& { return context.input(i); };
    ORTOLAN_RETURN_IF_ERROR(PackAll(state, input, context.threads(), &own));
  }
  const Packed& packed = state.packed != nullptr ? *state.packed : own;
  for (int64_t d = 0; d < directions; ++d) {
    kernels::RnnWeights<float>& weights = call.weights[d];
    weights.w_bytes = &packed.w[d].bytes;
    weights.r_bytes = &packed.r[d].bytes;
    if (context.HasInput(kBias)) weights.bias = floats(kBias) + d * 8 * hidden;
    if (context.HasInput(kPeephole)) weights.peephole = floats(kPeephole) + d * 3 * hidden;
  }
  kernels::RunRnn(plan, *state.gemm, *state.cells, call, context.scratch(), context.threads(), *state.serial);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  const int64_t hidden = context.node.attributes.Int("hidden_size", 0);
  ORTOLAN_ASSIGN_OR_RETURN(state->form, RecurrentFormOf(context.node, kernels::RnnCell::kLstm, hidden));
  if (context.node.HasInput(kPeephole)) state->form.fused = false;
  state->gemm = &kernels::SelectGemmF32(context.isa);
  state->cells = &kernels::SelectRnnF32(context.isa);
  state->bytes = &kernels::SelectBytes(context.isa);
  state->maps = &kernels::SelectByteMaps(context.isa);
  constexpr size_t kPacked[] = {1, 2, 8, 9, 10, 11};
  if (std::ranges::all_of(kPacked, [&](size_t i) { return context.Constant(i) != nullptr; })) {
    auto packed = std::make_unique<Packed>();
    const auto constant = [&](size_t i) -> const TensorRef& { return context.Constant(i)->ref(); };
    ORTOLAN_RETURN_IF_ERROR(PackAll(*state, constant, context.threads, packed.get()));
    state->packed = std::move(packed);
    prepared->consumed = 1u << 1 | 1u << 2 | 0xfu << 8;
  }
  prepared->kernel = fmt::format("rnn_bytes_{}", state->bytes->name);
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"W", "T2"},
                                       {"R", "T2"},
                                       {"B", "T", Arity::kOptional},
                                       {"sequence_lens", "T1", Arity::kOptional},
                                       {"initial_h", "T", Arity::kOptional},
                                       {"initial_c", "T", Arity::kOptional},
                                       {"P", "T", Arity::kOptional},
                                       {"W_scale", "T"},
                                       {"W_zero_point", "T2"},
                                       {"R_scale", "T"},
                                       {"R_zero_point", "T2"}};
constexpr FormalParameter kOutputs[] = {
    {"Y", "T", Arity::kOptional}, {"Y_h", "T", Arity::kOptional}, {"Y_c", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat)}, {"T1", SetOf(DType::kInt32)}, {"T2", SetOf(DType::kInt8, DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"activation_alpha", AttributeType::kFloats}, {"activation_beta", AttributeType::kFloats},
    {"activations", AttributeType::kStrings},     {"clip", AttributeType::kFloat},
    {"direction", AttributeType::kString},        {"hidden_size", AttributeType::kInt},
    {"input_forget", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsDynamicQuantizeLSTM;
constexpr OpDef kMsDynamicQuantizeLSTM{.domain = "com.microsoft",
                                       .name = "DynamicQuantizeLSTM",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
