// RandomNormal: a tensor of normally distributed numbers of a mean and a deviation (scale), in the shape and
// type of the attributes.
#include "ops/random/stream.h"

namespace ortolan {
namespace {

using graph::AttributeType;
constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", random::kRandomTypes}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeType::kInt},
                                         {"mean", AttributeType::kFloat},
                                         {"scale", AttributeType::kFloat},
                                         {"seed", AttributeType::kFloat},
                                         {"shape", AttributeType::kInts, true}};

}  // namespace

extern const OpDef kRandomNormal;
constexpr OpDef kRandomNormal{.domain = "",
                              .name = "RandomNormal",
                              .versions = kVersions,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .traits = {.pure = false},
                              .infer = random::InferOfShape,
                              .prepare = random::PrepareNormal};

}  // namespace ortolan
