#include "ops/nn/conv_spec.h"

#include "kernels/conv/depthwise.h"
#include "kernels/conv/direct.h"

namespace ortolan::nn {

using graph::Dim;
using graph::Shape;

namespace {

Status CheckRanks(int64_t x, int64_t w) {
  if (x < 3) return InvalidArgument("the input X has rank {}, expected at least 3: N x C x D1 ...", x);
  if (w != x) return InvalidArgument("the weight W has rank {}, expected {}, the rank of X", w, x);
  return OkStatus();
}

Status CheckChannels(int64_t groups, const Dim& in, const Dim& out, const Dim& group_in) {
  if (in.IsConstant() && group_in.IsConstant() &&
      (in.constant() % groups != 0 || in.constant() / groups != group_in.constant())) {
    return InvalidArgument(
        "Input channels C is not equal to kernel channels * group. C: {} kernel channels: {} group: {}",
        in.constant(), group_in.constant(), groups);
  }
  if (out.IsConstant() && out.constant() % groups != 0) {
    return InvalidArgument("Output channels M is not divisible by group. M: {} group: {}", out.constant(),
                           groups);
  }
  return OkStatus();
}

}  // namespace

Result<ConvSpec> ReadConv(const graph::Attributes& attributes) {
  ConvSpec spec;
  ORTOLAN_ASSIGN_OR_RETURN(spec.window, ReadWindow(attributes, false));
  spec.groups = attributes.Int("group", 1);
  if (spec.groups < 1 || spec.groups > INT32_MAX) {
    return InvalidArgument("attribute group is {}, expected at least 1", spec.groups);
  }
  return spec;
}

Result<Shape> ConvOutput(const ConvSpec& spec, const Shape& x, const Shape& w, Dim channels) {
  if (!x.has_rank()) return Shape();
  if (!w.has_rank() && spec.window.kernel.empty()) return Shape();
  Shape::DimList kernel(spec.window.kernel.begin(), spec.window.kernel.end());
  if (w.has_rank()) {
    ORTOLAN_RETURN_IF_ERROR(CheckRanks(x.rank(), w.rank()));
    kernel.assign(w.dims().begin() + 2, w.dims().end());
    for (size_t i = 0; i < kernel.size() && i < spec.window.kernel.size(); ++i) {
      if (kernel[i].IsConstant() && !kernel[i].Is(spec.window.kernel[i])) {
        return InvalidArgument("kernel_shape is not compatible with W shape. kernel_shape: {} W: {}",
                               DimsText(spec.window.kernel), ShapeText(w));
      }
    }
    channels = w[0];
    ORTOLAN_RETURN_IF_ERROR(CheckChannels(spec.groups, x[1], w[0], w[1]));
  } else {
    ORTOLAN_RETURN_IF_ERROR(CheckRanks(x.rank(), static_cast<int64_t>(kernel.size()) + 2));
  }
  Shape::DimList dims = {x[0], channels};
  ORTOLAN_ASSIGN_OR_RETURN(const Shape::DimList spatial,
                           WindowOutputs(spec.window, std::span(x.dims()).subspan(2), kernel));
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return Shape(std::move(dims));
}

Result<kernels::ConvShape> BindConv(const ConvSpec& spec, const Dims& x, const Dims& w, const Dims& bias) {
  ORTOLAN_RETURN_IF_ERROR(CheckRanks(static_cast<int64_t>(x.size()), static_cast<int64_t>(w.size())));
  ORTOLAN_RETURN_IF_ERROR(CheckChannels(spec.groups, x[1], w[0], w[1]));
  kernels::ConvShape shape;
  shape.batch = x[0];
  shape.groups = spec.groups;
  shape.in_channels = x[1];
  shape.out_channels = w[0];
  const std::span<const int64_t> in(x.data() + 2, x.size() - 2), kernel(w.data() + 2, w.size() - 2);
  ORTOLAN_ASSIGN_OR_RETURN(shape.window, BindWindow(spec.window, in, kernel));
  if (!bias.empty() && bias != Dims{w[0]}) {
    return InvalidArgument("the bias B has shape {}, expected {{{}}}", DimsText(bias), w[0]);
  }
  return shape;
}

Cost ConvCost(const BindContext& shapes, int64_t positions) {
  Cost cost;
  cost.flops = 2.0 * static_cast<double>(positions) * static_cast<double>(ElementCount(shapes.inputs[1]));
  for (const Dims& dims : shapes.inputs) cost.bytes += 4.0 * static_cast<double>(ElementCount(dims));
  cost.bytes += 4.0 * static_cast<double>(ElementCount(shapes.outputs[0]));
  return cost;
}

std::optional<KernelSizes> KernelOf(const Dims& w) {
  if (w.size() < 3 || w.size() > 2 + kernels::kSpatialAxes) return std::nullopt;
  KernelSizes kernel;
  for (size_t i = 2; i < w.size(); ++i) kernel.sizes[kernels::kSpatialAxes - w.size() + i] = w[i];
  return kernel;
}

int64_t BlockOf(Isa isa) {
  return kernels::ConvVariants(isa)[0]->block;
}

BlockedSources SourcesOf(Isa isa, const ConvSpec& spec, const Dims& w) {
  const std::optional<KernelSizes> kernel = KernelOf(w);
  if (!kernel || w[0] % spec.groups != 0 || w[0] == 0) return {};
  const kernels::ConvVariant& variant = *kernels::ConvVariants(isa)[0];
  const int64_t group_out = w[0] / spec.groups;
  if (kernels::IsDepthwise(spec.groups, w[1], group_out, kernel->sizes)) return {.blocked = true};
  const auto fits = [&](kernels::ConvLayout layout) {
    return kernels::MergedGroups(variant, layout, spec.groups, w[1], group_out) != 0;
  };
  return {fits(kernels::ConvLayout::kBlocked), fits(kernels::ConvLayout::kPlanar)};
}

}  // namespace ortolan::nn
