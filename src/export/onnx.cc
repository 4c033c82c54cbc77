#include "export/onnx.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "export/protobuf.h"
#include "model/six_bits.h"
#include "ops/op.h"
#include "ops/precision.h"

// The numbers below are those of the fields in onnx.proto.
namespace ortolan::exporting {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// protobuf's own bound; readers refuse larger messages.
constexpr size_t kMostBytes = (size_t{1} << 31) - 1;
// The oldest IR in which initializers need not be inputs is 4; 8 has every type of opset 17.
constexpr int64_t kLeastIr = 8;
constexpr size_t kExternalAlignment = 64;  // suits every element type and vector width

Message TypeMessage(const ValueType& type, const graph::Shape* shape);

Message ShapeMessage(const graph::Shape& shape) {
  Message message;
  for (const graph::Dim& dim : shape.dims()) {
    Message item;
    if (dim.IsConstant() && dim.constant() >= 0) item.Int(1, dim.constant());
    message.Add(1, item);
  }
  return message;
}

Message TensorType(DType dtype, const graph::Shape* shape) {
  Message message;
  message.Int(1, static_cast<int>(dtype));
  if (shape != nullptr && shape->has_rank()) message.Add(2, ShapeMessage(*shape));
  return message;
}

Message TypeMessage(const ValueType& type, const graph::Shape* shape) {
  Message message;
  Message inner;
  switch (type.kind) {
    case ValueType::Kind::kTensor:
      message.Add(1, TensorType(type.dtype, shape));
      break;
    case ValueType::Kind::kSequence:
      inner.Add(1, TypeMessage(*type.inner, nullptr));
      message.Add(4, inner);
      break;
    case ValueType::Kind::kMap:
      inner.Int(1, static_cast<int>(type.dtype));
      inner.Add(2, TypeMessage(*type.inner, nullptr));
      message.Add(5, inner);
      break;
    case ValueType::Kind::kSparseTensor:
      message.Add(8, TensorType(type.dtype, shape));
      break;
    case ValueType::Kind::kOptional:
      inner.Add(1, TypeMessage(*type.inner, nullptr));
      message.Add(9, inner);
      break;
    case ValueType::Kind::kUnknown:
      break;
  }
  return message;
}

// A type as the file declares it; `shape` (or null) has the sizes that were fixed since.
Message TypeMessage(const model::TypeView& type, const graph::Shape* known) {
  using Kind = model::TypeView::Kind;
  Message message;
  Message inner;
  const bool tensor = type.kind == Kind::kTensor || type.kind == Kind::kSparseTensor;
  if (tensor || type.kind == Kind::kMap) inner.Int(1, type.dtype);
  if (tensor && type.has_shape) {
    Message shape;
    const bool fixed = known != nullptr && known->has_rank() && known->dims().size() == type.dims.size();
    for (size_t i = 0; i < type.dims.size(); ++i) {
      const model::DimView& dim = type.dims[i];
      Message item;
      if (dim.kind == model::DimView::Kind::kValue) {
        item.Int(1, dim.value);
      } else if (fixed && known->dims()[i].IsConstant()) {
        item.Int(1, known->dims()[i].constant());
      } else if (dim.kind == model::DimView::Kind::kSymbol) {
        item.Bytes(2, dim.symbol);
      }
      item.Text(3, dim.denotation);
      shape.Add(1, item);
    }
    inner.Add(2, shape);
  }
  if (type.inner != nullptr) inner.Add(type.kind == Kind::kMap ? 2 : 1, TypeMessage(*type.inner, nullptr));
  switch (type.kind) {
    case Kind::kTensor:
      message.Add(1, inner);
      break;
    case Kind::kSequence:
      message.Add(4, inner);
      break;
    case Kind::kMap:
      message.Add(5, inner);
      break;
    case Kind::kSparseTensor:
      message.Add(8, inner);
      break;
    case Kind::kOptional:
      message.Add(9, inner);
      break;
    case Kind::kOpaque:
    case Kind::kNone:
      break;
  }
  message.Text(6, type.denotation);
  return message;
}

Message ValueInfo(std::string_view name, const Message& type) {
  Message message;
  message.Bytes(1, name);
  message.Add(2, type);
  return message;
}

Message StringPair(std::string_view key, std::string_view value) {
  Message message;
  message.Bytes(1, key);
  message.Bytes(2, value);
  return message;
}

class OnnxWriter {
 public:
  OnnxWriter(const model::ModelView& model, const OnnxOptions& options) : model_(model), options_(options) {}

