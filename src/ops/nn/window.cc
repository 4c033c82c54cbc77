#include "ops/nn/window.h"

#include <algorithm>

namespace ortolan::nn {
namespace {

using graph::Dim;

constexpr int64_t kLargest = int64_t{1} << 31;  // of any size, so that products of two fit in int64

Status CheckList(std::span<const int64_t> list, const char* name, int64_t lowest) {
  for (int64_t item : list) {
    if (item < lowest || item > kLargest) {
      return InvalidArgument("attribute {} has {}, expected {} to {}", name, item, lowest, kLargest);
    }
  }
  return OkStatus();
}

Status CheckRank(const WindowSpec& spec, size_t rank) {
  auto check = [&](const Dims& list, const char* name, size_t each) -> Status {
    if (list.empty() || list.size() == each * rank) return OkStatus();
    return InvalidArgument("attribute {} has {} numbers, expected {} for {} spatial axes", name, list.size(),
                           each * rank, rank);
  };
  ORTOLAN_RETURN_IF_ERROR(check(spec.kernel, "kernel_shape", 1));
  ORTOLAN_RETURN_IF_ERROR(check(spec.strides, "strides", 1));
  ORTOLAN_RETURN_IF_ERROR(check(spec.dilations, "dilations", 1));
  return check(spec.pads, "pads", 2);
}

int64_t At(const Dims& list, size_t i, int64_t otherwise) {
  return list.empty() ? otherwise : list[i];
}

// A size as a Dim: the same arithmetic as BindAxis.
Dim AxisOutput(const WindowSpec& spec, size_t axis, size_t rank, Dim in, Dim kernel) {
  const Dim stride = At(spec.strides, axis, 1);
  const Dim reach = (kernel - Dim(1)) * Dim(At(spec.dilations, axis, 1)) + Dim(1);
  if (spec.auto_pad == AutoPad::kSameUpper || spec.auto_pad == AutoPad::kSameLower)
    return Dim::CeilDiv(in, stride);
  int64_t pad = 0, pad_end = 0;
  if (spec.auto_pad == AutoPad::kNotSet) {
    pad = At(spec.pads, axis, 0);
    pad_end = spec.pads.empty() ? 0 : spec.pads[rank + axis];
  }
  const Dim room = in + Dim(pad + pad_end) - reach;
  if (!spec.ceil_mode) return Dim::FloorDiv(room, stride) + Dim(1);
  // A last window that would start in the padding behind the input does not count.
  return Dim::Min(Dim::CeilDiv(room, stride) + Dim(1), Dim::CeilDiv(in + Dim(pad), stride));
}

}  // namespace

Result<WindowSpec> ReadWindow(const graph::Attributes& attributes, bool pool) {
  WindowSpec spec;
  const std::string_view auto_pad = attributes.String("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER") {
    spec.auto_pad = AutoPad::kSameUpper;
  } else if (auto_pad == "SAME_LOWER") {
    spec.auto_pad = AutoPad::kSameLower;
  } else if (auto_pad == "VALID") {
    spec.auto_pad = AutoPad::kValid;
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    return InvalidArgument("attribute auto_pad is \"{}\", expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                           auto_pad);
  }
  spec.ceil_mode = attributes.Int("ceil_mode", 0) != 0;
  spec.kernel = Dims(attributes.Ints("kernel_shape"));
  spec.strides = Dims(attributes.Ints("strides"));
  spec.dilations = Dims(attributes.Ints("dilations"));
  spec.pads = Dims(attributes.Ints("pads"));
  ORTOLAN_RETURN_IF_ERROR(CheckList(spec.kernel, "kernel_shape", 1));
  ORTOLAN_RETURN_IF_ERROR(CheckList(spec.strides, "strides", 1));
  ORTOLAN_RETURN_IF_ERROR(CheckList(spec.dilations, "dilations", 1));
  ORTOLAN_RETURN_IF_ERROR(CheckList(spec.pads, "pads", pool ? 0 : -kLargest));
  if (pool) {
    if (spec.kernel.empty()) return InvalidArgument("attribute kernel_shape is missing");
    ORTOLAN_RETURN_IF_ERROR(CheckRank(spec, spec.kernel.size()));
  }
  return spec;
}

Result<graph::Shape::DimList> WindowOutputs(const WindowSpec& spec, std::span<const Dim> in,
                                            std::span<const Dim> kernel) {
  if (in.size() != kernel.size()) {
    return InvalidArgument("the input has {} spatial axes, the kernel {}", in.size(), kernel.size());
  }
  ORTOLAN_RETURN_IF_ERROR(CheckRank(spec, in.size()));
  graph::Shape::DimList out;
  for (size_t i = 0; i < in.size(); ++i) {
    out.push_back(AxisOutput(spec, i, in.size(), in[i], kernel[i]));
    if (out.back().IsConstant() && out.back().constant() < 0) {
      return InvalidArgument("axis {}: a kernel of {} does not fit in an input of {} with its padding", i + 2,
                             DimText(kernel[i]), DimText(in[i]));
    }
  }
  return out;
}

AxisWindow BindAxis(const WindowSpec& spec, size_t axis, size_t rank, int64_t in, int64_t kernel) {
  const int64_t stride = At(spec.strides, axis, 1);
  const int64_t reach = (kernel - 1) * At(spec.dilations, axis, 1) + 1;
  if (spec.auto_pad == AutoPad::kSameUpper || spec.auto_pad == AutoPad::kSameLower) {
    const int64_t out = kernels::CeilDiv(in, stride);
    const int64_t total = std::max<int64_t>(0, (out - 1) * stride + reach - in);
    const int64_t before = spec.auto_pad == AutoPad::kSameUpper ? total / 2 : (total + 1) / 2;
    return {out, before, total - before};
  }
  AxisWindow window{0, 0, 0};
  if (spec.auto_pad == AutoPad::kNotSet && !spec.pads.empty()) {
    window.pad = spec.pads[axis];
    window.pad_end = spec.pads[rank + axis];
  }
  const int64_t room = in + window.pad + window.pad_end - reach;
  window.out = kernels::FloorDiv(room, stride) + 1;
  if (spec.ceil_mode) {
    window.out = std::min(kernels::CeilDiv(room, stride) + 1, kernels::CeilDiv(in + window.pad, stride));
  }
  return window;
}

Result<kernels::Window> BindWindow(const WindowSpec& spec, std::span<const int64_t> in,
                                   std::span<const int64_t> kernel) {
  const size_t rank = in.size();
  if (rank != kernel.size()) {
    return InvalidArgument("the input has {} spatial axes, the kernel {}", rank, kernel.size());
  }
  ORTOLAN_RETURN_IF_ERROR(CheckRank(spec, rank));
  if (rank > kernels::kSpatialAxes) return NotImplemented("{} spatial axes, at most 3 are supported", rank);
  ORTOLAN_RETURN_IF_ERROR(CheckList(in, "input shape", 0));
  ORTOLAN_RETURN_IF_ERROR(CheckList(kernel, "kernel shape", 1));
  kernels::Window window;
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = kernels::kSpatialAxes - rank + i;
    const AxisWindow one = BindAxis(spec, i, rank, in[i], kernel[i]);
    if (one.out < 0) {
      return InvalidArgument("axis {}: a kernel of {} does not fit in an input of {} with padding {} and {}",
                             i + 2, kernel[i], in[i], one.pad, one.pad_end);
    }
    window.in[axis] = in[i];
    window.out[axis] = one.out;
    window.kernel[axis] = kernel[i];
    window.stride[axis] = At(spec.strides, i, 1);
    window.dilation[axis] = At(spec.dilations, i, 1);
    window.pad[axis] = one.pad;
    window.pad_end[axis] = one.pad_end;
  }
  return window;
}

}  // namespace ortolan::nn
