#include "support/graph_text.h"

#include <gtest/gtest.h>

#include <cctype>
#include <charconv>
#include <map>
#include <vector>

namespace ortolan::support {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Shape;

class Parser {
 public:
  Parser(Graph& graph, std::span<const OpDef* const> extra) : graph_(graph), extra_(extra) {}

  bool Line(std::string_view line) {
    rest_ = line;
    if (Word("inputs")) return Inputs();
    if (Word("outputs")) return Outputs();
    return NodeLine();
  }

 private:
  void Spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool Take(char c) {
    Spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Word(std::string_view word) {
    Spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::string Name() {
    Spaces();
    size_t size = 0;
    while (size < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[size])) ||
                                   rest_[size] == '_' || rest_[size] == '?' || rest_[size] == '.')) {
      ++size;
    }
    const std::string name(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return name;
  }
  double Number() {
    Spaces();
    size_t size = 0;
    while (size < rest_.size() &&
           std::string_view("+-.0123456789einf").find(rest_[size]) != std::string_view::npos)
      ++size;
    const std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return std::strtod(text.c_str(), nullptr);
  }
  std::vector<std::string> Bracketed(char open, char close) {
    std::vector<std::string> items;
    if (!Take(open)) return items;
    while (!Take(close) && !rest_.empty()) {
      size_t size = rest_.find_first_of(std::string{',', close});
      if (size == std::string_view::npos) size = rest_.size();
      items.emplace_back(rest_.substr(0, size));
      rest_.remove_prefix(size);
      Take(',');
    }
    return items;
  }

  static DType TypeOf(std::string_view name) {
    for (int i = 1; i < kDTypeCount; ++i) {
      if (DTypeName(static_cast<DType>(i)) == name) return static_cast<DType>(i);
    }
    return DType::kUndefined;
  }
  Dim DimOf(const std::string& text) {
    if (text == "?") return graph_.dims()->Fresh();
    if (std::isdigit(static_cast<unsigned char>(text[0]))) return std::strtoll(text.c_str(), nullptr, 10);
    return graph_.dims()->Symbol(text);
  }

  bool Inputs() {
    for (Spaces(); !rest_.empty(); Spaces()) {
      graph::Value* value = graph_.NewValue(Name());
      if (!Take(':')) return false;
      value->type = ValueType::TensorOf(TypeOf(Name()));
      if (rest_.starts_with("[")) {
        Shape::DimList dims;
        for (const std::string& dim : Bracketed('[', ']')) dims.push_back(DimOf(dim));
        value->shape = Shape(std::move(dims));
      }
      graph_.AddInput(value);
      values_[value->name()] = value;
    }
    return true;
  }
  bool Outputs() {
    for (Spaces(); !rest_.empty(); Spaces()) {
      const auto found = values_.find(Name());
      if (found == values_.end()) return false;
      graph_.AddOutput(found->second);
    }
    return true;
  }

  template <typename T>
  static void Fill(const Tensor& tensor, const std::vector<std::string>& items) {
    const auto out = tensor.Items<T>();
    for (size_t i = 0; i < out.size(); ++i) {
      const double item = i < items.size() ? std::strtod(items[i].c_str(), nullptr) : static_cast<double>(i);
      if constexpr (std::is_same_v<T, Float16>) {
        out[i] = Float16(static_cast<float>(item));
      } else {
        out[i] = static_cast<T>(item);
      }
    }
  }
  graph::Value* Constant(DType dtype) {
    Dims dims;
    for (const std::string& dim : Bracketed('[', ']')) dims.push_back(std::strtoll(dim.c_str(), nullptr, 10));
    const std::vector<std::string> items = Bracketed('{', '}');
    Result<Tensor> tensor = Tensor::Allocate(dtype, dims);
    if (!tensor.ok()) return nullptr;
    if (dtype == DType::kFloat) Fill<float>(*tensor, items);
    if (dtype == DType::kDouble) Fill<double>(*tensor, items);
    if (dtype == DType::kFloat16) Fill<Float16>(*tensor, items);
    if (dtype == DType::kInt64) Fill<int64_t>(*tensor, items);
    if (dtype == DType::kInt32) Fill<int32_t>(*tensor, items);
    if (dtype == DType::kBool) Fill<bool>(*tensor, items);
    return graph_.NewConstant("c", *tensor);
  }

  bool NodeLine() {
    std::vector<std::string> outputs;
    do {
      outputs.push_back(Take('-') ? "" : Name());
    } while (Take(','));
    if (!Take('=')) return false;
    Node* node = graph_.AppendNode();
    node->op_type = Name();
    for (const OpDef* op : extra_) {
      if (op->name == node->op_type) node->op = op;
    }
    if (node->op == nullptr) node->op = FindOp("", node->op_type);
    if (node->op == nullptr) node->op = FindOp("ortolan", node->op_type);
    if (node->op == nullptr || !Take('(')) return false;
    for (size_t i = 0; !Take(')'); ++i, Take(',')) {
      if (rest_.empty()) return false;
      node->SetInput(i, nullptr);
      if (Take('-')) continue;
      const std::string name = Name();
      if (const auto found = values_.find(name); found != values_.end()) {
        node->SetInput(i, found->second);
      } else if (const DType dtype = TypeOf(name); dtype != DType::kUndefined) {
        node->SetInput(i, Constant(dtype));
      } else {
        return false;
      }
    }
    if (Take('{')) {
      while (!Take('}')) {
        if (!Attribute(*node)) return false;
        Take(',');
      }
    }
    if (Take('#')) node->name = Name();
    node->sources = {node->name};
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].empty()) continue;
      node->SetOutput(i, values_[outputs[i]] = graph_.NewValue(outputs[i]));
    }
    return InferNode(*node, *graph_.dims()).ok();
  }

  bool Attribute(Node& node) {
    const std::string name = Name();
    if (name.empty() || !Take(':')) return false;
    Spaces();
    if (rest_.starts_with("[")) {
      std::vector<int64_t> ints;
      for (const std::string& item : Bracketed('[', ']'))
        ints.push_back(std::strtoll(item.c_str(), nullptr, 10));
      node.attributes.Set(name, std::move(ints));
    } else if (Take('"')) {
      const size_t end = rest_.find('"');
      if (end == std::string_view::npos) return false;
      node.attributes.Set(name, std::string(rest_.substr(0, end)));
      rest_.remove_prefix(end + 1);
    } else {
      const size_t end = rest_.find_first_of(",}");
      const bool real = rest_.substr(0, end).find('.') != std::string_view::npos;
      const double number = Number();
      if (real) {
        node.attributes.Set(name, static_cast<float>(number));
      } else {
        node.attributes.Set(name, static_cast<int64_t>(number));
      }
    }
    return true;
  }

  Graph& graph_;
  std::span<const OpDef* const> extra_;
  std::map<std::string, graph::Value*> values_;
  std::string_view rest_;
};

}  // namespace

std::shared_ptr<Graph> ParseGraph(std::string_view text, std::span<const OpDef* const> extra) {
  auto graph = std::make_shared<Graph>(std::make_shared<graph::DimPool>());
  Parser parser(*graph, extra);
  const std::string lines = Lines(text);
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = lines.find('\n', begin);
    const std::string_view line = std::string_view(lines).substr(begin, end - begin);
    if (!parser.Line(line)) {
      ADD_FAILURE() << "cannot read: " << line;
      return nullptr;
    }
    begin = end + 1;
  }
  return graph;
}

std::string Lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    if (!line.empty()) out.append(line).append("\n");
  }
  return out;
}

}  // namespace ortolan::support