  Result<OnnxFiles> Run(const Graph& graph);

 private:
  using Names = std::unordered_map<const Value*, std::string>;

  std::string Unused(std::string name);
  Result<Message> GraphMessage(const Graph& graph, Names& names, size_t captured);
  Result<Message> NodeMessage(const Node& node, const Names& names);
  Result<Message> AttributeMessage(const Node& node, std::string_view name,
                                   const graph::AttributeValue& value, const Names& names);
  Message TensorMessage(std::string_view name, const Tensor& tensor, bool may_be_external);
  void NameNodes(const Graph& graph, Names& names);
  std::vector<size_t> NameOutputs(const Graph& graph, Names& names, const std::vector<std::string>& wanted);
  void AddConstants(const Graph& graph, Names& names, Message& message);
  void AddInputs(const Graph& graph, Names& names, size_t captured, bool top, Message& message);
  Message ModelMessage(const Message& graph) const;

  const model::ModelView& model_;
  const OnnxOptions& options_;
  std::unordered_set<std::string> used_;
  std::map<std::string, int64_t, std::less<>> opsets_;  // the least that the nodes need, by domain
  std::string external_;
};

std::string OnnxWriter::Unused(std::string name) {
  if (!name.empty() && used_.insert(name).second) return name;
  for (int number = 1;; ++number) {
    std::string other = fmt::format("{}_{}", name.empty() ? "value" : name, number);
    if (used_.insert(other).second) return other;
  }
}

// Tensor{1 dims, 2 data_type, 6 string_data, 8 name, 9 raw_data, 13 external_data, 14 data_location}
Message OnnxWriter::TensorMessage(std::string_view name, const Tensor& tensor, bool may_be_external) {
  Message message;
  for (int64_t dim : tensor.dims()) message.Int(1, dim);
  message.Int(2, static_cast<int>(tensor.dtype()));
  message.Text(8, name);
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.Items<std::string>()) message.Bytes(6, text);
    return message;
  }
  std::string_view bytes(static_cast<const char*>(tensor.data()), tensor.bytes());
  std::string packed;
  if (IsSixBit(tensor.dtype()))
    bytes = packed = model::PackSixBits(static_cast<const uint8_t*>(tensor.data()), tensor.count());
  if (!may_be_external || options_.external_file.empty() || bytes.size() < options_.external_least_bytes) {
    message.Bytes(9, bytes);
    return message;
  }
  external_.resize((external_.size() + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment);
  message.Add(13, StringPair("location", options_.external_file));
  message.Add(13, StringPair("offset", std::to_string(external_.size())));
  message.Add(13, StringPair("length", std::to_string(bytes.size())));
  message.Int(14, 1);
  external_.append(bytes);
  return message;
}

// Attribute{1 name, 2 f, 3 i, 4 s, 5 t, 6 g, 7 floats, 8 ints, 9 strings, 10 tensors, 14 tp, 20 type}
Result<Message> OnnxWriter::AttributeMessage(const Node& node, std::string_view name,
                                             const graph::AttributeValue& value, const Names& names) {
  using model::AttributeKind;
  Message message;
  message.Bytes(1, name);
  AttributeKind kind = AttributeKind::kUndefined;
  if (const auto* f = std::get_if<float>(&value)) {
    message.Float(2, *f);
    kind = AttributeKind::kFloat;
  } else if (const auto* i = std::get_if<int64_t>(&value)) {
    message.Int(3, *i);
    kind = AttributeKind::kInt;
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    message.Bytes(4, *s);
    kind = AttributeKind::kString;
  } else if (const auto* t = std::get_if<Tensor>(&value)) {
    message.Add(5, TensorMessage({}, *t, false));
    kind = AttributeKind::kTensor;
  } else if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&value)) {
    Names inner;
    const size_t captured = graph::CapturedCount(node);
    for (size_t c = 0; c < captured; ++c) {
      const Value* outside = node.input(node.inputs().size() - captured + c);
      const Value* inside = (*body)->inputs()[(*body)->inputs().size() - captured + c];
      if (outside != nullptr) inner[inside] = names.at(outside);
    }
    ORTOLAN_ASSIGN_OR_RETURN(const Message made, GraphMessage(**body, inner, captured));
    message.Add(6, made);
    kind = AttributeKind::kGraph;
  } else if (const auto* floats = std::get_if<std::vector<float>>(&value)) {
    for (float item : *floats) message.Float(7, item);
    kind = AttributeKind::kFloats;
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    for (int64_t item : *ints) message.Int(8, item);
    kind = AttributeKind::kInts;
  } else if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *strings) message.Bytes(9, item);
    kind = AttributeKind::kStrings;
  } else if (const auto* tensors = std::get_if<std::vector<Tensor>>(&value)) {
    for (const Tensor& item : *tensors) message.Add(10, TensorMessage({}, item, false));
    kind = AttributeKind::kTensors;
  } else if (const auto* type = std::get_if<ValueType>(&value)) {
    message.Add(14, TypeMessage(*type, nullptr));
    kind = AttributeKind::kType;
  }
  message.Int(20, static_cast<int>(kind));
  return message;
}

