// RunOptions as Python holds them.
#pragma once

#include <map>
#include <vector>

#include "ort_value.h"
#include "session/options.h"

namespace ortolan::python {

struct RunOptions {
  RunOptions() { options.terminate = std::make_shared<std::atomic<bool>>(false); }

  session::RunOptions options;
  // Parameters that active adapters bring: fed to inputs that the caller leaves out.
  std::vector<std::pair<std::string, OrtValue>> adapter_parameters;
};

}  // namespace ortolan::python
