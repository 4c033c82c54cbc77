// Errors of the public C++ interface.
#pragma once

#include <stdexcept>
#include <string>

#include "ortolan/export.h"

namespace ortolan {

// The kinds of error, with onnxruntime's numbers.
enum class ErrorCode : int {
  kFail = 1,
  kInvalidArgument = 2,
  kNoSuchFile = 3,
  kRuntimeException = 6,
  kInvalidProtobuf = 7,
  kNotImplemented = 9,
  kInvalidGraph = 10,
};

// Thrown by every function here that fails. what() says what was expected, what came, and where.
class ORTOLAN_EXPORT Exception : public std::runtime_error {
 public:
  Exception(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace ortolan
