// Load a model, run it, read its answers.
//
//   ortolan::InferenceSession session("model.onnx");
//   std::vector<float> pixels(1 * 3 * 224 * 224);
//   auto outputs = session.Run({{"images", ortolan::Array::Of<float>({1, 3, 224, 224}, pixels)}});
//   std::span<const float> scores = outputs[0].Items<float>();
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ortolan/error.h"
#include "ortolan/export.h"

namespace ortolan {

// Element types, with the numbers of onnx.TensorProto.DataType.
enum class ElementType : int {
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kBFloat16 = 16,
};

template <typename T>
inline constexpr ElementType kElementTypeOf = ElementType{0};
template <>
inline constexpr ElementType kElementTypeOf<float> = ElementType::kFloat;
template <>
inline constexpr ElementType kElementTypeOf<double> = ElementType::kDouble;
template <>
inline constexpr ElementType kElementTypeOf<uint8_t> = ElementType::kUInt8;
template <>
inline constexpr ElementType kElementTypeOf<int8_t> = ElementType::kInt8;
template <>
inline constexpr ElementType kElementTypeOf<uint16_t> = ElementType::kUInt16;
template <>
inline constexpr ElementType kElementTypeOf<int16_t> = ElementType::kInt16;
template <>
inline constexpr ElementType kElementTypeOf<uint32_t> = ElementType::kUInt32;
template <>
inline constexpr ElementType kElementTypeOf<int32_t> = ElementType::kInt32;
template <>
inline constexpr ElementType kElementTypeOf<uint64_t> = ElementType::kUInt64;
template <>
inline constexpr ElementType kElementTypeOf<int64_t> = ElementType::kInt64;
template <>
inline constexpr ElementType kElementTypeOf<bool> = ElementType::kBool;
template <>
inline constexpr ElementType kElementTypeOf<std::string> = ElementType::kString;

// A dense row-major tensor. Copies share the elements.
class ORTOLAN_EXPORT Array {
 public:
  Array() = default;
  // Uninitialised elements (strings are empty). Throws kInvalidArgument for a negative or absurd size.
  Array(ElementType type, std::vector<int64_t> shape);

  // A copy of `items`, whose number must be the shape's product.
  template <typename T>
  static Array Of(std::vector<int64_t> shape, std::span<const T> items) {
    Array array(kElementTypeOf<T>, std::move(shape));
    array.CheckCount(items.size());
    std::span<T> to = array.Items<T>();
    for (size_t i = 0; i < items.size(); ++i) to[i] = items[i];
    return array;
  }
  template <typename T, typename Container>
  static Array Of(std::vector<int64_t> shape, const Container& items) {
    return Of<T>(std::move(shape), std::span<const T>(items.data(), items.size()));
  }
  // Borrows the caller's memory, which must outlive every use of the array.
  static Array Borrow(ElementType type, std::vector<int64_t> shape, void* data);

  ElementType type() const { return type_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  size_t count() const;  // elements
  void* data() const { return data_; }

  // The elements; throws kInvalidArgument where T is not the array's type.
  template <typename T>
  std::span<T> Items() const {
    CheckType(kElementTypeOf<T>);
    return {static_cast<T*>(data_), count()};
  }

 private:
  friend class InferenceSession;
  void CheckType(ElementType type) const;
  void CheckCount(size_t items) const;

  ElementType type_ = ElementType{0};
  std::vector<int64_t> shape_;
  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

// An input or output as the model declares it.
struct NodeArg {
  std::string name;
  std::string type;                  // "tensor(float)"
  std::vector<int64_t> shape;        // -1 where the size is symbolic or unknown
  std::vector<std::string> symbols;  // the name of each symbolic size, empty where there is none
};

struct SessionOptions {
  int threads =
      0;  // threads of one run, the caller's included; 0: one per usable core, shared by all sessions
  bool optimize = true;                       // false: run the graph as it stands in the file
  std::map<std::string, int64_t> dimensions;  // sizes for symbolic dimensions, by name
};

class ORTOLAN_EXPORT InferenceSession {
 public:
  // Loads and prepares the model. Throws Exception: kNoSuchFile, kInvalidProtobuf, kInvalidGraph, kFail, ...
  explicit InferenceSession(const std::string& path, const SessionOptions& options = {});
  InferenceSession(std::span<const std::byte> model,
                   const SessionOptions& options = {});  // copies what it needs
  ~InferenceSession();
  InferenceSession(InferenceSession&&) noexcept;
  InferenceSession& operator=(InferenceSession&&) noexcept;

  const std::vector<NodeArg>& inputs() const;
  const std::vector<NodeArg>& outputs() const;
  const std::map<std::string, std::string>& metadata() const;  // the model's own key-value pairs

  // Computes all outputs, in the model's order. Safe to call from several threads at once. Throws Exception.
  std::vector<Array> Run(const std::map<std::string, Array>& feeds) const;
  // The outputs of these names, in this order.
  std::vector<Array> Run(const std::map<std::string, Array>& feeds,
                         const std::vector<std::string>& outputs) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ortolan
