// Between Status and the exceptions of the public vision interface. Internal.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"
#include "ortolan/error.h"

namespace ortolan::vision {

inline void ThrowIfError(const Status& status) {
  if (!status.ok()) throw Exception(static_cast<ErrorCode>(status.code()), status.message());
}

template <typename T>
T OrThrow(Result<T> result) {
  ThrowIfError(result.status());
  return std::move(*result);
}

[[noreturn]] inline void Refuse(const std::string& message) {
  throw Exception(ErrorCode::kInvalidArgument, message);
}

}  // namespace ortolan::vision
