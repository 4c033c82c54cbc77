// GemmaRotaryEmbedding: q * cos(emb) + q_rot * sin(emb), and the same for k.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const DType type = make.input(1)->type.dtype;
  const auto table = [&](std::string_view op) {
    return make.Node("Unsqueeze", {make.Cast(make.Node(op, {make.input(0)}), type), make.Ints({1})});
  };
  graph::Value *sine = table("Sin"), *cosine = table("Cos");
  const auto turned = [&](size_t i) {
    return make.Node(
        "Add", {make.Node("Mul", {make.input(i), cosine}), make.Node("Mul", {make.input(i + 1), sine})});
  };
  graph::Value *q = turned(1), *k = turned(3);
  return make.Finish({q, k});
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"emb", "U"}, {"q", "T"}, {"q_rot", "T"}, {"k", "T"}, {"k_rot", "T"}};
constexpr FormalParameter kOutputs[] = {{"output1", "T"}, {"output2", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"U", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kMsGemmaRotaryEmbedding;
constexpr OpDef kMsGemmaRotaryEmbedding{.domain = "com.microsoft",
                                        .name = "GemmaRotaryEmbedding",
                                        .versions = kVersions,
                                        .inputs = kInputs,
                                        .outputs = kOutputs,
                                        .types = kTypes,
                                        .raise = Raise};

}  // namespace ortolan
