// Status and Result<T>: how every layer of src/ reports failure. No exception crosses a layer; the public C++
// API and Python turn a Status into the class that carries the same code.
//
//   Result<Graph> Import(const ModelView& model);
//   ORTOLAN_ASSIGN_OR_RETURN(Graph graph, Import(model));
//   ORTOLAN_RETURN_IF_ERROR(Verify(graph).WithContext("model {}", path));
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ortolan {

// Values and names equal onnxruntime's, so that Python raises the same classes.
enum class StatusCode : uint8_t {
  kOk = 0,
  kFail = 1,
  kInvalidArgument = 2,
  kNoSuchFile = 3,
  kNoModel = 4,
  kEngineError = 5,
  kRuntimeException = 6,
  kInvalidProtobuf = 7,
  kModelLoaded = 8,
  kNotImplemented = 9,
  kInvalidGraph = 10,
  kEpFail = 11,
};

// "INVALID_ARGUMENT" and so on, as it stands in messages.
std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok: one null pointer, nothing allocated
  Status(StatusCode code, std::string message);

  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) {
    if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
    return *this;
  }
  ~Status() = default;

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ ? rep_->code : StatusCode::kOk; }
  const std::string& message() const;

  // The same error with "context: " before its message; ok stays ok.
  Status WithContext(std::string_view context) &&;

 private:
  struct Rep {
    StatusCode code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

inline Status OkStatus() {
  return {};
}

// Formats out of line: every operator has a dozen messages, and each would instantiate the formatter anew.
Status FormattedError(StatusCode code, fmt::string_view format, fmt::format_args args);

template <typename... Args>
Status Error(StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return FormattedError(code, format, fmt::make_format_args(args...));
}
template <typename... Args>
Status Fail(fmt::format_string<Args...> format, Args&&... args) {
  return FormattedError(StatusCode::kFail, format, fmt::make_format_args(args...));
}
template <typename... Args>
Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return FormattedError(StatusCode::kInvalidArgument, format, fmt::make_format_args(args...));
}
template <typename... Args>
Status InvalidGraph(fmt::format_string<Args...> format, Args&&... args) {
  return FormattedError(StatusCode::kInvalidGraph, format, fmt::make_format_args(args...));
}
template <typename... Args>
Status NotImplemented(fmt::format_string<Args...> format, Args&&... args) {
  return FormattedError(StatusCode::kNotImplemented, format, fmt::make_format_args(args...));
}

// A T or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: implicit by design

  bool ok() const { return value_.has_value(); }
  Status status() const& { return status_; }
  Status status() && { return std::move(status_); }

  // Only after ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;  // ok where there is a value
};

#define ORTOLAN_CONCAT_INNER(a, b) a##b
#define ORTOLAN_CONCAT(a, b) ORTOLAN_CONCAT_INNER(a, b)

#define ORTOLAN_RETURN_IF_ERROR(expression)                                                           \
  do {                                                                                                \
    if (::ortolan::Status ortolan_status = (expression); !ortolan_status.ok()) return ortolan_status; \
  } while (false)

#define ORTOLAN_ASSIGN_OR_RETURN(target, expression) \
  ORTOLAN_ASSIGN_OR_RETURN_INNER(ORTOLAN_CONCAT(ortolan_result_, __LINE__), target, expression)
#define ORTOLAN_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return std::move(result).status();             \
  target = std::move(result).value()

}  // namespace ortolan
