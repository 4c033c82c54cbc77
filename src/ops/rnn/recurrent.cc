#include "ops/rnn/recurrent.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/aligned_buffer.h"
#include "ops/rnn/recurrent_form.h"

namespace ortolan {
namespace {

using kernels::RnnCell;
using kernels::RnnForm;

// Inputs: 0 X, 1 W, 2 R, 3 B, 4 sequence_lens, 5 initial_h, 6 initial_c, 7 P.
constexpr size_t kFloatInputs[] = {0, 1, 2, 3, 5, 6, 7};
constexpr size_t kMostInputs = 8;

struct State {
  RnnForm form;
  DType dtype;
  const kernels::GemmVariant* gemm;
  const kernels::RnnF32Variant* cells;
  WeightBlock packed;    // float weights of both directions, one after the other, where they are constant
  int64_t input = 0;     // of packed W
  int64_t w_floats = 0;  // of one direction
  int64_t r_floats = 0;
  int64_t r_last_floats = 0;
  bool w_packed = false;
  bool r_packed = false;
  std::unique_ptr<ThreadPool> serial = std::make_unique<ThreadPool>(1);
};

// The sizes of a run, checked against each other.
struct Sizes {
  int64_t steps, batch, input;
};

Status CheckDims(const char* what, const Dims& got, std::initializer_list<int64_t> expected) {
  if (got == Dims(expected)) return OkStatus();
  return InvalidArgument("Input {} must have shape {}. Actual:{}", what, DimsText(Dims(expected)),
                         DimsText(got));
}

Result<Sizes> CheckedSizes(const State& state, std::span<const Dims> inputs, uint32_t present) {
  const RnnForm& form = state.form;
  auto has = [&](size_t i) { return i < inputs.size() && (present >> i & 1) != 0; };
  const Dims& x = inputs[0];
  if (x.size() != 3) return InvalidArgument("Input X must have 3 dimensions only. Actual:{}", x.size());
  const Sizes sizes{x[form.batch_first ? 1 : 0], x[form.batch_first ? 0 : 1], x[2]};
  const int64_t directions = form.directions, hidden = form.hidden, gates = form.gates();
  if (state.w_packed && sizes.input != state.input) {
    return InvalidArgument("Input X must have {} features. Actual:{}", state.input, sizes.input);
  }
  // Packed weights were checked when they were packed.
  if (has(1) && !state.w_packed)
    ORTOLAN_RETURN_IF_ERROR(CheckDims("W", inputs[1], {directions, gates, sizes.input}));
  if (has(2) && !state.r_packed)
    ORTOLAN_RETURN_IF_ERROR(CheckDims("R", inputs[2], {directions, gates, hidden}));
  if (has(3)) ORTOLAN_RETURN_IF_ERROR(CheckDims("B", inputs[3], {directions, 2 * gates}));
  if (has(4)) ORTOLAN_RETURN_IF_ERROR(CheckDims("sequence_lens", inputs[4], {sizes.batch}));
  const char* const names[] = {"initial_h", "initial_c"};
  for (size_t i = 5; i < 7; ++i) {
    if (!has(i)) continue;
    const Status fits = form.batch_first
                            ? CheckDims(names[i - 5], inputs[i], {sizes.batch, directions, hidden})
                            : CheckDims(names[i - 5], inputs[i], {directions, sizes.batch, hidden});
    ORTOLAN_RETURN_IF_ERROR(Status(fits));
  }
  if (has(7)) ORTOLAN_RETURN_IF_ERROR(CheckDims("P", inputs[7], {directions, 3 * hidden}));
  // Every product that scratch is made of must be a size.
  const int64_t product[] = {sizes.steps, sizes.batch, gates, 64};
  if (!CheckedCount(product))
    return InvalidArgument("a recurrent layer of {} steps is too large", sizes.steps);
  return sizes;
}

// Half types are widened into scratch whole: they have no kernel of their own.
bool Widens(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

int64_t WidenedCount(const BindContext& context) {
  int64_t floats = 0;
  auto add = [&floats](const Dims& dims) { floats += (ElementCount(dims) + 15) / 16 * 16; };
  for (size_t i : kFloatInputs) {
    if (i < context.inputs.size()) add(context.inputs[i]);
  }
  for (const Dims& dims : context.outputs) add(dims);
  return floats;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  // Absent inputs have empty dims here as scalars have; scalars fail in the run's check.
  uint32_t present = 0;
  for (size_t i = 0; i < context.inputs.size(); ++i) present |= context.inputs[i].empty() ? 0u : 1u << i;
  ORTOLAN_ASSIGN_OR_RETURN(const Sizes sizes, CheckedSizes(state, context.inputs, present));
  const auto plan = std::make_shared<const kernels::RnnPlan>(
      state.dtype == DType::kDouble
          ? kernels::PlanRnn<double>(state.form, *state.gemm, sizes.steps, sizes.batch, sizes.input, false,
                                     false, context.threads)
          : kernels::PlanRnn<float>(state.form, *state.gemm, sizes.steps, sizes.batch, sizes.input,
                                    state.w_packed, state.r_packed, context.threads));
  binding->scratch_bytes = plan->ScratchBytes();
  if (Widens(state.dtype))
    binding->scratch_bytes += static_cast<size_t>(WidenedCount(context)) * sizeof(float);
  binding->data = plan;
  return OkStatus();
}

// Pointers of a run, by formal position; widened where needed.
template <typename T>
struct Pointers {
  const T* inputs[kMostInputs] = {};
  T* outputs[3] = {};
};

template <typename T>
kernels::RnnCall<T> CallOf(const State& state, const kernels::RnnPlan& plan, const Pointers<T>& pointers,
                           const int32_t* lengths) {
  const RnnForm& form = state.form;
  kernels::RnnCall<T> call;
  call.x = pointers.inputs[0];
  call.lengths = lengths;
  call.initial_h = pointers.inputs[5];
  call.initial_c = pointers.inputs[6];
  call.y = pointers.outputs[0];
  call.y_h = pointers.outputs[1];
  call.y_c = pointers.outputs[2];
  for (int64_t d = 0; d < form.directions; ++d) {
    kernels::RnnWeights<T>& weights = call.weights[d];
    if (pointers.inputs[1] != nullptr) weights.w = pointers.inputs[1] + d * form.gates() * plan.input;
    if (pointers.inputs[2] != nullptr) {
      weights.r = pointers.inputs[2] + d * form.gates() * form.hidden;
      weights.r_last = weights.r + 2 * form.hidden * form.hidden * (form.two_products() ? 1 : 0);
    }
    if (pointers.inputs[3] != nullptr) weights.bias = pointers.inputs[3] + d * 2 * form.gates();
    if (pointers.inputs[7] != nullptr) weights.peephole = pointers.inputs[7] + d * 3 * form.hidden;
    if constexpr (std::is_same_v<T, float>) {
      const float* packed = reinterpret_cast<const float*>(state.packed.data());
      const float* own = packed + d * (state.w_floats + state.r_floats + state.r_last_floats);
      weights.w_packed = state.w_packed;
      weights.r_packed = state.r_packed;
      if (state.w_packed) weights.w = own;
      if (state.r_packed) {
        weights.r = own + state.w_floats;
        weights.r_last = own + state.w_floats + state.r_floats;
      }
    }
  }
  return call;
}

template <typename T>
void Gather(RunContext& context, Pointers<T>* pointers) {
  for (size_t i : kFloatInputs) {
    if (context.HasInput(i)) pointers->inputs[i] = context.input(i).As<const T>();
  }
  for (size_t i = 0; i < 3; ++i) {
    if (context.HasOutput(i)) pointers->outputs[i] = context.output(i).As<T>();
  }
}

template <typename Half>
void Widen(RunContext& context, float* memory, Pointers<float>* pointers) {
  auto take = [&memory](int64_t count) {
    float* at = memory;
    memory += (count + 15) / 16 * 16;
    return at;
  };
  for (size_t i : kFloatInputs) {
    if (!context.HasInput(i)) continue;
    const auto items = context.input(i).Items<Half>();
    float* to = take(static_cast<int64_t>(items.size()));
    for (size_t k = 0; k < items.size(); ++k) to[k] = static_cast<float>(items[k]);
    pointers->inputs[i] = to;
  }
  for (size_t i = 0; i < 3; ++i) {
    if (context.HasOutput(i)) pointers->outputs[i] = take(context.output(i).count());
  }
}

template <typename Half>
void Narrow(RunContext& context, const Pointers<float>& pointers) {
  for (size_t i = 0; i < 3; ++i) {
    if (!context.HasOutput(i)) continue;
    const auto items = context.output(i).Items<Half>();
    for (size_t k = 0; k < items.size(); ++k) items[k] = Half(pointers.outputs[i][k]);
  }
}

Status CheckRun(const State& state, RunContext& context, const kernels::RnnPlan& plan) {
  std::array<Dims, kMostInputs> dims;
  uint32_t present = 0;
  for (size_t i = 0; i < std::min(context.input_count(), kMostInputs); ++i) {
    if (!context.HasInput(i)) continue;
    present |= 1u << i;
    dims[i] = context.input(i).dims;
  }
  ORTOLAN_RETURN_IF_ERROR(CheckedSizes(state, dims, present).status());
  if (!context.HasInput(4)) return OkStatus();
  for (int32_t length : context.input(4).Items<int32_t>()) {
    if (length < 0 || length > plan.steps) {
      return InvalidArgument(
          "Invalid value/s in sequence_lens. All values must be > 0 and < seq_length. seq_length={}",
          plan.steps);
    }
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& plan = *static_cast<const kernels::RnnPlan*>(context.binding());
  ORTOLAN_RETURN_IF_ERROR(CheckRun(state, context, plan));
  const int32_t* lengths = context.HasInput(4) ? context.input(4).As<int32_t>() : nullptr;
  if (state.dtype == DType::kDouble) {
    Pointers<double> pointers;
    Gather(context, &pointers);
    kernels::RunRnn(plan, *state.gemm, *state.cells, CallOf(state, plan, pointers, lengths),
                    context.scratch(), context.threads(), *state.serial);
    return OkStatus();
  }
  Pointers<float> pointers;
  float* wide = reinterpret_cast<float*>(context.scratch() + plan.ScratchBytes());
  if (state.dtype == DType::kFloat) Gather(context, &pointers);
  if (state.dtype == DType::kFloat16) Widen<Float16>(context, wide, &pointers);
  if (state.dtype == DType::kBFloat16) Widen<BFloat16>(context, wide, &pointers);
  kernels::RunRnn(plan, *state.gemm, *state.cells, CallOf(state, plan, pointers, lengths), context.scratch(),
                  context.threads(), *state.serial);
  if (state.dtype == DType::kFloat16) Narrow<Float16>(context, pointers);
  if (state.dtype == DType::kBFloat16) Narrow<BFloat16>(context, pointers);
  return OkStatus();
}

// Rows [first, first + rows) of the weights of every direction, [rows][k], to the GEMM's panels, which stand
// at `packed` for the first direction. `ordered`: room for them in blocks of gates, where that is their form.
void PackRows(const State& state, const float* weights, int64_t first, int64_t rows, int64_t k,
              std::byte* ordered, float* packed, ThreadPool& threads) {
  const int64_t stride = state.w_floats + state.r_floats + state.r_last_floats;
  const auto row_bytes = static_cast<size_t>(k) * sizeof(float);
  for (int64_t d = 0; d < state.form.directions; ++d) {
    kernels::GemmMatrix matrix;
    matrix.data = weights + (d * state.form.gates() + first) * k;
    if (state.form.gate_block > 0) {
      const auto* from = static_cast<const std::byte*>(matrix.data);
      for (int64_t i = 0; i < rows; ++i) {
        const auto row = static_cast<size_t>(kernels::RowInGates(state.form, i));
        std::memcpy(ordered + static_cast<size_t>(i) * row_bytes, from + row * row_bytes, row_bytes);
      }
      matrix.data = ordered;
    }
    matrix.row_stride = 1;
    matrix.column_stride = k;
    kernels::PackGemmB(*state.gemm, matrix, k, rows, 1.0f, packed + d * stride, threads);
  }
}

Status PackWeights(PrepareContext& context, State* state, uint32_t* consumed) {
  RnnForm& form = state->form;
  const Tensor* w = context.Constant(1);
  const Tensor* r = context.Constant(2);
  const int64_t recurrent = form.two_products() ? 2 * form.hidden : form.gates();
  if (w != nullptr) {
    if (w->dims().size() != 3)
      return InvalidArgument("Input W must have 3 dimensions. Actual:{}", w->dims().size());
    state->input = w->dims()[2];
    ORTOLAN_RETURN_IF_ERROR(CheckDims("W", w->dims(), {form.directions, form.gates(), state->input}));
    state->w_floats = (kernels::PackedGemmBFloats(*state->gemm, state->input, form.gates()) + 15) / 16 * 16;
    state->w_packed = true;
  }
  if (r != nullptr) {
    ORTOLAN_RETURN_IF_ERROR(CheckDims("R", r->dims(), {form.directions, form.gates(), form.hidden}));
    state->r_floats = (kernels::PackedGemmBFloats(*state->gemm, form.hidden, recurrent) + 15) / 16 * 16;
    if (form.two_products()) {
      state->r_last_floats =
          (kernels::PackedGemmBFloats(*state->gemm, form.hidden, form.hidden) + 15) / 16 * 16;
    }
    state->r_packed = true;
  }
  AlignedBuffer ordered;
  if (w != nullptr && r != nullptr) form.gate_block = kernels::GateBlock(form, *state->gemm, *state->cells);
  if (form.gate_block > 0) {
    const int64_t longest = std::max(state->input, form.hidden);
    ORTOLAN_ASSIGN_OR_RETURN(
        ordered, AlignedBuffer::Allocate(static_cast<size_t>(form.gates() * longest) * sizeof(float)));
  }
  const int64_t floats = form.directions * (state->w_floats + state->r_floats + state->r_last_floats);
  const auto pack = [&](float* to) {
    if (w != nullptr) {
      const auto* weights = static_cast<const float*>(w->source());
      PackRows(*state, weights, 0, form.gates(), state->input, ordered.data(), to, context.threads);
    }
    if (r == nullptr) return;
    const auto* weights = static_cast<const float*>(r->source());
    PackRows(*state, weights, 0, recurrent, form.hidden, ordered.data(), to + state->w_floats,
             context.threads);
    if (form.two_products()) {
      PackRows(*state, weights, 2 * form.hidden, form.hidden, form.hidden, nullptr,
               to + state->w_floats + state->r_floats, context.threads);
    }
  };
  ORTOLAN_ASSIGN_OR_RETURN(state->packed, context.packing().TakeFloats(floats, pack));
  if (w != nullptr) *consumed |= 1u << 1;
  if (r != nullptr) *consumed |= 1u << 2;
  return OkStatus();
}

}  // namespace

Status RaiseRecurrent(RaiseContext& context) {
  // Whether Y is given is told by the node's outputs since opset 7.
  context.node.attributes.Remove("output_sequence");
  return OkStatus();
}

Status InferRecurrent(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 3) return Fail("[ShapeInferenceError] First input tensor must have rank 3");
  const bool batch_first = context.attributes().Int("layout", 0) != 0;
  const graph::Dim steps = x[batch_first ? 1 : 0], batch = x[batch_first ? 0 : 1];
  graph::Dim hidden;
  if (context.attributes().Has("hidden_size")) {
    hidden = context.attributes().Int("hidden_size", 0);
  } else if (context.shape(2).has_rank() && context.shape(2).rank() == 3) {
    hidden = context.shape(2)[2];
  } else {
    hidden = context.Unknown();
  }
  const int64_t directions = context.attributes().String("direction", "forward") == "bidirectional" ? 2 : 1;
  const graph::Shape state =
      batch_first ? graph::Shape{batch, directions, hidden} : graph::Shape{directions, batch, hidden};
  context.SetShape(0, batch_first ? graph::Shape{batch, steps, directions, hidden}
                                  : graph::Shape{steps, directions, batch, hidden});
  context.SetShape(1, state);
  context.SetShape(2, state);
  return OkStatus();
}

Cost CostOfRecurrent(const graph::Node& node, const BindContext& shapes, RnnCell cell) {
  const double hidden = static_cast<double>(node.attributes.Int("hidden_size", 0));
  if (shapes.inputs.empty() || shapes.inputs[0].size() != 3) return {};
  const Dims& x = shapes.inputs[0];
  const double rows = static_cast<double>(x[0] * x[1]);
  const double directions = node.attributes.String("direction", "forward") == "bidirectional" ? 2 : 1;
  const double gates = static_cast<double>(kernels::GatesOf(cell)) * hidden;
  const double weights = directions * gates * (static_cast<double>(x[2]) + hidden);
  return {2 * rows * weights,
          4 * (weights + rows * (static_cast<double>(x[2]) + directions * (gates + hidden)))};
}

Status PrepareRecurrent(PrepareContext& context, RnnCell cell, Prepared* prepared) {
  auto state = std::make_shared<State>();
  state->dtype = context.input_dtype(0);
  if (!Contains(kFloatTypes, state->dtype)) {
    return NotImplemented("{} of {}", context.node.op_type, DTypeName(state->dtype));
  }
  int64_t hidden = 0;
  if (context.node.HasInput(2) && context.node.input(2)->shape.has_rank() &&
      context.node.input(2)->shape.rank() == 3) {
    const graph::Dim dim = context.node.input(2)->shape[2];
    if (dim.IsConstant()) hidden = dim.constant();
  }
  ORTOLAN_ASSIGN_OR_RETURN(state->form, RecurrentFormOf(context.node, cell, hidden));
  state->gemm = &kernels::SelectGemmF32(context.isa);
  state->cells = &kernels::SelectRnnF32(context.isa);
  if (state->dtype == DType::kFloat) {
    ORTOLAN_RETURN_IF_ERROR(PackWeights(context, state.get(), &prepared->consumed));
  }
  prepared->kernel = state->dtype == DType::kFloat && state->form.fused ? state->cells->name : "rnn_plain";
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

}  // namespace ortolan
