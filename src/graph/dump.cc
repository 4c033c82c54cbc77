// Dump: a graph as text.
#include <fmt/format.h>

#include <unordered_map>

#include "graph/graph.h"

namespace ortolan::graph {
namespace {

constexpr int64_t kMostItems = 8;  // of a constant or an attribute, written out
constexpr size_t kMostString = 40;
constexpr int kMostNesting = 64;  // of bodies; deeper ones are "..."

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, kMostString)) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? '?' : c;
  }
  out += text.size() > kMostString ? "...\"" : "\"";
  return out;
}

template <typename T, typename Write>
std::string List(std::span<const T> items, Write write) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMostItems; ++i) {
    if (i > 0) text += ',';
    text += write(items[i]);
  }
  if (items.size() > kMostItems) text += ",...";
  return text;
}

template <typename T>
std::string Numbers(const Tensor& tensor) {
  return List(std::span<const T>(tensor.Items<const T>()), [](T item) { return fmt::format("{}", item); });
}

// The elements where they are few and of a plain type, else nothing.
std::string ItemsText(const Tensor& tensor) {
  if (tensor.device().kind != Device::Kind::kCpu || tensor.count() > kMostItems) return "";
  if (!tensor.HasElements()) return "";
  switch (tensor.dtype()) {
    case DType::kFloat:
      return Numbers<float>(tensor);
    case DType::kDouble:
      return Numbers<double>(tensor);
    case DType::kFloat16:
      return List(std::span<const Float16>(tensor.Items<const Float16>()),
                  [](Float16 item) { return fmt::format("{}", static_cast<float>(item)); });
    case DType::kInt32:
      return Numbers<int32_t>(tensor);
    case DType::kInt64:
      return Numbers<int64_t>(tensor);
    case DType::kUInt8:
      return fmt::format("{}", Numbers<uint8_t>(tensor));
    case DType::kInt8:
      return Numbers<int8_t>(tensor);
    case DType::kBool:
      return Numbers<bool>(tensor);
    case DType::kString:
      return List(std::span<const std::string>(tensor.Items<const std::string>()),
                  [](const std::string& item) { return Quoted(item); });
    default:
      return "";
  }
}

// "float[64,3]", "int64[2]{4,-1}", and a scalar as "float{0.5}".
std::string ConstantText(const Tensor& tensor) {
  std::string text(DTypeName(tensor.dtype()));
  if (!tensor.dims().empty()) text += ShapeText(Shape::OfConstants(tensor.dims()));
  const std::string items = ItemsText(tensor);
  return items.empty() ? text : fmt::format("{}{{{}}}", text, items);
}

std::string AttributeText(const AttributeValue& value) {
  const auto number = [](auto item) { return fmt::format("{}", item); };
  const auto quoted = [](const std::string& item) { return Quoted(item); };
  if (const auto* x = std::get_if<float>(&value)) return number(*x);
  if (const auto* x = std::get_if<int64_t>(&value)) return number(*x);
  if (const auto* x = std::get_if<std::string>(&value)) return Quoted(*x);
  if (const auto* x = std::get_if<Tensor>(&value)) return ConstantText(*x);
  if (const auto* x = std::get_if<ValueType>(&value)) return TypeText(*x);
  if (const auto* x = std::get_if<std::vector<float>>(&value))
    return fmt::format("[{}]", List<float>(*x, number));
  if (const auto* x = std::get_if<std::vector<int64_t>>(&value))
    return fmt::format("[{}]", List<int64_t>(*x, number));
  if (const auto* x = std::get_if<std::vector<std::string>>(&value))
    return fmt::format("[{}]", List<std::string>(*x, quoted));
  if (const auto* x = std::get_if<std::vector<Tensor>>(&value))
    return fmt::format("[{}]", List<Tensor>(*x, ConstantText));
  return "graph";
}

class Dumper {
 public:
  explicit Dumper(std::string indent) : indent_(std::move(indent)) {}

  std::string Text(const Graph& graph) {
    std::string text = indent_ + "inputs ";
    for (const Value* input : graph.inputs()) text += Declare(input) + " ";
    text.back() = '\n';
    for (const Node* node = graph.first(); node != nullptr; node = node->next()) AppendNode(*node, &text);
    text += indent_ + "outputs ";
    for (const Value* output : graph.outputs()) text += Use(output) + " ";
    text.back() = '\n';
    return text;
  }

 private:
  // "%3:float[N,64]", with its contents where they are known: "%3:int64[2]{N,64}".
  std::string Declare(const Value* value) {
    if (value == nullptr) return "-";
    const size_t number = numbers_.emplace(value, numbers_.size()).first->second;
    std::string text = fmt::format("%{}:", number);
    if (value->type.IsTensor()) {
      text += DTypeName(value->type.dtype);
      text += ShapeText(value->shape);
    } else {
      text += TypeText(value->type);
    }
    if (value->contents) {
      text += fmt::format("{{{}}}", List<Dim>(*value->contents, [](const Dim& dim) { return DimText(dim); }));
    }
    if (value->device.kind != Device::Kind::kCpu || value->device.id != 0) {
      text += fmt::format("@{}:{}", static_cast<int>(value->device.kind), value->device.id);
    }
    return text;
  }

  std::string Use(const Value* value) {
    if (value == nullptr) return "-";
    if (value->IsConstant()) return ConstantText(value->constant());
    return fmt::format("%{}", numbers_.emplace(value, numbers_.size()).first->second);
  }

  void AppendNode(const Node& node, std::string* text) {
    *text += indent_;
    for (size_t i = 0; i < node.outputs().size(); ++i)
      *text += fmt::format("{}{}", i ? ", " : "", Declare(node.output(i)));
    *text += fmt::format(" = {}(", node.op_type);
    for (size_t i = 0; i < node.inputs().size(); ++i)
      *text += fmt::format("{}{}", i ? ", " : "", Use(node.input(i)));
    *text += ")";
    std::string attributes;
    for (const auto& [name, value] : node.attributes.items()) {
      if (std::holds_alternative<std::shared_ptr<Graph>>(value)) continue;
      attributes += fmt::format("{}{}: {}", attributes.empty() ? "" : ", ", name, AttributeText(value));
    }
    if (!attributes.empty()) *text += fmt::format(" {{{}}}", attributes);
    if (!node.payload_text.empty()) *text += fmt::format(" [{}]", node.payload_text);
    if (!node.name.empty()) *text += fmt::format("  # {}", node.name);
    *text += '\n';
    for (const auto& [name, value] : node.attributes.items()) {
      const auto* body = std::get_if<std::shared_ptr<Graph>>(&value);
      if (body == nullptr || *body == nullptr) continue;
      *text += fmt::format("{}  {}:\n", indent_, name);
      *text +=
          indent_.size() / 4 < kMostNesting ? Dumper(indent_ + "    ").Text(**body) : indent_ + "    ...\n";
    }
  }

  std::string indent_;
  std::unordered_map<const Value*, size_t> numbers_;
};

}  // namespace

std::string Dump(const Graph& graph) {
  return Dumper("").Text(graph);
}

}  // namespace ortolan::graph
