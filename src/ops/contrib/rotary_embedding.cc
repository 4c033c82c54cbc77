// RotaryEmbedding: turns pairs of each head's elements by the angles of its position. ONNX has it with
// positions for every token; here one number may be the position of the first. Refuses rotary_embedding_dim
// without num_heads.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t interleaved = attributes.Int("interleaved", 0),
                turned = attributes.Int("rotary_embedding_dim", 0);
  int64_t heads = attributes.Int("num_heads", 0);
  if (turned > 0 && heads < 1)
    return InvalidArgument("RotaryEmbedding: rotary_embedding_dim needs num_heads");
  Composer make(context);
  graph::Value* x = make.input(0);
  if (!x->shape.has_rank()) return NotImplemented("RotaryEmbedding of unknown rank");
  const bool rank4 = x->shape.rank() == 4;
  if (!rank4 && heads < 1) {
    // Heads as wide as the cache says.
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t half, KnownDim(make.input(2), 1, "RotaryEmbedding: cos_cache"));
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(x, 2, "RotaryEmbedding: heads"));
    if (half < 1 || width % (2 * half) != 0) {
      return InvalidArgument("RotaryEmbedding: {} elements for heads of {}", width, 2 * half);
    }
    heads = width / (2 * half);
  }
  graph::Value* positions = make.input(1);
  const graph::Shape& given = positions->shape;
  if (!given.has_rank()) return NotImplemented("RotaryEmbedding: positions of unknown rank");
  if (given.rank() == 1) {
    graph::Value* count = make.Node("Reshape", {make.Sizes(x, rank4 ? 2 : 1, rank4 ? 3 : 2), make.Ints({})});
    graph::Value* row = make.Node("Add", {make.Node("Range", {make.Int(0), count, make.Int(1)}), positions});
    graph::Value* batch = make.Sizes(x, 0, 1);
    graph::Value* shape = make.Node("Concat", {batch, make.Ints({1})}, {{"axis", int64_t{0}}});
    positions = make.Node("Expand", {row, shape});
  }
  make.Last(
      "RotaryEmbedding", {x, make.input(2), make.input(3), positions},
      {{"interleaved", interleaved}, {"num_heads", rank4 ? 0 : heads}, {"rotary_embedding_dim", turned}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"position_ids", "M"}, {"cos_cache", "T"}, {"sin_cache", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"interleaved", AttributeType::kInt},
                                         {"is_packed_batching", AttributeType::kInt},
                                         {"num_heads", AttributeType::kInt},
                                         {"rotary_embedding_dim", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsRotaryEmbedding;
constexpr OpDef kMsRotaryEmbedding{.domain = "com.microsoft",
                                   .name = "RotaryEmbedding",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
