// The model as text, in the file's own order. Reads nothing but the view, so it shows a model that import
// refuses.
#include <fmt/format.h>

#include <iterator>

#include "model/model.h"
#include "value/dtype.h"

namespace ortolan::model {
namespace {

constexpr size_t kMostItems = 16;  // of a list in an attribute
constexpr size_t kMostText = 120;  // characters of a text

class Dumper {
 public:
  std::string Take() { return std::move(out_); }
  void Model(const ModelView& model);

 private:
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  void Indent() { out_.append(2 * depth_, ' '); }
  // A name as it is, or quoted where it is empty or would confuse.
  void Name(std::string_view name);
  void Quoted(std::string_view text);
  void Names(const std::vector<std::string_view>& names);
  void ElementType(int32_t dtype);
  void Type(const TypeView& type);
  void Tensor(const TensorView& tensor);
  void Objects(const AttributeView& attribute);
  void Attribute(const AttributeView& attribute);
  void Node(const NodeView& node);
  void Graph(const GraphView& graph);
  void ValueInfos(std::string_view role, const std::vector<ValueInfoView>& infos);
  void Function(const FunctionView& function);
  void Opsets(const std::vector<OpsetImport>& opsets);

  template <typename List, typename Each>
  void Listed(const List& list, Each each) {
    out_ += '[';
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out_ += ", ";
      if (i == kMostItems) {
        Add("... {} in all", list.size());
        break;
      }
      each(list[i]);
    }
    out_ += ']';
  }

  std::string out_;
  size_t depth_ = 0;
};

void Dumper::Quoted(std::string_view text) {
  out_ += '"';
  for (const char c : text.substr(0, kMostText)) {
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      Add("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out_ += c;
    }
  }
  out_ += text.size() > kMostText ? "\"..." : "\"";
}

void Dumper::Name(std::string_view name) {
  const auto plain = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '\\' && c != 0x7f;
  };
  bool quote = name.empty() || name.size() > kMostText;
  for (const char c : name) quote |= !plain(c);
  if (quote) {
    Quoted(name);
  } else {
    out_ += name;
  }
}

void Dumper::Names(const std::vector<std::string_view>& names) {
  out_ += '(';
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out_ += ", ";
    if (names[i].empty()) {
      out_ += '_';
    } else {
      Name(names[i]);
    }
  }
  out_ += ')';
}

void Dumper::ElementType(int32_t dtype) {
  if (IsDefined(dtype)) {
    out_ += DTypeName(static_cast<DType>(dtype));
  } else {
    Add("type {}", dtype);
  }
}

void Dumper::Type(const TypeView& type) {
  const auto wrapped = [&](std::string_view word) {
    Add("{}(", word);
    if (type.kind == TypeView::Kind::kMap) {
      ElementType(type.dtype);
      out_ += ", ";
    }
    if (type.inner != nullptr) Type(*type.inner);
    out_ += ')';
  };
  switch (type.kind) {
    case TypeView::Kind::kNone:
      out_ += '?';
      break;
    case TypeView::Kind::kOpaque:
      out_ += "opaque";
      break;
    case TypeView::Kind::kSequence:
      wrapped("seq");
      break;
    case TypeView::Kind::kOptional:
      wrapped("optional");
      break;
    case TypeView::Kind::kMap:
      wrapped("map");
      break;
    case TypeView::Kind::kSparseTensor:
      out_ += "sparse ";
      [[fallthrough]];
    case TypeView::Kind::kTensor:
      ElementType(type.dtype);
      if (!type.has_shape) break;
      Listed(type.dims, [this](const DimView& dim) {
        if (dim.kind == DimView::Kind::kValue) Add("{}", dim.value);
        if (dim.kind == DimView::Kind::kUnknown) out_ += '?';
        if (dim.kind == DimView::Kind::kSymbol) Name(dim.symbol);
        if (!dim.denotation.empty()) {
          out_ += '@';
          Name(dim.denotation);
        }
      });
  }
}

void Dumper::Tensor(const TensorView& tensor) {
  ElementType(tensor.data_type);
  Listed(tensor.dims, [this](int64_t dim) { Add("{}", dim); });
  if (tensor.external) {
    out_ += " external";
    for (const StringPair& pair : tensor.external_data) {
      out_ += ' ';
      Name(pair.key);
      out_ += '=';
      Name(pair.value);
    }
  } else if (tensor.has_raw) {
    Add(" raw {} bytes", tensor.raw.size());
  }
}

void Dumper::Objects(const AttributeView& attribute) {
  const AttributeObjects& objects = *attribute.objects;
  for (const TensorView& tensor : objects.tensor) Tensor(tensor);
  for (const SparseTensorView& sparse : objects.sparse_tensor) {
    out_ += "sparse ";
    Tensor(sparse.values);
  }
  for (const TypeView& type : objects.type) Type(type);
  if (!objects.tensors.empty()) Listed(objects.tensors, [this](const TensorView& tensor) { Tensor(tensor); });
  if (!objects.types.empty()) Listed(objects.types, [this](const TypeView& type) { Type(type); });
  if (!objects.sparse_tensors.empty()) Add("{} sparse tensors", objects.sparse_tensors.size());
  const auto body = [this](const GraphView& graph) {
    out_ += "{\n";
    ++depth_;
    Graph(graph);
    --depth_;
    Indent();
    out_ += '}';
  };
  for (const GraphView& graph : objects.graph) body(graph);
  for (const GraphView& graph : objects.graphs) body(graph);
}