// Node{1 input, 2 output, 3 name, 4 op_type, 5 attribute, 7 domain}
Result<Message> OnnxWriter::NodeMessage(const Node& node, const Names& names) {
  const OpDef& op = *node.op;
  if (op.domain == "ortolan" || node.payload != nullptr)
    return NotImplemented("{} has no ONNX form", op.name);
  Message message;
  size_t inputs = node.inputs().size() - graph::CapturedCount(node);
  while (inputs > 0 && !node.HasInput(inputs - 1)) --inputs;
  for (size_t i = 0; i < inputs; ++i)
    message.Bytes(1, node.HasInput(i) ? std::string_view(names.at(node.input(i))) : std::string_view());
  size_t outputs = node.outputs().size();
  while (outputs > 0 && node.output(outputs - 1) == nullptr) --outputs;
  for (size_t o = 0; o < outputs; ++o)
    message.Bytes(
        2, node.output(o) != nullptr ? std::string_view(names.at(node.output(o))) : std::string_view());
  message.Text(3, node.name);
  message.Bytes(4, op.name);
  for (const auto& [name, value] : node.attributes.items()) {
    if (name == kBFloat16Operands) continue;
    if (name == graph::kCapturedAttribute) continue;
    if (std::ranges::find(op.attributes, std::string_view(name), &AttributeSpec::name) == op.attributes.end())
      return NotImplemented("{} has no ONNX form with attribute {}", op.name, name);
    ORTOLAN_ASSIGN_OR_RETURN(const Message attribute, AttributeMessage(node, name, value, names));
    message.Add(5, attribute);
  }
  message.Text(7, op.domain);
  int64_t& opset = opsets_[std::string(op.domain)];
  opset = std::max<int64_t>(opset, op.versions.back());
  return message;
}

void OnnxWriter::NameNodes(const Graph& graph, Names& names) {
  for (const Node* node = graph.first(); node != nullptr; node = node->next()) {
    for (const Value* output : node->outputs()) {
      if (output != nullptr && !names.contains(output)) names[output] = Unused(output->name());
    }
  }
}

// Gives output values the names under which they are asked for. Where that cannot be (an input, a constant, a
// value that is two outputs) an Identity has to follow: those are returned.
std::vector<size_t> OnnxWriter::NameOutputs(const Graph& graph, Names& names,
                                            const std::vector<std::string>& wanted) {
  std::vector<size_t> copies;
  for (size_t k = 0; k < graph.outputs().size(); ++k) {
    const Value* value = graph.outputs()[k];
    if (value->producer() != nullptr && !names.contains(value)) {
      names[value] = wanted[k];
    } else {
      copies.push_back(k);
    }
  }
  return copies;
}

void OnnxWriter::AddConstants(const Graph& graph, Names& names, Message& message) {
  const auto add = [&](const Value* value) {
    if (value == nullptr || !value->IsConstant() || names.contains(value)) return;
    names[value] = Unused(value->name());
    message.Add(5, TensorMessage(names[value], value->constant(), true));
  };
  for (const Node* node = graph.first(); node != nullptr; node = node->next()) {
    for (const Value* input : node->inputs()) add(input);
  }
  for (const Value* output : graph.outputs()) add(output);
}

