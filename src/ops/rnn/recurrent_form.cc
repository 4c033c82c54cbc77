#include "ops/rnn/recurrent_form.h"

#include <algorithm>
#include <cctype>

namespace ortolan {
namespace {

using kernels::RnnActivation;
using kernels::RnnActivationKind;
using kernels::RnnCell;
using kernels::RnnForm;

// A function's name and the parameters that it takes with their defaults.
struct ActivationFacts {
  std::string_view name;
  RnnActivationKind kind;
  bool has_alpha = false;
  bool has_beta = false;
  float alpha = 0;
  float beta = 0;
};

constexpr ActivationFacts kActivations[] = {
    {"relu", RnnActivationKind::kRelu},
    {"tanh", RnnActivationKind::kTanh},
    {"sigmoid", RnnActivationKind::kSigmoid},
    {"affine", RnnActivationKind::kAffine, true, true, 1.0f, 0.0f},
    {"leakyrelu", RnnActivationKind::kLeakyRelu, true, false, 0.01f},
    {"thresholdedrelu", RnnActivationKind::kThresholdedRelu, true, false, 1.0f},
    {"scaledtanh", RnnActivationKind::kScaledTanh, true, true, 1.0f, 1.0f},
    {"hardsigmoid", RnnActivationKind::kHardSigmoid, true, true, 0.2f, 0.5f},
    {"elu", RnnActivationKind::kElu, true, false, 1.0f},
    {"softsign", RnnActivationKind::kSoftsign},
    {"softplus", RnnActivationKind::kSoftplus},
};

const ActivationFacts* FactsOf(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const ActivationFacts& facts : kActivations) {
    if (facts.name == lower) return &facts;
  }
  return nullptr;
}

int ActivationsOf(RnnCell cell) {
  return cell == RnnCell::kLstm ? 3 : cell == RnnCell::kGru ? 2 : 1;
}

// Parameters are taken in order, by the functions that have them only.
Status ReadActivations(const graph::Attributes& attributes, RnnForm* form) {
  const int each = ActivationsOf(form->cell);
  std::vector<std::string> names(attributes.Strings("activations").begin(),
                                 attributes.Strings("activations").end());
  if (names.empty()) {
    for (int d = 0; d < form->directions; ++d) {
      for (int i = 0; i < each; ++i)
        names.push_back(form->cell != RnnCell::kRnn && i == 0 ? "Sigmoid" : "Tanh");
    }
  }
  if (names.size() != static_cast<size_t>(each * form->directions)) {
    return InvalidArgument("{} activations are needed, got {}", each * form->directions, names.size());
  }
  const auto alphas = attributes.Floats("activation_alpha"), betas = attributes.Floats("activation_beta");
  size_t next_alpha = 0, next_beta = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const ActivationFacts* facts = FactsOf(names[i]);
    if (facts == nullptr) return InvalidArgument("Invalid activation function of {}", names[i]);
    RnnActivation& activation =
        form->activations[i / static_cast<size_t>(each)][i % static_cast<size_t>(each)];
    activation = {facts->kind, facts->alpha, facts->beta};
    if (facts->has_alpha && next_alpha < alphas.size()) activation.alpha = alphas[next_alpha++];
    if (facts->has_beta && next_beta < betas.size()) activation.beta = betas[next_beta++];
  }
  return OkStatus();
}

bool HasUsualActivations(const RnnForm& form) {
  for (int d = 0; d < form.directions; ++d) {
    for (int i = 0; i < ActivationsOf(form.cell); ++i) {
      const bool gate = form.cell != RnnCell::kRnn && i == 0;
      const auto usual = gate ? RnnActivationKind::kSigmoid : RnnActivationKind::kTanh;
      if (form.activations[d][i].kind != usual) return false;
    }
  }
  return true;
}

}  // namespace

Result<RnnForm> RecurrentFormOf(const graph::Node& node, RnnCell cell, int64_t hidden) {
  const graph::Attributes& attributes = node.attributes;
  RnnForm form;
  form.cell = cell;
  form.hidden = attributes.Int("hidden_size", hidden);
  if (form.hidden <= 0) return InvalidArgument("hidden_size must be positive, got {}", form.hidden);
  // Gates times hidden squared is the size of the weights: far below this.
  if (form.hidden > int64_t{1} << 24) return InvalidArgument("hidden_size {} is too large", form.hidden);
  const std::string_view direction = attributes.String("direction", "forward");
  if (direction == "bidirectional") {
    form.directions = 2;
  } else if (direction == "reverse") {
    form.reverse[0] = true;
  } else if (direction != "forward") {
    return InvalidArgument(
        "Invalid 'direction' argument of '{}'. Must be one of 'forward', 'reverse', or 'bidirectional'.",
        direction);
  }
  form.batch_first = attributes.Int("layout", 0) != 0;
  form.linear_before_reset = cell == RnnCell::kGru && attributes.Int("linear_before_reset", 0) != 0;
  form.input_forget = cell == RnnCell::kLstm && attributes.Int("input_forget", 0) != 0;
  const bool clips = attributes.Has("clip");
  if (clips) {
    form.clip = attributes.Float("clip", 0);
    if (!(form.clip > 0)) return InvalidArgument("clip must be positive, got {}", form.clip);
  }
  ORTOLAN_RETURN_IF_ERROR(ReadActivations(attributes, &form));
  form.fused = HasUsualActivations(form) && !clips && !form.input_forget &&
               !(cell == RnnCell::kLstm && node.HasInput(7));
  return form;
}

}  // namespace ortolan
