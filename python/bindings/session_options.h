// session::Options from the package's SessionOptions.
#pragma once

#include "bindings.h"
#include "session/options.h"

namespace ortolan::python {

session::Options OptionsFromPython(nb::handle options);

}  // namespace ortolan::python
