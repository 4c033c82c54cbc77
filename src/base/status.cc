#include "base/status.h"

namespace ortolan {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "SUCCESS";
    case StatusCode::kFail:
      return "FAIL";
    case StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case StatusCode::kNoSuchFile:
      return "NO_SUCHFILE";
    case StatusCode::kNoModel:
      return "NO_MODEL";
    case StatusCode::kEngineError:
      return "ENGINE_ERROR";
    case StatusCode::kRuntimeException:
      return "RUNTIME_EXCEPTION";
    case StatusCode::kInvalidProtobuf:
      return "INVALID_PROTOBUF";
    case StatusCode::kModelLoaded:
      return "MODEL_LOADED";
    case StatusCode::kNotImplemented:
      return "NOT_IMPLEMENTED";
    case StatusCode::kInvalidGraph:
      return "INVALID_GRAPH";
    case StatusCode::kEpFail:
      return "EP_FAIL";
  }
  return "GENERAL ERROR";
}

Status::Status(StatusCode code, std::string message)
    : rep_(code == StatusCode::kOk ? nullptr : std::make_unique<Rep>(Rep{code, std::move(message)})) {}

const std::string& Status::message() const {
  static const std::string empty;
  return rep_ ? rep_->message : empty;
}

Status FormattedError(StatusCode code, fmt::string_view format, fmt::format_args args) {
  return {code, fmt::vformat(format, args)};
}

Status Status::WithContext(std::string_view context) && {
  if (rep_) rep_->message = fmt::format("{}: {}", context, rep_->message);
  return std::move(*this);
}

}  // namespace ortolan
