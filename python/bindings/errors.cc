#include <array>

#include "bindings.h"

namespace ortolan::python {
namespace {

struct ErrorClass {
  StatusCode code;
  const char* name;
};

// Each derives from Exception directly, as onnxruntime's do.
constexpr std::array kClasses = {
    ErrorClass{StatusCode::kFail, "Fail"},
    ErrorClass{StatusCode::kInvalidArgument, "InvalidArgument"},
    ErrorClass{StatusCode::kNoSuchFile, "NoSuchFile"},
    ErrorClass{StatusCode::kNoModel, "NoModel"},
    ErrorClass{StatusCode::kEngineError, "EngineError"},
    ErrorClass{StatusCode::kRuntimeException, "RuntimeException"},
    ErrorClass{StatusCode::kInvalidProtobuf, "InvalidProtobuf"},
    ErrorClass{StatusCode::kModelLoaded, "ModelLoaded"},
    ErrorClass{StatusCode::kNotImplemented, "NotImplemented"},
    ErrorClass{StatusCode::kInvalidGraph, "InvalidGraph"},
    ErrorClass{StatusCode::kEpFail, "EPFail"},
};

// Made once and kept for the life of the process: exceptions may outlive the module.
std::array<PyObject*, 16> class_of_code{};

}  // namespace

void BindErrors(nb::module_& module) {
  for (const ErrorClass& error : kClasses) {
    const std::string qualified = std::string("ortolan.capi.onnxruntime_pybind11_state.") + error.name;
    PyObject* made = PyErr_NewException(qualified.c_str(), PyExc_Exception, nullptr);
    if (made == nullptr) nb::raise_python_error();
    class_of_code[static_cast<size_t>(error.code)] = made;
    module.attr(error.name) = nb::borrow(made);
  }
}

void Raise(const Status& status) {
  const std::string text = fmt::format("[ONNXRuntimeError] : {} : {} : {}", static_cast<int>(status.code()),
                                       StatusCodeName(status.code()), status.message());
  PyErr_SetString(class_of_code[static_cast<size_t>(status.code())], text.c_str());
  nb::raise_python_error();
}

}  // namespace ortolan::python
