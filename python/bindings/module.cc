// The extension module ortolan._native: what Python cannot do itself. The package's own code in
// python/src/ortolan makes onnxruntime's API of it.
#include "bindings.h"

NB_MODULE(_native, module) {
  module.doc() = "Ortolan's engine. Use the package `ortolan`; this module may change with every version.";
  module.attr("__version__") = ORTOLAN_VERSION;
  nanobind::set_leak_warnings(false);  // sessions may live as long as the interpreter
  using namespace ortolan::python;     // NOLINT: all that is bound here
  BindErrors(module);
  BindDevices(module);
  BindSparse(module);
  BindOrtValue(module);
  BindVector(module);
  BindOptions(module);
  BindSession(module);
  BindIoBinding(module);
  BindRuntime(module);
  BindVision(module);
}
