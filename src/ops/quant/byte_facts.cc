#include "ops/quant/byte_facts.h"

#include "ops/nn/conv_spec.h"

namespace ortolan::quant {
namespace {

const Tensor* Readable(const graph::Value* value) {
  if (value == nullptr || !value->IsConstant()) return nullptr;
  const Tensor& tensor = value->constant();
  if (tensor.device().kind != Device::Kind::kCpu || !tensor.HasElements()) return nullptr;
  return &tensor;
}

int32_t ByteAt(const Tensor& tensor, int64_t i) {
  const auto at = static_cast<size_t>(i);
  return tensor.dtype() == DType::kInt8 ? int32_t{tensor.Items<const int8_t>()[at]}
                                        : int32_t{tensor.Items<const uint8_t>()[at]};
}

template <typename List>
List RotatedLast(List list) {
  if (list.size() < 3) return list;
  const auto channels = list[1];
  for (size_t i = 1; i + 1 < list.size(); ++i) list[i] = list[i + 1];
  list[list.size() - 1] = channels;
  return list;
}
template <typename List>
List RotatedFirst(List list) {
  if (list.size() < 3) return list;
  const auto channels = list[list.size() - 1];
  for (size_t i = list.size() - 1; i > 1; --i) list[i] = list[i - 1];
  list[1] = channels;
  return list;
}

}  // namespace

graph::Shape ChannelsLast(const graph::Shape& shape) {
  return shape.has_rank() ? graph::Shape(RotatedLast(graph::Shape::DimList(shape.dims()))) : shape;
}
graph::Shape ChannelsFirst(const graph::Shape& shape) {
  return shape.has_rank() ? graph::Shape(RotatedFirst(graph::Shape::DimList(shape.dims()))) : shape;
}
Dims ChannelsLast(const Dims& dims) {
  return RotatedLast(dims);
}
Dims ChannelsFirst(const Dims& dims) {
  return RotatedFirst(dims);
}

std::optional<float> FloatOf(const graph::Value* value) {
  const Tensor* tensor = Readable(value);
  if (tensor == nullptr || tensor->dtype() != DType::kFloat || tensor->count() != 1) return std::nullopt;
  return tensor->Items<const float>()[0];
}

std::optional<int32_t> ZeroOf(const graph::Value* value) {
  if (value == nullptr) return 0;
  const Tensor* tensor = Readable(value);
  if (tensor == nullptr || !IsBytes(tensor->dtype()) || tensor->count() != 1) return std::nullopt;
  return ByteAt(*tensor, 0);
}

Status ReadConvConstants(const graph::Node& node, ConvConstants* constants) {
  const Tensor* w = Readable(node.input(3));
  const Tensor* w_scale = Readable(node.input(4));
  const Tensor* w_zero = Readable(node.input(5));
  const Tensor* bias = Readable(node.input(8));
  const auto x_scale = FloatOf(node.input(1)), y_scale = FloatOf(node.input(6));
  const auto x_zero = ZeroOf(node.input(2)), y_zero = ZeroOf(node.input(7));
  if (!w || !w_scale || !x_scale || !y_scale || !x_zero || !y_zero || (node.HasInput(5) && !w_zero) ||
      (node.HasInput(8) && !bias)) {
    return NotImplemented("{} needs constant kernels, scales and zero points", node.op_type);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(node.attributes));
  const std::optional<nn::KernelSizes> kernel = nn::KernelOf(w->dims());
  if (!kernel || !IsBytes(w->dtype()) || w->count() == 0 || w_scale->dtype() != DType::kFloat) {
    return NotImplemented("{} with W of shape {}", node.op_type, DimsText(w->dims()));
  }
  const int64_t out = w->dims()[0];
  const auto one_or_all = [out](const Tensor* tensor) {
    return tensor->count() == 1 || tensor->count() == out;
  };
  if (!one_or_all(w_scale) || (w_zero && (!one_or_all(w_zero) || w_zero->dtype() != w->dtype())) ||
      (bias && (bias->count() != out || bias->dtype() != DType::kInt32)) || out % spec.groups != 0) {
    return InvalidArgument("{}: scales, zero points or bias do not fit W of shape {} in {} groups",
                           node.op_type, DimsText(w->dims()), spec.groups);
  }
  const auto scales = w_scale->Items<const float>();
  for (int64_t i = 0; i < out; ++i) {
    const float own = scales[w_scale->count() == 1 ? 0 : static_cast<size_t>(i)];
    constants->scale.push_back(*x_scale * own / *y_scale);  // in this order as onnxruntime
    constants->w_zero.push_back(w_zero ? ByteAt(*w_zero, w_zero->count() == 1 ? 0 : i) : 0);
  }
  kernels::ByteConvWeights& weights = constants->weights;
  weights.w = w->data();
  weights.w_signed = w->dtype() == DType::kInt8;
  weights.w_zero = constants->w_zero.data();
  weights.bias = bias ? bias->Items<const int32_t>().data() : nullptr;
  weights.scale = constants->scale.data();
  weights.groups = spec.groups;
  weights.in_channels = w->dims()[1] * spec.groups;
  weights.out_channels = out;
  for (size_t axis = 0; axis < kernels::kSpatialAxes; ++axis) weights.kernel[axis] = kernel->sizes[axis];
  const auto dilations = node.attributes.Ints("dilations");
  weights.dilation_w = dilations.empty() ? 1 : dilations.back();
  weights.x_signed = node.input(0)->type.dtype == DType::kInt8;
  weights.x_zero = *x_zero;
  constants->y_signed = node.HasInput(7) && node.input(7)->type.dtype == DType::kInt8;
  constants->y_zero = *y_zero;
  return OkStatus();
}

}  // namespace ortolan::quant
