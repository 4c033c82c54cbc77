// Value: anything that flows along an edge of a graph: a tensor, a sequence of values, a map, an optional, or
// nothing. Cheap to copy: containers are shared and immutable once made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "value/tensor.h"

namespace ortolan {

class Value;

struct Sequence {
  DType element = DType::kUndefined;  // kUndefined where the elements are not tensors
  std::vector<Value> items;
};

// Keys are int64 or string, values float, int64, double or string: what ONNX-ML's maps hold.
struct Map {
  std::variant<std::vector<int64_t>, std::vector<std::string>> keys;
  Tensor values;  // one-dimensional, in the order of keys
};

class Value {
 public:
  enum class Kind : uint8_t { kNone, kTensor, kSequence, kMap };

  Value();                                       // nothing: an optional without a value
  Value(Tensor tensor);                          // NOLINT: implicit by design
  Value(std::shared_ptr<const Sequence> items);  // NOLINT
  Value(std::shared_ptr<const Map> map);         // NOLINT
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  Kind kind() const { return static_cast<Kind>(state_.index()); }
  const Tensor& tensor() const { return *std::get_if<Tensor>(&state_); }
  const Sequence& sequence() const { return **std::get_if<std::shared_ptr<const Sequence>>(&state_); }
  const Map& map() const { return **std::get_if<std::shared_ptr<const Map>>(&state_); }

 private:
  std::variant<std::monostate, Tensor, std::shared_ptr<const Sequence>, std::shared_ptr<const Map>> state_;
};

}  // namespace ortolan
