// Conv of a chain of nchwc operators: weights in blocks of output (and input) channels, a tensor to add and
// an activation. onnxruntime keeps such values in blocks of channels that suit its machine; here they are
// plain images whose channels are padded to whole blocks, and passes choose a layout.
#include "ops/compose.h"
#include "ops/contrib/activation.h"
#include "ops/contrib/convolution.h"
#include "ops/contrib/nchwc_blocks.h"

namespace ortolan {
namespace {

// The weights of Conv from those that onnxruntime has reordered: blocks of output channels stand last, and
// where the input is in blocks, too, blocks of input channels before them.
Result<graph::Value*> PlainWeights(Composer& make, graph::Value* weights, int64_t groups) {
  const graph::Shape& shape = weights->shape;
  if (!shape.IsConstant() || shape.rank() != 4) {
    return NotImplemented("nchwc.Conv with weights of shape {}", ShapeText(shape));
  }
  const int64_t block = ChannelBlock();
  const int64_t out = shape[0].constant(), in = shape[1].constant();
  const int64_t height = shape[2].constant(), width = shape[3].constant();
  if (out % block != 0) return InvalidArgument("nchwc.Conv: {} channels in blocks of {}", out, block);
  const bool plain_input = groups > 1 ? in == 1 && out == groups : in < block;
  graph::Value* blocks = nullptr;
  if (plain_input) {
    blocks = make.Reshaped(weights, {out / block, in, height, width, block});
    blocks = make.Node("Transpose", {blocks}, {{"perm", std::vector<int64_t>{0, 4, 1, 2, 3}}});
  } else {
    if (in % block != 0) return InvalidArgument("nchwc.Conv: {} channels in blocks of {}", in, block);
    blocks = make.Reshaped(weights, {out / block, in / block, height, width, block, block});
    blocks = make.Node("Transpose", {blocks}, {{"perm", std::vector<int64_t>{0, 5, 1, 4, 2, 3}}});
  }
  return make.Reshaped(blocks, {out, in, height, width});
}

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * weights,
                           PlainWeights(make, make.input(1), context.node.attributes.Int("group", 1)));
  graph::Value* y =
      make.Node("Conv", {make.input(0), weights, make.input(2)}, ConvAttributes(context.node.attributes));
  if (make.input(3) != nullptr) y = make.Node("Add", {y, make.input(3)});
  ORTOLAN_ASSIGN_OR_RETURN(y, ActivatedByParams(make, y));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}, {"Sum", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {
    {"activation", AttributeType::kString}, {"activation_params", AttributeType::kFloats},
    {"auto_pad", AttributeType::kString},   {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},         {"kernel_shape", AttributeType::kInts},
    {"pads", AttributeType::kInts},         {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kNchwcConv;
constexpr OpDef kNchwcConv{.domain = "com.microsoft.nchwc",
                           .name = "Conv",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .raise = Raise};

}  // namespace ortolan