void OnnxWriter::AddInputs(const Graph& graph, Names& names, size_t captured, bool top, Message& message) {
  const size_t count = graph.inputs().size() - captured;
  for (size_t i = 0; i < count; ++i) {
    const Value* input = graph.inputs()[i];
    names[input] = top ? input->name() : Unused(input->name());
    const auto declared = top ? std::ranges::find(model_.graph.inputs, std::string_view(input->name()),
                                                  &model::ValueInfoView::name)
                              : model_.graph.inputs.end();
    message.Add(11, ValueInfo(names[input], declared != model_.graph.inputs.end()
                                                ? TypeMessage(declared->type, &input->shape)
                                                : TypeMessage(input->type, &input->shape)));
  }
  if (!top) return;
  const size_t plain = count - options_.input_defaults.size();
  for (size_t i = 0; i < options_.input_defaults.size(); ++i)
    message.Add(5, TensorMessage(graph.inputs()[plain + i]->name(), options_.input_defaults[i], true));
}

// Graph{1 node, 2 name, 5 initializer, 10 doc_string, 11 input, 12 output}
Result<Message> OnnxWriter::GraphMessage(const Graph& graph, Names& names, size_t captured) {
  const bool top = used_.empty();
  std::vector<std::string> outputs;
  if (top) {
    for (const Value* input : graph.inputs()) used_.insert(input->name());
    for (const model::ValueInfoView& output : model_.graph.outputs) {
      outputs.emplace_back(output.name);
      used_.insert(outputs.back());
    }
  } else {
    for (const Value* output : graph.outputs()) outputs.push_back(Unused(output->name()));
  }
  Message message;
  message.Bytes(2, graph.name.empty() ? std::string_view("body") : std::string_view(graph.name));
  if (top) message.Text(10, model_.graph.doc_string);
  AddInputs(graph, names, captured, top, message);
  const std::vector<size_t> copies = NameOutputs(graph, names, outputs);
  AddConstants(graph, names, message);
  NameNodes(graph, names);
  for (const Node* node = graph.first(); node != nullptr; node = node->next()) {
    ORTOLAN_ASSIGN_OR_RETURN(const Message made, NodeMessage(*node, names));
    message.Add(1, made);
  }
  for (size_t k : copies) {
    Message identity;
    identity.Bytes(1, names.at(graph.outputs()[k]));
    identity.Bytes(2, outputs[k]);
    identity.Bytes(4, "Identity");
    message.Add(1, identity);
    opsets_[""] = std::max<int64_t>(opsets_[""], 1);
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const Value* value = graph.outputs()[k];
    // What the file leaves open inference may have found.
    const bool declared = top && (model_.graph.outputs[k].type.has_shape || !value->shape.has_rank());
    message.Add(12, ValueInfo(outputs[k], declared ? TypeMessage(model_.graph.outputs[k].type, nullptr)
                                                   : TypeMessage(value->type, &value->shape)));
  }
  return message;
}

// Model{1 ir_version, 2 producer_name, 3 producer_version, 4 domain, 5 model_version, 6 doc_string, 7 graph,
// 8 opset_import, 14 metadata_props}
Message OnnxWriter::ModelMessage(const Message& graph) const {
  Message message;
  message.Int(1, std::max(model_.ir_version, kLeastIr));
  message.Text(2, model_.producer_name);
  message.Text(3, model_.producer_version);
  message.Text(4, model_.domain);
  if (model_.model_version) message.Int(5, *model_.model_version);
  message.Text(6, model_.doc_string);
  message.Add(7, graph);
  std::map<std::string, int64_t, std::less<>> opsets = opsets_;
  for (const model::OpsetImport& import : model_.opset_imports) {
    int64_t& version = opsets[std::string(import.domain == "ai.onnx" ? "" : import.domain)];
    version = std::max(version, import.version);
  }
  for (const auto& [domain, version] : opsets) {
    Message import;
    import.Bytes(1, domain);
    import.Int(2, version);
    message.Add(8, import);
  }
  for (const model::StringPair& pair : model_.metadata) message.Add(14, StringPair(pair.key, pair.value));
  return message;
}

Result<OnnxFiles> OnnxWriter::Run(const Graph& graph) {
  Names names;
  ORTOLAN_ASSIGN_OR_RETURN(const Message made, GraphMessage(graph, names, 0));
  OnnxFiles files{ModelMessage(made).bytes(), std::move(external_)};
  if (files.model.size() > kMostBytes) {
    return Fail(
        "The model takes {} bytes, more than protobuf's 2 GB: put the initializers into an external file",
        files.model.size());
  }
  return files;
}

}  // namespace

Result<OnnxFiles> ExportOnnx(const Graph& graph, const model::ModelView& model, const OnnxOptions& options) {
  return OnnxWriter(model, options).Run(graph);
}

}  // namespace ortolan::exporting
