// Momentum: a step of training with a running sum of gradients, plain or Nesterov's. Refuses other modes and
// inputs that are no whole lists of tensors, gradients and sums.
#include <cmath>

#include "ops/training/optimizer.h"

namespace ortolan {
namespace {

constexpr size_t kStates = 1;

Status Infer(InferContext& context) {
  return training::InferOptimizer(context, kStates);
}

struct State {
  double norm, alpha, beta;
  bool nesterov;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const training::Step step, training::ReadStep(context));
  const double beta = step.count > 0 ? state.beta : 1.0;
  return training::RunOptimizer(context, kStates, [&](training::Element& element) {
    const double gradient = state.norm * element.x + element.gradient;
    element.state[0] = state.alpha * element.state[0] + beta * gradient;
    element.x -= step.rate * (state.nesterov ? gradient + state.alpha * element.state[0] : element.state[0]);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("mode", "");
  if (mode != "standard" && mode != "nesterov") return InvalidArgument("Momentum: mode cannot be '{}'", mode);
  auto number = [&](std::string_view name, float otherwise) {
    return static_cast<double>(attributes.Float(name, otherwise));
  };
  prepared->state = std::make_shared<const State>(State{
      number("norm_coefficient", 0.0f), number("alpha", 0.0f), number("beta", 0.0f), mode == "nesterov"});
  prepared->run = Run;
  prepared->kernel = "momentum";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr AttributeSpec kAttributes[] = {{"norm_coefficient", AttributeType::kFloat, true},
                                         {"alpha", AttributeType::kFloat, true},
                                         {"beta", AttributeType::kFloat, true},
                                         {"mode", AttributeType::kString, true}};

}  // namespace

extern const OpDef kMomentum;
constexpr OpDef kMomentum{.domain = "ai.onnx.preview.training",
                          .name = "Momentum",
                          .versions = kVersions,
                          .inputs = training::kOptimizerInputs,
                          .outputs = training::kOptimizerOutputs,
                          .types = training::kOptimizerTypes,
                          .attributes = kAttributes,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
