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

// Classes that onnxruntime has for codes which the engine's own layers never give.
constexpr std::array kFurtherClasses = {"ModelLoadCanceled", "ModelRequiresCompilation", "NotFound",
                                        "DeviceReset"};

// Made once and kept for the life of the process: exceptions may outlive the module.
std::array<PyObject*, 16> class_of_code{};

std::array<PyObject*, kFurtherClasses.size()> further_classes{};

PyObject* NewClass(nb::module_& module, const char* name) {
  const std::string qualified = std::string("ortolan.capi.onnxruntime_pybind11_state.") + name;
  PyObject* made = PyErr_NewException(qualified.c_str(), PyExc_Exception, nullptr);
  if (made == nullptr) nb::raise_python_error();
  module.attr(name) = nb::borrow(made);
  return made;
}

}  // namespace

void BindErrors(nb::module_& module) {
  for (const ErrorClass& error : kClasses)
    class_of_code[static_cast<size_t>(error.code)] = NewClass(module, error.name);
  for (size_t i = 0; i < kFurtherClasses.size(); ++i)
    further_classes[i] = NewClass(module, kFurtherClasses[i]);
}

void Raise(const Status& status) {
  const std::string text = fmt::format("[ONNXRuntimeError] : {} : {} : {}", static_cast<int>(status.code()),
                                       StatusCodeName(status.code()), status.message());
  PyErr_SetString(class_of_code[static_cast<size_t>(status.code())], text.c_str());
  nb::raise_python_error();
}

void RaiseNamed(const char* name, int code, const char* code_name, const std::string& message) {
  const std::string text = fmt::format("[ONNXRuntimeError] : {} : {} : {}", code, code_name, message);
  for (size_t i = 0; i < kFurtherClasses.size(); ++i) {
    if (std::string_view(kFurtherClasses[i]) == name) PyErr_SetString(further_classes[i], text.c_str());
  }
  nb::raise_python_error();
}

void RaiseRuntimeError(const std::string& message) {
  throw nb::builtin_exception(nb::exception_type::runtime_error, message.c_str());
}

}  // namespace ortolan::python
