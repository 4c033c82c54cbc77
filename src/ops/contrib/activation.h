// The activations that onnxruntime's fusions write into an attribute of the operator in front of them.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// The operator `name` behind `x` with the parameters alpha and beta (where given; Clip's are its bounds);
// `x` itself for an empty name. kNotImplemented for other names.
Result<graph::Value*> Activated(Composer& make, graph::Value* x, std::string_view name,
                                std::span<const float> parameters);
// `activation` and `activation_params`.
Result<graph::Value*> ActivatedByParams(Composer& make, graph::Value* x);
// `activation`, `activation_alpha`, `activation_beta` and `activation_gamma`.
Result<graph::Value*> ActivatedByGreek(Composer& make, graph::Value* x);

}  // namespace ortolan
