// A model file as it stands: every message of ONNX that we read, as plain structs over the file's own bytes.
// This is the first stage of the data's way: bytes -> ModelView -> (import) -> Graph.
//
// Lengths, wire types and nesting have been checked; names, counts and meanings have not: that is import's
// work. Texts are views into the bytes, which ModelView::owner keeps alive; they may hold anything, zero
// bytes included.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"

namespace ortolan::model {

// Graphs inside attributes of nodes inside graphs, and types inside types, nest at most this deep. protobuf's
// own limit of 100 messages allows 33 graphs; deeper files come from fuzzers only.
inline constexpr int kMostNesting = 64;

struct StringPair {
  std::string_view key;
  std::string_view value;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct TensorView {
  std::string_view name;
  int32_t data_type = 0;  // a number of the file: IsDefined() tells whether it is one of ours
  std::vector<int64_t> dims;
  bool has_raw = false;
  bool external = false;  // data_location is EXTERNAL
  bool has_segment = false;
  std::string_view raw;
  std::vector<StringPair> external_data;
  std::string_view
      message;  // the whole message, from which tensor.cc reads float_data, int32_data and the like
};

struct SparseTensorView {
  TensorView values;
  TensorView indices;
  std::vector<int64_t> dims;
};

struct DimView {
  enum class Kind : uint8_t { kUnknown, kValue, kSymbol };
  Kind kind = Kind::kUnknown;
  int64_t value = 0;
  std::string_view symbol;
  std::string_view denotation;
};

struct TypeView {
  enum class Kind : uint8_t { kNone, kTensor, kSparseTensor, kSequence, kMap, kOptional, kOpaque };
  Kind kind = Kind::kNone;
  bool has_shape = false;
  int32_t dtype = 0;  // element of a tensor, key of a map
  std::vector<DimView> dims;
  std::unique_ptr<TypeView> inner;  // of a sequence, optional or map; null where the file left it out
  std::string_view denotation;
};

struct ValueInfoView {
  std::string_view name;
  TypeView type;
};

// The numbers of onnx.AttributeProto.AttributeType.
enum class AttributeKind : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kType = 13,
  kTypes = 14,
};

struct AttributeObjects;

struct AttributeView {
  std::string_view name;
  std::string_view ref_name;  // inside a function: the attribute of the caller that gives the value
  // As the file says; where it says nothing (models before IR 3) the field that is set decides.
  AttributeKind kind = AttributeKind::kUndefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::unique_ptr<AttributeObjects> objects;  // null where there are none: most attributes are numbers
};

struct NodeView {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;
  std::string_view overload;
  std::vector<std::string_view> inputs;  // "" where an optional input is absent
  std::vector<std::string_view> outputs;
  std::vector<AttributeView> attributes;
};

struct GraphView {
  std::string_view name;
  std::string_view doc_string;
  std::vector<NodeView> nodes;
  std::vector<ValueInfoView> inputs;
  std::vector<ValueInfoView> outputs;
  std::vector<ValueInfoView> value_info;
  std::vector<TensorView> initializers;
  std::vector<SparseTensorView> sparse_initializers;
};

// What attributes other than numbers and texts hold. A single tensor and a list of one tensor are told apart.
struct AttributeObjects {
  std::vector<TensorView> tensor;  // none or one
  std::vector<GraphView> graph;
  std::vector<SparseTensorView> sparse_tensor;
  std::vector<TypeView> type;
  std::vector<TensorView> tensors;
  std::vector<GraphView> graphs;
  std::vector<SparseTensorView> sparse_tensors;
  std::vector<TypeView> types;
};

struct FunctionView {
  std::string_view name;
  std::string_view domain;
  std::string_view overload;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<std::string_view> attributes;       // without default
  std::vector<AttributeView> default_attributes;  // with one
  std::vector<OpsetImport> opset_imports;
  std::vector<NodeView> nodes;
};

struct ModelView {
  int64_t ir_version = 0;
  std::optional<int64_t> model_version;
  std::string_view producer_name;
  std::string_view producer_version;
  std::string_view domain;
  std::string_view doc_string;
  std::vector<OpsetImport> opset_imports;
  std::vector<StringPair> metadata;
  std::vector<FunctionView> functions;
  GraphView graph;

  std::span<const std::byte> bytes;        // of the whole model
  std::string path;                        // empty for a model from memory
  std::shared_ptr<const void> owner;       // keeps the bytes alive
  std::shared_ptr<const MappedFile> file;  // set where the bytes are a file of ours
};

// Maps and parses a file. The errors carry onnxruntime's words: kNoSuchFile, kInvalidProtobuf (a directory
// too), kInvalidArgument where there is no graph in it.
Result<ModelView> OpenModel(const std::string& path);

// Parses bytes that `owner` keeps alive (null: the caller does, for as long as the view and tensors borrowed
// from it live).
Result<ModelView> ParseModel(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

// The model as indented text, tensors by type and shape only; what `ortolan inspect --stage model` prints.
std::string DumpModel(const ModelView& model);

}  // namespace ortolan::model
