#include "ops/quant/integer_conv.h"

#include <algorithm>
#include <vector>

namespace ortolan::quant {
namespace {

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);

size_t Padded(int64_t elements, size_t width) {
  return (static_cast<size_t>(elements) * width + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

int16_t ZeroAt(const TensorRef& zeros, int64_t i) {
  return zeros.dtype == DType::kInt8 ? zeros.As<const int8_t>()[i] : zeros.As<const uint8_t>()[i];
}

Status WidenKernels(const TensorRef& w, const TensorRef* zeros, int16_t* to) {
  const int64_t maps = w.dims[0];
  if (zeros != nullptr && zeros->count() != 1 && zeros->count() != maps) {
    return InvalidArgument("the zero point of W has shape {}, expected one element or {}",
                           DimsText(zeros->dims), maps);
  }
  const int64_t length = maps == 0 ? 0 : w.count() / maps;
  for (int64_t map = 0; map < maps; ++map) {
    const int16_t zero = zeros == nullptr ? int16_t{0} : ZeroAt(*zeros, zeros->count() == 1 ? 0 : map);
    kernels::WidenElements(w.As<const std::byte>() + map * length, w.dtype == DType::kInt8, length, zero,
                           to + map * length);
  }
  return OkStatus();
}

// The window of one output position: group_in x kernel numbers, zero where it leaves the map.
template <typename T>
void GatherWindow(const kernels::ConvShape& shape, const T* x, int16_t zero, const int64_t (&at)[3],
                  int16_t* to) {
  const kernels::Window& window = shape.window;
  const int64_t kernel_size = window.kernel_size();
  std::fill_n(to, shape.group_in() * kernel_size, int16_t{0});
  const kernels::IndexRange planes = kernels::LiveTaps(window, 0, at[0]);
  const kernels::IndexRange rows = kernels::LiveTaps(window, 1, at[1]);
  const kernels::IndexRange columns = kernels::LiveTaps(window, 2, at[2]);
  for (int64_t channel = 0; channel < shape.group_in(); ++channel) {
    const T* map = x + channel * window.in_size();
    int16_t* taps = to + channel * kernel_size;
    for (int64_t kd = planes.begin; kd < planes.end; ++kd) {
      const int64_t d = at[0] * window.stride[0] - window.pad[0] + kd * window.dilation[0];
      for (int64_t kh = rows.begin; kh < rows.end; ++kh) {
        const int64_t h = at[1] * window.stride[1] - window.pad[1] + kh * window.dilation[1];
        const T* row = map + (d * window.in[1] + h) * window.in[2];
        int16_t* tap = taps + (kd * window.kernel[1] + kh) * window.kernel[2];
        const int64_t left = at[2] * window.stride[2] - window.pad[2];
        for (int64_t kw = columns.begin; kw < columns.end; ++kw)
          tap[kw] = static_cast<int16_t>(row[left + kw * window.dilation[2]] - zero);
      }
    }
  }
}

template <typename T>
void GatherWindows(const kernels::ConvShape& shape, const T* x, int16_t zero, int16_t* to,
                   ThreadPool& threads) {
  const kernels::Window& window = shape.window;
  const int64_t length = shape.group_in() * window.kernel_size();
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(length, 1));
  threads.ParallelRanges(window.out_size(), grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t at[3] = {i / (window.out[1] * window.out[2]), i / window.out[2] % window.out[1],
                             i % window.out[2]};
      GatherWindow(shape, x, zero, at, to + i * length);
    }
  });
}

// Packs constant kernels for the 8-bit products where those take them.
Status PackBytesOf(const PrepareContext& context, const Tensor& w, const Tensor* zeros, IntegerConv* state) {
  const std::optional<nn::KernelSizes> kernel = nn::KernelOf(w.dims());
  const int64_t maps = w.dims()[0];
  if (!kernel || w.count() == 0 || (zeros != nullptr && zeros->count() != 1 && zeros->count() != maps))
    return OkStatus();
  std::vector<int32_t> w_zero;
  for (int64_t i = 0; zeros != nullptr && i < maps; ++i)
    w_zero.push_back(ZeroAt(zeros->ref(), zeros->count() == 1 ? 0 : i));
  kernels::ByteConvWeights weights;
  weights.w = w.data();
  weights.w_signed = w.dtype() == DType::kInt8;
  weights.w_zero = zeros != nullptr ? w_zero.data() : nullptr;
  weights.groups = state->spec.groups;
  weights.in_channels = w.dims()[1] * state->spec.groups;
  weights.out_channels = maps;
  for (size_t axis = 0; axis < kernels::kSpatialAxes; ++axis) weights.kernel[axis] = kernel->sizes[axis];
  const auto dilations = context.node.attributes.Ints("dilations");
  weights.dilation_w = dilations.empty() ? 1 : dilations.back();
  weights.x_signed = context.input_dtype(state->inputs.x) == DType::kInt8;
  weights.x_planar = true;
  if (!kernels::TakesByteSums(weights)) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(
      state->bytes, kernels::PackByteConv(kernels::SelectBytes(context.isa), weights, context.threads));
  return OkStatus();
}

}  // namespace

