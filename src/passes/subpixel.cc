#include "passes/subpixel.h"

#include "ops/all_ops.h"
#include "passes/rewrite.h"

namespace ortolan::passes {

using graph::Node;
using graph::Value;

std::optional<SubPixels> SubPixelsOf(const nn::ConvTransposeSpec& spec, const Dims& w, int64_t block) {
  const nn::WindowSpec& window = spec.window;
  if (w.size() != 4 || spec.groups != 1 || !spec.output_shape.empty() || 2 * w[1] >= block ||
      window.auto_pad == nn::AutoPad::kSameUpper || window.auto_pad == nn::AutoPad::kSameLower) {
    return std::nullopt;
  }
  const auto at = [](const Dims& list, size_t i, int64_t otherwise) {
    return list.empty() ? otherwise : list[i];
  };
  SubPixels form;
  form.scale = at(window.strides, 0, 1);
  const bool padded = window.auto_pad != nn::AutoPad::kValid;
  int64_t products = 1, made_products = 1;
  for (size_t i = 0; i < 2; ++i) {
    if (at(window.strides, i, 1) != form.scale || at(window.dilations, i, 1) != 1) return std::nullopt;
    form.taps[i] = (w[i + 2] + form.scale - 1) / form.scale;
    form.crop[i] = padded ? at(window.pads, i, 0) : 0;
    // The stride squares reach so far beyond the output, however large the input is.
    form.crop_end[i] = form.scale * form.taps[i] - w[i + 2] - at(spec.output_padding, i, 0) +
                       (padded ? at(window.pads, i + 2, 0) : 0);
    if (form.crop[i] < 0 || form.crop_end[i] < 0) return std::nullopt;
    products *= w[i + 2];
    made_products *= form.taps[i];
  }
  // Lanes without a channel cost as much as others. Dealing out costs about as much as a few products an
  // output.
  const auto lanes = [&](int64_t channels) { return (channels + block - 1) / block * block; };
  const int64_t made_lanes = lanes(w[1] * form.scale * form.scale);
  if (made_lanes > 1024 || 2 * made_lanes * made_products > lanes(w[1]) * products) return std::nullopt;
  return form;
}

Status MakeSubPixels(const SubPixels& form, std::vector<Value*> inputs, graph::Attributes attributes,
                     Node& node, graph::Graph& graph) {
  const Value& w = *node.input(1);
  const Value* bias = node.input(2);
  const Dims& dims = w.constant().dims();
  const int64_t in = dims[0], out = dims[1], scale = form.scale, parts = scale * scale;
  const int64_t height = form.taps[0], width = form.taps[1], made_out = out * parts;
  std::vector<float> weights(static_cast<size_t>(made_out * in * height * width)), biases;
  const auto from = w.constant().Items<const float>();
  // Channel (m, row, column) of the square meets the tap that many strides further on, back to front.
  size_t to = 0;
  for (int64_t m = 0; m < made_out; ++m) {
    const int64_t row = m % parts / scale, column = m % scale;
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t i = 0; i < height * width; ++i, ++to) {
        const int64_t kh = (height - 1 - i / width) * scale + row;
        const int64_t kw = (width - 1 - i % width) * scale + column;
        if (kh >= dims[2] || kw >= dims[3]) continue;
        weights[to] = from[static_cast<size_t>(((c * out + m / parts) * dims[2] + kh) * dims[3] + kw)];
      }
    }
  }
  inputs.resize(2);
  inputs[1] =
      graph.NewConstant(w.name() + "_by_tap", Tensor::Of<float>({made_out, in, height, width}, weights));
  if (bias) {
    for (float item : bias->constant().Items<const float>())
      biases.insert(biases.end(), static_cast<size_t>(parts), item);
    inputs.push_back(graph.NewConstant(bias->name() + "_by_tap", Tensor::Of<float>({made_out}, biases)));
  }
  attributes.Set("pads", std::vector<int64_t>{height - 1, width - 1, height - 1, width - 1});
  graph::Attributes order, deal;
  order.Set("channels", made_out);
  deal.Set("blocksize", scale);
  deal.Set("mode", std::string("CRD"));
  Value* const y = node.output(0);
  const auto add = [&](const OpDef& op, graph::Attributes set, std::vector<Value*> read,
                       Value* made) -> Result<Value*> {
    Node* added = graph.InsertBefore(&node);
    InitNode(*added, op, node);
    added->attributes = std::move(set);
    added->SetInputs(std::move(read));
    added->SetOutput(0, made);
    ORTOLAN_RETURN_IF_ERROR(InferNode(*added, *graph.dims()));
    return made;
  };
  const auto value = [&](const char* suffix) { return graph.NewValue(y->name() + suffix); };
  const bool crops = form.crop[0] + form.crop[1] + form.crop_end[0] + form.crop_end[1] > 0;
  ORTOLAN_ASSIGN_OR_RETURN(
      Value * blocked, add(kConvBlocked, std::move(attributes), std::move(inputs), value("_taps_blocked")));
  ORTOLAN_ASSIGN_OR_RETURN(Value * planar,
                           add(kReorderFromBlocked, std::move(order), {blocked}, value("_taps")));
  ORTOLAN_ASSIGN_OR_RETURN(Value * dealt,
                           add(kDepthToSpace, std::move(deal), {planar}, crops ? value("_dealt") : y));
  if (crops) {
    const auto ints = [&](const char* suffix, const std::vector<int64_t>& items) {
      return graph.NewConstant(y->name() + suffix,
                               Tensor::Of<int64_t>({std::ssize(items)}, std::span<const int64_t>(items)));
    };
    const auto end = [&](size_t i) { return form.crop_end[i] > 0 ? -form.crop_end[i] : INT64_MAX; };
    Value* const first = ints("_first", {form.crop[0], form.crop[1]});
    Value* const last = ints("_last", {end(0), end(1)});
    ORTOLAN_RETURN_IF_ERROR(add(kSlice, {}, {dealt, first, last, ints("_axes", {2, 3})}, y).status());
  }
  graph.EraseNode(&node);
  return OkStatus();
}

}  // namespace ortolan::passes
