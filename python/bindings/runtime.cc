// What all sessions share: the default logger and the pool of set_global_thread_pool_sizes.
#include "session/runtime.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/seed.h"
#include "bindings.h"
#include "ops/op.h"

namespace ortolan::python {

namespace {

nb::list Parameters(std::span<const FormalParameter> parameters) {
  nb::list list;
  for (const FormalParameter& parameter : parameters) {
    list.append(nb::make_tuple(std::string(parameter.name), std::string(parameter.type),
                               static_cast<int>(parameter.arity)));
  }
  return list;
}

nb::dict Constraints(std::span<const TypeConstraint> types) {
  nb::dict dict;
  for (const TypeConstraint& type : types) {
    nb::list names;
    for (int number = 1; number < kDTypeCount; ++number) {
      const auto dtype = static_cast<DType>(number);
      if (Contains(type.tensors, dtype)) names.append(TypeText(ValueType::TensorOf(dtype)));
      if (Contains(type.sequences, dtype))
        names.append(TypeText(ValueType::SequenceOf(ValueType::TensorOf(dtype))));
      if (Contains(type.optionals, dtype))
        names.append(TypeText(ValueType::OptionalOf(ValueType::TensorOf(dtype))));
    }
    dict[nb::str(type.name.data(), type.name.size())] = names;
  }
  return dict;
}

nb::list AllOperators() {
  nb::list list;
  for (const OpDef* op : AllOps()) {
    if (op->domain == "ortolan") continue;  // made by passes, never by files
    nb::list attributes;
    for (const AttributeSpec& attribute : op->attributes) attributes.append(std::string(attribute.name));
    list.append(nb::make_tuple(std::string(op->domain), std::string(op->name),
                               std::vector<int>(op->versions.begin(), op->versions.end()),
                               Parameters(op->inputs), Parameters(op->outputs), Constraints(op->types),
                               attributes));
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