Status InferIntegerConv(InferContext& context, size_t x, size_t w) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(context.attributes()));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape,
                           nn::ConvOutput(spec, context.shape(x), context.shape(w), context.Unknown()));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Status PrepareIntegerConv(PrepareContext& context, const ConvInputs& inputs, IntegerConv* state,
                          Prepared* prepared) {
  const DType x = context.input_dtype(inputs.x), w = context.input_dtype(inputs.w);
  if (!Contains(kBytes, x) || !Contains(kBytes, w)) {
    return NotImplemented("{} of {} and {}", context.node.op_type, DTypeName(x), DTypeName(w));
  }
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadConv(context.node.attributes));
  state->inputs = inputs;
  state->variant = &kernels::SelectIntegerProduct(context.isa);
  prepared->kernel = state->variant->name;
  const Tensor* constant = context.Constant(inputs.w);
  const Tensor* zeros = context.Constant(inputs.w_zero);
  if (constant == nullptr || constant->dims().empty()) return OkStatus();
  if (zeros == nullptr && context.node.HasInput(inputs.w_zero)) return OkStatus();
  ORTOLAN_RETURN_IF_ERROR(PackBytesOf(context, *constant, zeros, state));
  if (state->bytes) {
    prepared->kernel = fmt::format("byte_conv_sums_{}", state->bytes->variant->name);
    prepared->consumed = 1u << inputs.w;
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(state->packed_w,
                           AlignedBuffer::Allocate(Padded(constant->count(), sizeof(int16_t))));
  ORTOLAN_RETURN_IF_ERROR(WidenKernels(constant->ref(), zeros != nullptr ? &zeros->ref() : nullptr,
                                       reinterpret_cast<int16_t*>(state->packed_w.data())));
  prepared->consumed = 1u << inputs.w;
  return OkStatus();
}

Status BindIntegerConv(const IntegerConv& state, const BindContext& context, const Dims& bias,
                       IntegerConvBinding* binding) {
  const Dims& w = context.inputs[state.inputs.w];
  ORTOLAN_ASSIGN_OR_RETURN(binding->shape, nn::BindConv(state.spec, context.inputs[state.inputs.x], w, bias));
  const kernels::ConvShape& shape = binding->shape;
  if (state.bytes) {
    binding->sums_offset = Padded(static_cast<int64_t>(kernels::ByteSumsScratch(*state.bytes, shape)), 1);
    binding->scratch_bytes =
        binding->sums_offset + Padded(shape.out_channels * shape.window.out_size(), sizeof(int32_t));
    return OkStatus();
  }
  const int64_t length = shape.group_in() * shape.window.kernel_size();
  binding->w_offset = Padded(shape.window.out_size() * length, sizeof(int16_t));
  binding->sums_offset =
      binding->w_offset + (state.packed_w.size() > 0 ? 0 : Padded(ElementCount(w), sizeof(int16_t)));
  binding->scratch_bytes =
      binding->sums_offset + Padded(shape.group_out() * shape.window.out_size(), sizeof(int32_t));
  return OkStatus();
}

Status RunIntegerConv(const IntegerConv& state, const IntegerConvBinding& binding, RunContext& context,
                      FunctionRef<int32_t*(int64_t map)> sums, FunctionRef<void(int64_t map)> done) {
  const kernels::ConvShape& shape = binding.shape;
  const TensorRef& x = context.input(state.inputs.x);
  int16_t zero = 0;
  if (context.HasInput(state.inputs.x_zero)) {
    const TensorRef& zeros = context.input(state.inputs.x_zero);
    if (zeros.count() != 1)
      return InvalidArgument("the zero point of x has shape {}, expected one element", DimsText(zeros.dims));
    zero = ZeroAt(zeros, 0);
  }
  if (state.bytes) {
    kernels::ConvShape one = shape;
    one.batch = 1;
    for (int64_t item = 0; item < shape.batch; ++item) {
      const int64_t map = item * shape.out_channels;
      kernels::RunByteSums(*state.bytes, one,
                           x.As<const uint8_t>() + item * shape.in_channels * shape.window.in_size(), zero,
                           sums(map), context.scratch(), context.threads());
      done(map);
    }
    return OkStatus();
  }
  auto* windows = reinterpret_cast<int16_t*>(context.scratch());
  const auto* w = reinterpret_cast<const int16_t*>(state.packed_w.data());
  if (state.packed_w.size() == 0) {
    auto* made = reinterpret_cast<int16_t*>(context.scratch() + binding.w_offset);
    const TensorRef* zeros =
        context.HasInput(state.inputs.w_zero) ? &context.input(state.inputs.w_zero) : nullptr;
    ORTOLAN_RETURN_IF_ERROR(WidenKernels(context.input(state.inputs.w), zeros, made));
    w = made;
  }
  const int64_t out = shape.window.out_size(), length = shape.group_in() * shape.window.kernel_size();
  for (int64_t item = 0; item < shape.batch * shape.groups; ++item) {
    const int64_t group = item % shape.groups;
    const int64_t from = item * shape.group_in() * shape.window.in_size();
    if (x.dtype == DType::kInt8) {
      GatherWindows(shape, x.As<const int8_t>() + from, zero, windows, context.threads());
    } else {
      GatherWindows(shape, x.As<const uint8_t>() + from, zero, windows, context.threads());
    }
    const int64_t map = item * shape.group_out();
    kernels::IntegerProduct(*state.variant, w + group * shape.group_out() * length, windows,
                            shape.group_out(), out, length, sums(map), out, context.threads());
    done(map);
  }
  return OkStatus();
}

}  // namespace ortolan::quant
