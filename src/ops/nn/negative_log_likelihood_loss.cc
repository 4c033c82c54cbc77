// NegativeLogLikelihoodLoss: minus the log probability of each target class, weighted by class; as they are,
// summed, or their weighted mean. Refuses targets that are no class and not the ignored one.
#include "ops/nn/likelihood_loss.h"

namespace ortolan {
namespace {

Status Run(const void* state, RunContext& context) {
  return nn::RunLikelihoodLoss(*static_cast<const nn::LikelihoodLoss*>(state), context.input(0).data,
                               context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::LikelihoodLoss loss, nn::ReadLikelihoodLoss(context.node.attributes));
  prepared->state = std::make_shared<const nn::LikelihoodLoss>(loss);
  prepared->run = Run;
  prepared->kernel = "likelihood_loss";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {12, 13, 22};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"target", "Tind"}, {"weight", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"loss", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"ignore_index", AttributeType::kInt},
                                         {"reduction", AttributeType::kString}};

}  // namespace

extern const OpDef kNegativeLogLikelihoodLoss;
constexpr OpDef kNegativeLogLikelihoodLoss{.domain = "",
                                           .name = "NegativeLogLikelihoodLoss",
                                           .versions = kVersions,
                                           .inputs = kInputs,
                                           .outputs = kOutputs,
                                           .types = kTypes,
                                           .attributes = kAttributes,
                                           .infer = nn::InferLikelihoodLoss,
                                           .prepare = Prepare};

}  // namespace ortolan
