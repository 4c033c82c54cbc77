#include "ops/nn/conv_transpose_spec.h"

#include <algorithm>

#include "kernels/conv/transposed.h"

namespace ortolan::nn {

using graph::Dim;
using graph::Shape;

namespace {

// Rank and channel checks on what is known.
Status Check(const ConvTransposeSpec& spec, const Shape& x, const Shape& w) {
  if (x.rank() < 3)
    return InvalidArgument("the input X has rank {}, expected at least 3: N x C x D1 ...", x.rank());
  if (w.rank() != x.rank())
    return InvalidArgument("the weight W has rank {}, expected {}, the rank of X", w.rank(), x.rank());
  const size_t axes = static_cast<size_t>(x.rank()) - 2;
  auto check = [&](const Dims& list, const char* name, size_t count, size_t other) -> Status {
    if (list.empty() || list.size() == count || list.size() == other) return OkStatus();
    return InvalidArgument("attribute {} has {} numbers, expected {}", name, list.size(), count);
  };
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.kernel, "kernel_shape", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.strides, "strides", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.dilations, "dilations", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.pads, "pads", 2 * axes, 2 * axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.output_padding, "output_padding", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(
      check(spec.output_shape, "output_shape", axes, axes + 2));  // opset 1 allowed N and C in front
  if (x[1].IsConstant() && w[0].IsConstant() && !(x[1] == w[0])) {
    return InvalidArgument(
        "filter number not equal to input channel number. filter_number: {} num_input_channels: {}",
        w[0].constant(), x[1].constant());
  }
  if (x[1].IsConstant() && x[1].constant() % spec.groups != 0) {
    return InvalidArgument("Input channels is not divisible by group. input channels: {} group: {}",
                           x[1].constant(), spec.groups);
  }
  return OkStatus();
}

int64_t At(const Dims& list, size_t i, int64_t otherwise) {
  return list.empty() ? otherwise : list[i];
}

// One axis: stride * (in - 1) + output_padding + reach, before padding is taken away.
template <typename Size>
Size FullSize(const ConvTransposeSpec& spec, size_t axis, Size in, Size kernel) {
  const Size one(1), stride(At(spec.window.strides, axis, 1)), dilation(At(spec.window.dilations, axis, 1));
  return stride * (in - one) + Size(At(spec.output_padding, axis, 0)) + (kernel - one) * dilation + one;
}

// What the attributes say of the output's size, or nothing where it follows from the padding.
template <typename Size>
std::optional<Size> GivenSize(const ConvTransposeSpec& spec, size_t axis, size_t axes, Size in) {
  if (!spec.output_shape.empty()) return Size(spec.output_shape[spec.output_shape.size() - axes + axis]);
  const AutoPad mode = spec.window.auto_pad;
  if (mode != AutoPad::kSameUpper && mode != AutoPad::kSameLower) return std::nullopt;
  return in * Size(At(spec.window.strides, axis, 1));
}

int64_t PadSum(const ConvTransposeSpec& spec, size_t axis, size_t axes) {
  if (spec.window.auto_pad == AutoPad::kValid || spec.window.pads.empty()) return 0;
  return spec.window.pads[axis] + spec.window.pads[axes + axis];
}

}  // namespace

Result<ConvTransposeSpec> ReadConvTranspose(const graph::Attributes& attributes) {
  ConvTransposeSpec spec;
  ORTOLAN_ASSIGN_OR_RETURN(spec.window, ReadWindow(attributes, false));
  spec.groups = attributes.Int("group", 1);
  if (spec.groups < 1 || spec.groups > INT32_MAX) {
    return InvalidArgument("attribute group is {}, expected at least 1", spec.groups);
  }
  spec.output_padding = Dims(attributes.Ints("output_padding"));
  spec.output_shape = Dims(attributes.Ints("output_shape"));
  for (int64_t item : spec.output_padding) {
    if (item < 0 || item > INT32_MAX) return InvalidArgument("attribute output_padding has {}", item);
  }
  for (int64_t item : spec.output_shape) {
    if (item < 0 || item > INT32_MAX) return InvalidArgument("attribute output_shape has {}", item);
  }
  return spec;
}

Result<Shape> ConvTransposeOutput(const ConvTransposeSpec& spec, const Shape& x, const Shape& w) {
  ORTOLAN_RETURN_IF_ERROR(Check(spec, x, w));
  Shape::DimList dims = {x[0], w[1] * Dim(spec.groups)};
  const size_t axes = static_cast<size_t>(x.rank()) - 2;
  for (size_t i = 0; i < axes; ++i) {
    const auto given = GivenSize<Dim>(spec, i, axes, x[i + 2]);
    dims.push_back(given ? *given : FullSize<Dim>(spec, i, x[i + 2], w[i + 2]) - Dim(PadSum(spec, i, axes)));
    if (dims.back().IsConstant() && dims.back().constant() < 0) {
      return InvalidArgument("axis {}: the padding takes away more than the output", i + 2);
    }
  }
  return Shape(std::move(dims));
}

kernels::Window StepsOf(const ConvTransposeSpec& spec, const Dims& w) {
  kernels::Window window;
  const auto at = [](const Dims& list, size_t i) { return i < list.size() ? list[i] : 1; };
  for (size_t i = 2; i < w.size(); ++i) {
    const size_t axis = kernels::kSpatialAxes - w.size() + i;
    window.kernel[axis] = w[i];
    window.stride[axis] = at(spec.window.strides, i - 2);
    window.dilation[axis] = at(spec.window.dilations, i - 2);
  }
  return window;
}

Result<kernels::ConvShape> BindConvTranspose(const ConvTransposeSpec& spec, const Dims& x, const Dims& w,
                                             const Dims& bias) {
  ORTOLAN_RETURN_IF_ERROR(Check(spec, Shape::OfConstants(x), Shape::OfConstants(w)));
  const size_t axes = x.size() - 2;
  if (axes > kernels::kSpatialAxes) return NotImplemented("{} spatial axes, at most 3 are supported", axes);
  kernels::ConvShape shape{x[0], spec.groups, w[1] * spec.groups, x[1], {}};
  for (size_t i = 0; i < axes; ++i) {
    const size_t a = kernels::kSpatialAxes - axes + i;
    const int64_t in = x[i + 2], kernel = w[i + 2];
    if (in > INT32_MAX || kernel > INT32_MAX || kernel < 1)
      return InvalidArgument("a size of {} or {} is out of range", in, kernel);
    const auto full = FullSize<int64_t>(spec, i, in, kernel);
    const auto given = GivenSize<int64_t>(spec, i, axes, in);
    kernels::Window& window = shape.window;
    window.out[a] = in;
    window.kernel[a] = kernel;
    window.stride[a] = At(spec.window.strides, i, 1);
    window.dilation[a] = At(spec.window.dilations, i, 1);
    if (given) {
      const int64_t total = std::max<int64_t>(0, full - *given);
      window.in[a] = *given;
      window.pad[a] = spec.window.auto_pad == AutoPad::kSameUpper ? total / 2 : total - total / 2;
    } else {
      window.in[a] = full - PadSum(spec, i, axes);
      window.pad[a] = PadSum(spec, i, axes) == 0 && spec.window.pads.empty() ? 0 : At(spec.window.pads, i, 0);
      if (spec.window.auto_pad == AutoPad::kValid) window.pad[a] = 0;
    }
    if (window.in[a] < 0 || window.in[a] > INT32_MAX)
      return InvalidArgument("axis {}: an output of {} is impossible", i + 2, window.in[a]);
  }
  if (!bias.empty() && bias != Dims{shape.in_channels}) {
    return InvalidArgument("the bias B has shape {}, expected {{{}}}", DimsText(bias), shape.in_channels);
  }
  return shape;
}

BlockedSources TransposedSourcesOf(Isa isa, const ConvTransposeSpec& spec, const Dims& w) {
  if (!KernelOf(w) || w[0] % spec.groups != 0 || w[1] == 0 || !kernels::HasFewPhases(StepsOf(spec, w)))
    return {};
  const kernels::ConvVariant& variant = *kernels::ConvVariants(isa)[0];
  const auto fits = [&](kernels::ConvLayout layout) {
    return kernels::MergedGroups(variant, layout, spec.groups, w[0] / spec.groups, w[1]) != 0;
  };
  return {fits(kernels::ConvLayout::kBlocked), fits(kernels::ConvLayout::kPlanar)};
}

}  // namespace ortolan::nn
