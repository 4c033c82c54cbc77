// What all sessions share: the default logger and the pool of set_global_thread_pool_sizes.
#include "session/runtime.h"

#include "base/seed.h"
#include "bindings.h"

namespace ortolan::python {

void BindRuntime(nb::module_& module) {
  module.def("set_default_logger_severity", [](int severity) {
    const Status status = session::SetDefaultSeverity(severity);
    if (!status.ok()) RaiseRuntimeError(status.message());
  });
  module.def("set_default_logger_verbosity", &session::SetDefaultVerbosity);
  module.def("set_seed", &SetProcessSeed);
  module.def(
      "set_global_thread_pool_sizes",
      [](int intra_op, int) { RaiseIfError(session::SetGlobalThreads(intra_op)); },
      nb::arg("intra_op_num_threads") = 0, nb::arg("inter_op_num_threads") = 0);
}

}  // namespace ortolan::python
