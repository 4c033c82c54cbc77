// ONNX models in a few lines for C++ tests: writes protobuf bytes with protozero's writer.
//
//   ModelBuilder model;
//   model.Opset("", 21);
//   model.graph.Input("x", DType::kFloat, {"N", 3}).Node("Relu", {"x"}, {"z"}).Output("z", DType::kFloat,
//   {"N", 3}); Result<model::ModelView> view = model::ParseModel(model.Bytes(), nullptr);
//
// Everything is kept as protobuf messages in strings, so that a test can also append what no sane exporter
// writes.
#pragma once

#include <cstring>
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "value/dtype.h"

namespace ortolan::testing {

using protozero::pbf_writer;

// A dimension as a test writes it: 3, "N" or Unknown{}.
struct Unknown {};
using DimSpec = std::variant<int, const char*, Unknown>;
using DimSpecs = std::vector<DimSpec>;

inline std::string TensorTypeMessage(DType dtype, const DimSpecs* dims) {
  std::string tensor;
  pbf_writer writer(tensor);
  writer.add_int32(1, static_cast<int32_t>(dtype));
  if (dims != nullptr) {
    std::string shape;
    for (const DimSpec& spec : *dims) {
      std::string dim;
      if (const int* size = std::get_if<int>(&spec)) pbf_writer(dim).add_int64(1, *size);
      if (const char* const* symbol = std::get_if<const char*>(&spec)) pbf_writer(dim).add_string(2, *symbol);
      pbf_writer(shape).add_message(1, dim);
    }
    writer.add_message(2, shape);
  }
  std::string type;
  pbf_writer(type).add_message(1, tensor);
  return type;
}
// TypeProto messages of containers.
inline std::string SequenceTypeMessage(const std::string& item) {
  std::string inner, type;
  pbf_writer(inner).add_message(1, item);
  pbf_writer(type).add_message(4, inner);
  return type;
}
inline std::string OptionalTypeMessage(const std::string& item) {
  std::string inner, type;
  pbf_writer(inner).add_message(1, item);
  pbf_writer(type).add_message(9, inner);
  return type;
}
inline std::string MapTypeMessage(DType key, const std::string& item) {
  std::string inner, type;
  pbf_writer(inner).add_int32(1, static_cast<int32_t>(key));
  pbf_writer(inner).add_message(2, item);
  pbf_writer(type).add_message(5, inner);
  return type;
}

inline std::string ValueInfoMessage(std::string_view name, const std::string& type) {
  std::string info;
  pbf_writer writer(info);
  writer.add_string(1, name.data(), name.size());
  writer.add_message(2, type);
  return info;
}

// TensorProto with raw data.
inline std::string RawTensorMessage(std::string_view name, DType dtype, std::span<const int64_t> dims,
                                    std::string_view raw) {
  std::string tensor;
  pbf_writer writer(tensor);
  for (const int64_t dim : dims) writer.add_int64(1, dim);
  writer.add_int32(2, static_cast<int32_t>(dtype));
  writer.add_string(8, name.data(), name.size());
  writer.add_bytes(9, raw.data(), raw.size());
  return tensor;
}
template <typename T>
std::string TensorMessage(std::string_view name, std::initializer_list<int64_t> dims,
                          const std::vector<T>& items) {
  std::string raw(items.size() * sizeof(T), '\0');
  if (!items.empty()) std::memcpy(raw.data(), items.data(), raw.size());
  return RawTensorMessage(name, kDTypeOf<T>, {dims.begin(), dims.size()}, raw);
}

// One attribute of a node.
struct AttributeSpecs {
  std::vector<std::string> messages;

