// What all sessions share: the default logger and the pool of set_global_thread_pool_sizes.
#include "session/runtime.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/seed.h"
#include "bindings.h"
#include "session/operators.h"

namespace ortolan::python {

namespace {

nb::list Parameters(const std::vector<session::OperatorFacts::Parameter>& parameters) {
  nb::list list;
  for (const auto& parameter : parameters)
    list.append(nb::make_tuple(parameter.name, parameter.type, parameter.arity));
  return list;
}

nb::list AllOperators() {
  nb::list list;
  for (const session::OperatorFacts& op : session::KnownOperators()) {
    nb::dict types;
    for (const auto& [name, allowed] : op.types) types[name.c_str()] = allowed;
    list.append(nb::make_tuple(op.domain, op.name, op.versions, Parameters(op.inputs), Parameters(op.outputs),
                               types, op.attributes));
  }
  return list;
}

}  // namespace

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
      nb::arg("intra_op_num_threads") = 0, nb::arg("inter_op_num_threads") = 0,
      nb::sig(
          "def set_global_thread_pool_sizes(intra_op_num_threads: int = 0, inter_op_num_threads: int = 0) -> "
          "None"));
  module.def("all_operators", &AllOperators,
             "(domain, name, versions, inputs, outputs, type constraints, attributes) of every operator.");
}

}  // namespace ortolan::python
