// RandomUniform: a tensor of numbers spread evenly over [low, high), in the shape and type of the attributes.
#include "ops/random/stream.h"

namespace ortolan {
namespace {

using graph::AttributeType;
constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", random::kRandomTypes}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeType::kInt},
                                         {"high", AttributeType::kFloat},
                                         {"low", AttributeType::kFloat},
                                         {"seed", AttributeType::kFloat},
                                         {"shape", AttributeType::kInts, true}};

}  // namespace

extern const OpDef kRandomUniform;
constexpr OpDef kRandomUniform{.domain = "",
                               .name = "RandomUniform",
                               .versions = kVersions,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .traits = {.pure = false},
                               .infer = random::InferOfShape,
                               .prepare = random::PrepareUniform};

}  // namespace ortolan