  AttributeSpecs& Float(std::string_view name, float value) {
    return Add(name, 1, [&](pbf_writer& w) { w.add_float(2, value); });
  }
  AttributeSpecs& Int(std::string_view name, int64_t value) {
    return Add(name, 2, [&](pbf_writer& w) { w.add_int64(3, value); });
  }
  AttributeSpecs& String(std::string_view name, std::string_view value) {
    return Add(name, 3, [&](pbf_writer& w) { w.add_bytes(4, value.data(), value.size()); });
  }
  AttributeSpecs& Tensor(std::string_view name, const std::string& tensor) {
    return Add(name, 4, [&](pbf_writer& w) { w.add_message(5, tensor); });
  }
  AttributeSpecs& Graph(std::string_view name, const std::string& graph) {
    return Add(name, 5, [&](pbf_writer& w) { w.add_message(6, graph); });
  }
  AttributeSpecs& Floats(std::string_view name, const std::vector<float>& values) {
    return Add(name, 6, [&](pbf_writer& w) {
      for (const float value : values) w.add_float(7, value);
    });
  }
  AttributeSpecs& Ints(std::string_view name, const std::vector<int64_t>& values) {
    return Add(name, 7, [&](pbf_writer& w) {
      for (const int64_t value : values) w.add_int64(8, value);
    });
  }
  AttributeSpecs& Strings(std::string_view name, const std::vector<std::string>& values) {
    return Add(name, 8, [&](pbf_writer& w) {
      for (const std::string& value : values) w.add_bytes(9, value);
    });
  }
  AttributeSpecs& SparseTensor(std::string_view name, const std::string& sparse) {
    return Add(name, 11, [&](pbf_writer& w) { w.add_message(22, sparse); });
  }
  AttributeSpecs& Type(std::string_view name, const std::string& type) {
    return Add(name, 13, [&](pbf_writer& w) { w.add_message(14, type); });
  }
  // Inside a function: the value of the caller's attribute `ref`; `kind` is the number of the attribute's
  // type.
  AttributeSpecs& Ref(std::string_view name, std::string_view ref, int kind) {
    return Add(name, kind, [&](pbf_writer& w) { w.add_string(21, ref.data(), ref.size()); });
  }

