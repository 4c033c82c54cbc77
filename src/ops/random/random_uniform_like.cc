// RandomUniformLike: numbers spread evenly over [low, high), in the shape of the input and in its type,
// unless dtype names another.
#include "ops/random/stream.h"

namespace ortolan {
namespace {

using graph::AttributeType;
constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kNumericTypes | kComplexTypes | SetOf(DType::kString, DType::kBool)},
    {"T2", random::kRandomTypes}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeType::kInt},
                                         {"high", AttributeType::kFloat},
                                         {"low", AttributeType::kFloat},
                                         {"seed", AttributeType::kFloat}};

}  // namespace

extern const OpDef kRandomUniformLike;
constexpr OpDef kRandomUniformLike{.domain = "",
                                   .name = "RandomUniformLike",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .traits = {.pure = false},
                                   .infer = random::InferLike,
                                   .prepare = random::PrepareUniform};

}  // namespace ortolan
