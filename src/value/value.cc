#include "value/value.h"

#include <utility>

namespace ortolan {

Value::Value() = default;
Value::Value(Tensor tensor) : state_(std::move(tensor)) {}
Value::Value(std::shared_ptr<const Sequence> items) : state_(std::move(items)) {}
Value::Value(std::shared_ptr<const Map> map) : state_(std::move(map)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

}  // namespace ortolan