 private:
  template <typename Fill>
  AttributeSpecs& Add(std::string_view name, int kind, Fill fill) {
    std::string message;
    pbf_writer writer(message);
    writer.add_string(1, name.data(), name.size());
    fill(writer);
    writer.add_enum(20, kind);
    messages.push_back(std::move(message));
    return *this;
  }
};

using Names = std::vector<std::string>;

struct NodeFacts {
  std::string domain;
  std::string name;
  std::string overload;
};

inline std::string NodeMessage(const std::string& op, const Names& inputs, const Names& outputs,
                               const AttributeSpecs& attributes = {}, const NodeFacts& facts = {}) {
  std::string node;
  pbf_writer writer(node);
  for (const std::string& input : inputs) writer.add_string(1, input);
  for (const std::string& output : outputs) writer.add_string(2, output);
  if (!facts.name.empty()) writer.add_string(3, facts.name);
  writer.add_string(4, op);
  for (const std::string& attribute : attributes.messages) writer.add_message(5, attribute);
  if (!facts.domain.empty()) writer.add_string(7, facts.domain);
  if (!facts.overload.empty()) writer.add_string(8, facts.overload);
  return node;
}

class GraphBuilder {
 public:
  GraphBuilder& Input(std::string_view name, DType dtype, const DimSpecs& dims) {
    return Message(11, ValueInfoMessage(name, TensorTypeMessage(dtype, &dims)));
  }
  GraphBuilder& Input(std::string_view name, DType dtype) {  // rank unknown
    return Message(11, ValueInfoMessage(name, TensorTypeMessage(dtype, nullptr)));
  }
  GraphBuilder& InputOfType(std::string_view name, const std::string& type) {
    return Message(11, ValueInfoMessage(name, type));
  }
  GraphBuilder& Output(std::string_view name, DType dtype, const DimSpecs& dims) {
    return Message(12, ValueInfoMessage(name, TensorTypeMessage(dtype, &dims)));
  }
  GraphBuilder& Output(std::string_view name, DType dtype) {
    return Message(12, ValueInfoMessage(name, TensorTypeMessage(dtype, nullptr)));
  }
  GraphBuilder& Output(std::string_view name) {  // no type at all
    std::string info;
    pbf_writer(info).add_string(1, name.data(), name.size());
    return Message(12, info);
  }
  GraphBuilder& OutputOfType(std::string_view name, const std::string& type) {
    return Message(12, ValueInfoMessage(name, type));
  }
  GraphBuilder& Info(std::string_view name, DType dtype, const DimSpecs& dims) {
    return Message(13, ValueInfoMessage(name, TensorTypeMessage(dtype, &dims)));
  }
  template <typename T>
  GraphBuilder& Initializer(std::string_view name, std::initializer_list<int64_t> dims,
                            const std::vector<T>& items) {
    return Message(5, TensorMessage<T>(name, dims, items));
  }
  GraphBuilder& Node(const std::string& op, const Names& inputs, const Names& outputs,
                     const AttributeSpecs& attributes = {}, const NodeFacts& facts = {}) {
    return Message(1, NodeMessage(op, inputs, outputs, attributes, facts));
  }
  // Any field of GraphProto.
  GraphBuilder& Message(uint32_t field, const std::string& message) {
    pbf_writer(bytes_).add_message(field, message);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class FunctionBuilder {
 public:
  FunctionBuilder(const std::string& domain, const std::string& name, const Names& inputs,
                  const Names& outputs) {
    pbf_writer writer(bytes_);
    writer.add_string(1, name);
    for (const std::string& input : inputs) writer.add_string(4, input);
    for (const std::string& output : outputs) writer.add_string(5, output);
    writer.add_string(10, domain);
  }
  FunctionBuilder& Attribute(const std::string& name) {
    pbf_writer(bytes_).add_string(6, name);
    return *this;
  }
  FunctionBuilder& Defaults(const AttributeSpecs& attributes) {
    for (const std::string& attribute : attributes.messages) pbf_writer(bytes_).add_message(11, attribute);
    return *this;
  }
  FunctionBuilder& Opset(const std::string& domain, int64_t version) {
    std::string opset;
    pbf_writer writer(opset);
    writer.add_string(1, domain);
    writer.add_int64(2, version);
    pbf_writer(bytes_).add_message(9, opset);
    return *this;
  }
  FunctionBuilder& Overload(const std::string& overload) {
    pbf_writer(bytes_).add_string(13, overload);
    return *this;
  }
  FunctionBuilder& Node(const std::string& op, const Names& inputs, const Names& outputs,
                        const AttributeSpecs& attributes = {}, const NodeFacts& facts = {}) {
    pbf_writer(bytes_).add_message(7, NodeMessage(op, inputs, outputs, attributes, facts));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ModelBuilder {
 public:
  GraphBuilder graph;
  int64_t ir_version = 10;

  ModelBuilder& Opset(const std::string& domain, int64_t version) {
    std::string opset;
    pbf_writer writer(opset);
    writer.add_string(1, domain);
    writer.add_int64(2, version);
    pbf_writer(extra_).add_message(8, opset);
    return *this;
  }
  ModelBuilder& Metadata(const std::string& key, const std::string& value) {
    std::string pair;
    pbf_writer writer(pair);
    writer.add_string(1, key);
    writer.add_string(2, value);
    pbf_writer(extra_).add_message(14, pair);
    return *this;
  }
  ModelBuilder& Function(const FunctionBuilder& function) {
    pbf_writer(extra_).add_message(25, function.bytes());
    return *this;
  }
  // The file. Its address stays until the next call.
  std::span<const std::byte> Bytes() {
    bytes_.clear();
    pbf_writer writer(bytes_);
    writer.add_int64(1, ir_version);
    bytes_ += extra_;
    pbf_writer(bytes_).add_message(7, graph.bytes());
    return std::as_bytes(std::span(bytes_));
  }

 private:
  std::string extra_;
  std::string bytes_;
};

}  // namespace ortolan::testing
