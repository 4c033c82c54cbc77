// Adagrad: a step of training with rates that fall with the sum of squared gradients. Refuses inputs that are
// no whole lists of tensors, gradients and sums.
#include <cmath>

#include "ops/training/optimizer.h"

namespace ortolan {
namespace {

constexpr size_t kStates = 1;

Status Infer(InferContext& context) {
  return training::InferOptimizer(context, kStates);
}

struct State {
  double norm, epsilon, decay;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const training::Step step, training::ReadStep(context));
  const double rate = step.rate / (1.0 + static_cast<double>(step.count) * state.decay);
  return training::RunOptimizer(context, kStates, [&](training::Element& element) {
    const double gradient = state.norm * element.x + element.gradient;
    element.state[0] += gradient * gradient;
    element.x -= rate * gradient / (std::sqrt(element.state[0]) + state.epsilon);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto number = [&](std::string_view name, float otherwise) {
    return static_cast<double>(attributes.Float(name, otherwise));
  };
  prepared->state = std::make_shared<const State>(
      State{number("norm_coefficient", 0.0f), number("epsilon", 1e-6f), number("decay_factor", 0.0f)});
  prepared->run = Run;
  prepared->kernel = "adagrad";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr AttributeSpec kAttributes[] = {{"norm_coefficient", AttributeType::kFloat},
                                         {"decay_factor", AttributeType::kFloat},
                                         {"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kAdagrad;
constexpr OpDef kAdagrad{.domain = "ai.onnx.preview.training",
                         .name = "Adagrad",
                         .versions = kVersions,
                         .inputs = training::kOptimizerInputs,
                         .outputs = training::kOptimizerOutputs,
                         .types = training::kOptimizerTypes,
                         .attributes = kAttributes,
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
