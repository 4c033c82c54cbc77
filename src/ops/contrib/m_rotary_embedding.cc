// MRotaryEmbedding: RotaryEmbedding by three positions for each token (time, row, column), each for its
// sections of the angles, contiguous or every third. Refuses sections that are not as many as the angles.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::span<const int64_t> sections = attributes.Ints("mrope_section");
  const int64_t turned = attributes.Int("rotary_embedding_dim", 0),
                layout = attributes.Int("mrope_layout", 0);
  int64_t heads = attributes.Int("num_heads", 0);
  if (layout != 0 && layout != 1) return InvalidArgument("MRotaryEmbedding: mrope_layout {}", layout);
  if (turned > 0 && heads < 1)
    return InvalidArgument("MRotaryEmbedding: rotary_embedding_dim needs num_heads");
  Composer make(context);
  graph::Value* x = make.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t half, KnownDim(make.input(2), 1, "MRotaryEmbedding: cos_cache"));
  const bool fits = sections.size() == 3 && half > 0 && half < (1 << 20) && sections[0] >= 0 &&
                    sections[1] >= 0 && sections[2] >= 0 && sections[0] <= half && sections[1] <= half &&
                    sections[0] + sections[1] + sections[2] == half;
  if (!fits) return InvalidArgument("MRotaryEmbedding: mrope_section does not add up to {}", half);
  if (!x->shape.has_rank()) return NotImplemented("MRotaryEmbedding of unknown rank");
  const bool rank4 = x->shape.rank() == 4;
  if (!rank4 && heads < 1) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(x, 2, "MRotaryEmbedding: heads"));
    if (width % (2 * half) != 0)
      return InvalidArgument("MRotaryEmbedding: {} elements for heads of {}", width, 2 * half);
    heads = width / (2 * half);
  }
  // Which of the three positions each angle takes.
  std::vector<int64_t> stream(static_cast<size_t>(half), 0);
  for (int64_t i = 0; i < half; ++i) {
    if (layout == 0) {
      stream[static_cast<size_t>(i)] = i < sections[0] ? 0 : i < sections[0] + sections[1] ? 1 : 2;
    } else if (i % 3 != 0 && i < 3 * sections[static_cast<size_t>(i % 3)]) {
      stream[static_cast<size_t>(i)] = i % 3;
    }
  }
  const auto table = [&](size_t input) {
    // (3, batch, positions, half), of which one stream is taken for each angle.
    graph::Value* all = make.Node("Gather", {make.input(input), make.input(1)});
    graph::Value* chosen = nullptr;
    for (int64_t s = 0; s < 3; ++s) {
      std::vector<uint8_t> mine;
      for (const int64_t of : stream) mine.push_back(of == s ? 1 : 0);
      graph::Value* one = make.Node("Squeeze", {make.Sliced(all, 0, s, s + 1), make.Ints({0})});
      graph::Value* bits = make.Constant(Tensor::Of<uint8_t>({half}, mine));
      graph::Value* seen = make.Node("Cast", {bits}, {{"to", static_cast<int64_t>(DType::kBool)}});
      chosen = chosen == nullptr ? one : make.Node("Where", {seen, one, chosen});
    }
    return chosen;
  };
  graph::Value *cosine = table(2), *sine = table(3);
  make.Last("RotaryEmbedding", {x, cosine, sine},
            {{"interleaved", attributes.Int("interleaved", 0)},
             {"num_heads", rank4 ? 0 : heads},
             {"rotary_embedding_dim", turned}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"position_ids", "M"}, {"cos_cache", "T"}, {"sin_cache", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {
    {"interleaved", AttributeType::kInt},  {"is_packed_batching", AttributeType::kInt},
    {"mrope_layout", AttributeType::kInt}, {"mrope_section", AttributeType::kInts, true},
    {"num_heads", AttributeType::kInt},    {"rotary_embedding_dim", AttributeType::kInt},
    {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsMRotaryEmbedding;
constexpr OpDef kMsMRotaryEmbedding{.domain = "com.microsoft",
                                    .name = "MRotaryEmbedding",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
