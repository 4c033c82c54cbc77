// Initializers that the caller gives in place of external files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/model.h"
#include "session/options.h"

namespace ortolan::session {

// options.external_initializers, checked against the model, and what the model's external initializers have
// in options.external_files. kFail, in onnxruntime's words, where they do not fit.
Result<std::vector<std::pair<std::string, Tensor>>> GivenExternal(const model::ModelView& model,
                                                                  const Options& options);

}  // namespace ortolan::session
