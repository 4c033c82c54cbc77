// Adam: a step of training with running means of gradients and of their squares. Refuses inputs that are no
// whole lists of tensors, gradients, first and second means.
#include <cmath>

#include "ops/training/optimizer.h"

namespace ortolan {
namespace {

constexpr size_t kStates = 2;

Status Infer(InferContext& context) {
  return training::InferOptimizer(context, kStates);
}

struct State {
  double norm, norm_post, alpha, beta, epsilon;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const training::Step step, training::ReadStep(context));
  const auto count = static_cast<double>(step.count);
  const double rate = step.count > 0 ? step.rate * std::sqrt(1.0 - std::pow(state.beta, count)) /
                                           (1.0 - std::pow(state.alpha, count))
                                     : step.rate;
  return training::RunOptimizer(context, kStates, [&](training::Element& element) {
    const double gradient = state.norm * element.x + element.gradient;
    element.state[0] = state.alpha * element.state[0] + (1.0 - state.alpha) * gradient;
    element.state[1] = state.beta * element.state[1] + (1.0 - state.beta) * gradient * gradient;
    element.x -= rate * element.state[0] / (std::sqrt(element.state[1]) + state.epsilon);
    element.x *= 1.0 - state.norm_post;
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto number = [&](std::string_view name, float otherwise) {
    return static_cast<double>(attributes.Float(name, otherwise));
  };
  prepared->state = std::make_shared<const State>(
      State{number("norm_coefficient", 0.0f), number("norm_coefficient_post", 0.0f), number("alpha", 0.9f),
            number("beta", 0.999f), number("epsilon", 1e-6f)});
  prepared->run = Run;
  prepared->kernel = "adam";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr AttributeSpec kAttributes[] = {{"norm_coefficient", AttributeType::kFloat},
                                         {"norm_coefficient_post", AttributeType::kFloat},
                                         {"alpha", AttributeType::kFloat},
                                         {"beta", AttributeType::kFloat},
                                         {"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kAdam;
constexpr OpDef kAdam{.domain = "ai.onnx.preview.training",
                      .name = "Adam",
                      .versions = kVersions,
                      .inputs = training::kOptimizerInputs,
                      .outputs = training::kOptimizerOutputs,
                      .types = training::kOptimizerTypes,
                      .attributes = kAttributes,
                      .infer = Infer,
                      .prepare = Prepare};

}  // namespace ortolan