void Dumper::Attribute(const AttributeView& attribute) {
  Name(attribute.name);
  if (!attribute.ref_name.empty()) {
    out_ += ": @";
    Name(attribute.ref_name);
    return;
  }
  out_ += ": ";
  switch (attribute.kind) {
    case AttributeKind::kFloat:
      Add("{}", attribute.f);
      break;
    case AttributeKind::kInt:
      Add("{}", attribute.i);
      break;
    case AttributeKind::kString:
      Quoted(attribute.s);
      break;
    case AttributeKind::kFloats:
      Listed(attribute.floats, [this](float item) { Add("{}", item); });
      break;
    case AttributeKind::kInts:
      Listed(attribute.ints, [this](int64_t item) { Add("{}", item); });
      break;
    case AttributeKind::kStrings:
      Listed(attribute.strings, [this](std::string_view item) { Quoted(item); });
      break;
    default:
      if (attribute.objects != nullptr) {
        Objects(attribute);
      } else {
        out_ += '?';
      }
  }
}

void Dumper::Node(const NodeView& node) {
  Indent();
  if (!node.domain.empty()) {
    Name(node.domain);
    out_ += ':';
  }
  Name(node.op_type);
  if (!node.overload.empty()) {
    out_ += ':';
    Name(node.overload);
  }
  if (!node.name.empty()) {
    out_ += ' ';
    Quoted(node.name);
  }
  out_ += ' ';
  Names(node.inputs);
  out_ += " -> ";
  Names(node.outputs);
  if (!node.attributes.empty()) {
    out_ += " {";
    for (size_t i = 0; i < node.attributes.size(); ++i) {
      if (i > 0) out_ += ", ";
      Attribute(node.attributes[i]);
    }
    out_ += '}';
  }
  out_ += '\n';
}

void Dumper::ValueInfos(std::string_view role, const std::vector<ValueInfoView>& infos) {
  for (const ValueInfoView& info : infos) {
    Indent();
    Add("{} ", role);
    Name(info.name);
    out_ += ": ";
    Type(info.type);
    out_ += '\n';
  }
}

void Dumper::Graph(const GraphView& graph) {
  Indent();
  out_ += "graph ";
  Quoted(graph.name);
  out_ += '\n';
  ++depth_;
  ValueInfos("input", graph.inputs);
  for (const TensorView& tensor : graph.initializers) {
    Indent();
    out_ += "initializer ";
    Name(tensor.name);
    out_ += ": ";
    Tensor(tensor);
    out_ += '\n';
  }
  for (const SparseTensorView& sparse : graph.sparse_initializers) {
    Indent();
    out_ += "sparse initializer ";
    Name(sparse.values.name);
    out_ += ": ";
    Tensor(sparse.values);
    out_ += " in ";
    Listed(sparse.dims, [this](int64_t dim) { Add("{}", dim); });
    out_ += '\n';
  }
  ValueInfos("value", graph.value_info);
  for (const NodeView& node : graph.nodes) Node(node);
  ValueInfos("output", graph.outputs);
  --depth_;
}

void Dumper::Opsets(const std::vector<OpsetImport>& opsets) {
  for (const OpsetImport& opset : opsets) {
    Indent();
    out_ += "opset ";
    Name(opset.domain.empty() ? "ai.onnx" : opset.domain);
    Add(" {}\n", opset.version);
  }
}

void Dumper::Function(const FunctionView& function) {
  out_ += "function ";
  Name(function.domain);
  out_ += ':';
  Name(function.name);
  if (!function.overload.empty()) {
    out_ += ':';
    Name(function.overload);
  }
  out_ += ' ';
  Names(function.inputs);
  out_ += " -> ";
  Names(function.outputs);
  if (!function.attributes.empty()) {
    out_ += " attributes ";
    Names(function.attributes);
  }
  for (const AttributeView& attribute : function.default_attributes) {
    out_ += ' ';
    Attribute(attribute);
  }
  out_ += '\n';
  ++depth_;
  Opsets(function.opset_imports);
  for (const NodeView& node : function.nodes) Node(node);
  --depth_;
}

void Dumper::Model(const ModelView& model) {
  Add("model ir {} producer ", model.ir_version);
  Quoted(model.producer_name);
  out_ += ' ';
  Quoted(model.producer_version);
  if (model.model_version) Add(" version {}", *model.model_version);
  if (!model.domain.empty()) {
    out_ += " domain ";
    Quoted(model.domain);
  }
  out_ += '\n';
  Opsets(model.opset_imports);
  for (const StringPair& pair : model.metadata) {
    out_ += "metadata ";
    Quoted(pair.key);
    out_ += ": ";
    Quoted(pair.value);
    out_ += '\n';
  }
  Graph(model.graph);
  for (const FunctionView& function : model.functions) Function(function);
}

}  // namespace

std::string DumpModel(const ModelView& model) {
  Dumper dumper;
  dumper.Model(model);
  return dumper.Take();
}

}  // namespace ortolan::model
