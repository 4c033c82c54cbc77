// Runs the operators' cases: text files src/ops/<topic>/*.cases with inputs and expected outputs that numpy
// and ONNX's reference computed. ORTOLAN_CASES names further files, separated by colons.
//
//   Softmax@11 axis=1            operator, opset whose form the case has (absent: the newest), attributes;
//                                operators of other domains as ai.onnx.ml::Scaler
//   in float [2,2] 1 2 3 4       an input: type, dims, elements; `const` in place of `in`: a constant of the
//   graph; in -                         an absent one out float [2,2] ...          an expected output; `out
//   -` is not asked for; `error TEXT`: the run must fail with it
//
// Elements: numbers, nan, inf, -inf; strings in double quotes. Attributes: 1, 1.5, "text", [1,2], [1.5,2.0],
// ["a","b"], and tensors as int64{1,2}.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "ops/compose.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using support::OpRun;
using support::RunOp;

struct Case {
  std::string where;
  std::string op;
  int opset = 0;
  graph::Attributes attributes;
  std::vector<Value> inputs;
  uint64_t constants = 0;
  std::vector<Value> outputs;  // kNone: not asked for
  std::string error;
};

// ----------------------------------------------------------------------------------------------------------
// reading

// Splits at spaces outside quotes.
std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, started = false;
  for (char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == ' ' && !quoted) {
      if (started) words.push_back(word);
      word.clear();
      started = false;
    } else {
      word += c;
      started = true;
    }
  }
  if (started) words.push_back(word);
  return words;
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> items;
  std::stringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

std::string Unquoted(const std::string& word) {
  return word.size() >= 2 ? word.substr(1, word.size() - 2) : word;
}

bool LooksFloat(const std::string& word) {
  return word.find_first_of(".eni") != std::string::npos;
}

DType TypeNamed(const std::string& name) {
  for (int i = 1; i < kDTypeCount; ++i) {
    if (DTypeName(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  ADD_FAILURE() << "no type " << name;
  return DType::kFloat;
}

template <typename T>
void Fill(const Tensor& tensor, std::span<const std::string> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
      tensor.Items<T>()[i] = static_cast<T>(std::stoull(words[i]));
    } else if constexpr (std::is_integral_v<T>) {
      tensor.Items<T>()[i] = static_cast<T>(std::stoll(words[i]));
    } else {
      tensor.Items<T>()[i] = T(static_cast<std::conditional_t<std::is_same_v<T, double>, double, float>>(
          std::strtod(words[i].c_str(), nullptr)));
    }
  }
}

Tensor TensorOf(DType dtype, const Dims& dims, std::span<const std::string> words, const std::string& where) {
  Result<Tensor> made = Tensor::Allocate(dtype, dims);
  EXPECT_TRUE(made.ok()) << where;
  if (!made.ok()) return {};
  const Tensor& tensor = *made;
  EXPECT_EQ(static_cast<size_t>(tensor.count()), words.size()) << where;
  if (static_cast<size_t>(tensor.count()) != words.size()) return {};
  switch (dtype) {
    case DType::kFloat:
      Fill<float>(tensor, words);
      break;
    case DType::kDouble:
      Fill<double>(tensor, words);
      break;
    case DType::kFloat16:
      Fill<Float16>(tensor, words);
      break;
    case DType::kBFloat16:
      Fill<BFloat16>(tensor, words);
      break;
    case DType::kInt8:
      Fill<int8_t>(tensor, words);
      break;
    case DType::kBool:
    case DType::kUInt8:
      Fill<uint8_t>(tensor, words);
      break;
    case DType::kInt16:
      Fill<int16_t>(tensor, words);
      break;
    case DType::kUInt16:
      Fill<uint16_t>(tensor, words);
      break;
    case DType::kInt32:
      Fill<int32_t>(tensor, words);
      break;
    case DType::kUInt32:
      Fill<uint32_t>(tensor, words);
      break;
    case DType::kInt64:
      Fill<int64_t>(tensor, words);
      break;
    case DType::kUInt64:
      Fill<uint64_t>(tensor, words);
      break;
    case DType::kString:
      for (size_t i = 0; i < words.size(); ++i) tensor.Items<std::string>()[i] = Unquoted(words[i]);
      break;
    default:
      ADD_FAILURE() << where << ": type " << DTypeName(dtype);
  }
  return tensor;
}

Value ReadTensor(const std::vector<std::string>& words, const std::string& where) {
  if (words.size() < 2 || words[1] == "-") return {};
  Dims dims;
  for (const std::string& dim : SplitList(Unquoted(words[2]))) dims.push_back(std::stoll(dim));
  return TensorOf(TypeNamed(words[1]), dims, std::span(words).subspan(3), where);
}

graph::AttributeValue ReadAttribute(const std::string& text, const std::string& where) {
  if (text.front() == '"') return Unquoted(text);
  if (text.front() == '[') {
    const std::vector<std::string> items = SplitList(Unquoted(text));
    if (!items.empty() && items[0].front() == '"') {
      std::vector<std::string> strings;
      for (const std::string& item : items) strings.push_back(Unquoted(item));
      return strings;
    }
    if (!items.empty() && LooksFloat(items[0])) {
      std::vector<float> floats;
      for (const std::string& item : items) floats.push_back(std::strtof(item.c_str(), nullptr));
      return floats;
    }
    std::vector<int64_t> ints;
    for (const std::string& item : items) ints.push_back(std::stoll(item));
    return ints;
  }
  if (const size_t brace = text.find('{'); brace != std::string::npos) {
    const std::vector<std::string> items = SplitList(text.substr(brace + 1, text.size() - brace - 2));
    return TensorOf(TypeNamed(text.substr(0, brace)), {static_cast<int64_t>(items.size())}, items, where);
  }
  if (LooksFloat(text)) return std::strtof(text.c_str(), nullptr);
  return static_cast<int64_t>(std::stoll(text));
}

std::vector<Case> ReadCases(const std::string& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::string where = std::filesystem::path(path).filename().string() + ":" + std::to_string(number);
    const std::vector<std::string> words = Words(line);
    if (words[0] == "in" || words[0] == "const") {
      if (words[0] == "const") cases.back().constants |= uint64_t{1} << cases.back().inputs.size();
      cases.back().inputs.push_back(ReadTensor(words, where));
    } else if (words[0] == "out") {
      cases.back().outputs.push_back(ReadTensor(words, where));
    } else if (words[0] == "error") {
      cases.back().error = line.substr(6);
    } else {
      Case fresh;
      fresh.where = where;
      const size_t at = words[0].find('@');
      fresh.op = words[0].substr(0, at);
      if (at != std::string::npos) fresh.opset = std::stoi(words[0].substr(at + 1));
      for (size_t i = 1; i < words.size(); ++i) {
        const size_t equals = words[i].find('=');
        fresh.attributes.Set(words[i].substr(0, equals), ReadAttribute(words[i].substr(equals + 1), where));
      }
      cases.push_back(std::move(fresh));
    }
  }
  return cases;
}

// ----------------------------------------------------------------------------------------------------------
// running

template <typename T>
double NumberOf(T item) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<double>(item);
  else
    return static_cast<double>(static_cast<float>(item));
}

// Relative and absolute at once: a few units in the last place of sums of some dozens of items.
template <typename T>
void CompareNumbers(const Tensor& got, const Tensor& expected, double tolerance, const std::string& where) {
  for (int64_t i = 0; i < got.count(); ++i) {
    const double a = NumberOf(got.Items<T>()[static_cast<size_t>(i)]);
    const double b = NumberOf(expected.Items<T>()[static_cast<size_t>(i)]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b))) continue;
    ADD_FAILURE() << where << ": element " << i << " is " << a << ", expected " << b;
    return;
  }
}

void Compare(const Value& got_value, const Tensor& expected, const std::string& where) {
  ASSERT_EQ(got_value.kind(), Value::Kind::kTensor) << where;
  const Tensor& got = got_value.tensor();
  ASSERT_EQ(DTypeName(got.dtype()), DTypeName(expected.dtype())) << where;
  ASSERT_EQ(DimsText(got.dims()), DimsText(expected.dims())) << where;
  switch (got.dtype()) {
    case DType::kFloat:
      return CompareNumbers<float>(got, expected, 1e-5, where);
    case DType::kDouble:
      return CompareNumbers<double>(got, expected, 1e-9, where);
    case DType::kFloat16:
      return CompareNumbers<Float16>(got, expected, 2e-3, where);
    case DType::kBFloat16:
      return CompareNumbers<BFloat16>(got, expected, 1.6e-2, where);
    case DType::kInt8:
      return CompareNumbers<int8_t>(got, expected, 0, where);
    case DType::kBool:
    case DType::kUInt8:
      return CompareNumbers<uint8_t>(got, expected, 0, where);
    case DType::kInt16:
      return CompareNumbers<int16_t>(got, expected, 0, where);
    case DType::kUInt16:
      return CompareNumbers<uint16_t>(got, expected, 0, where);
    case DType::kInt32:
      return CompareNumbers<int32_t>(got, expected, 0, where);
    case DType::kUInt32:
      return CompareNumbers<uint32_t>(got, expected, 0, where);
    case DType::kInt64:
      return CompareNumbers<int64_t>(got, expected, 0, where);
    case DType::kUInt64:
      return CompareNumbers<uint64_t>(got, expected, 0, where);
    case DType::kString:
      for (int64_t i = 0; i < got.count(); ++i) {
        const size_t at = static_cast<size_t>(i);
        EXPECT_EQ(got.Items<std::string>()[at], expected.Items<std::string>()[at]) << where;
      }
      return;
    default:
      ADD_FAILURE() << where << ": type " << DTypeName(got.dtype());
  }
}

// A node as the importer would make it, raised where the case is of an older opset.
Result<std::vector<Value>> RunCase(const Case& test, bool all_constant) {
  graph::Graph graph(std::make_shared<graph::DimPool>());
  graph::Node* node = graph.AppendNode();
  const size_t colons = test.op.find("::");
  node->op_type = colons == std::string::npos ? test.op : test.op.substr(colons + 2);
  node->op = FindOp(colons == std::string::npos ? "" : test.op.substr(0, colons), node->op_type);
  if (node->op == nullptr) return NotImplemented("no operator {}", test.op);
  node->attributes = test.attributes;
  const std::vector<Value>& inputs = test.inputs;
  std::vector<const graph::Value*> fed(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    node->SetInput(i, nullptr);
    if (inputs[i].kind() == Value::Kind::kNone) continue;
    const Tensor& tensor = inputs[i].tensor();
    if (all_constant || (test.constants >> i & 1)) {
      node->SetInput(i, graph.NewConstant("c", tensor));
    } else {
      graph::Value* value = graph.NewValue("x");
      value->type = ValueType::TensorOf(tensor.dtype());
      value->shape = graph::Shape::OfConstants(tensor.dims());
      node->SetInput(i, value);
    }
    fed[i] = node->input(i);
  }
  for (size_t i = 0; i < test.outputs.size(); ++i) {
    const bool wanted = test.outputs[i].kind() != Value::Kind::kNone;
    if (wanted) node->SetOutput(i, graph.NewValue("y"));
  }
  if (test.outputs.empty()) node->SetOutput(0, graph.NewValue("y"));
  const bool composed = IsComposed(*node->op);
  if ((test.opset != 0 || composed) && node->op->raise != nullptr) {
    RaiseContext raise{graph, *node, test.opset};
    ORTOLAN_RETURN_IF_ERROR(node->op->raise(raise));
  }
  // Raising may have moved inputs, made constants, and put several nodes in place of one.
  std::unordered_map<const graph::Value*, Value> known;
  for (size_t k = 0; k < fed.size(); ++k) {
    if (fed[k] != nullptr) known[fed[k]] = test.inputs[k];
  }
  ThreadPool threads(2);
  for (graph::Node* step = graph.first(); step != nullptr; step = step->next()) {
    std::vector<Value> inputs_of_step(step->inputs().size());
    for (size_t i = 0; i < inputs_of_step.size(); ++i) {
      const graph::Value* input = step->input(i);
      if (input == nullptr) continue;
      inputs_of_step[i] = input->IsConstant() ? Value(input->constant()) : known[input];
    }
    if (step->next() != nullptr) ORTOLAN_RETURN_IF_ERROR(InferNode(*step, *graph.dims()));
    ORTOLAN_ASSIGN_OR_RETURN(const std::vector<Value> outputs, Evaluate(*step, inputs_of_step, threads));
    if (step->next() == nullptr) return outputs;
    for (size_t i = 0; i < outputs.size(); ++i) known[step->output(i)] = outputs[i];
  }
  return Fail("raising left no node");
}

void RunFile(const std::string& path) {
  for (const Case& test : ReadCases(path)) {
    for (bool all_constant : {false, true}) {
      const Result<std::vector<Value>> got = RunCase(test, all_constant);
      if (!test.error.empty()) {
        EXPECT_FALSE(got.ok()) << test.where;
        if (!got.ok()) {
          EXPECT_NE(got.status().message().find(test.error), std::string::npos)
              << test.where << ": " << got.status().message();
        }
        continue;
      }
      EXPECT_TRUE(got.ok()) << test.where << " " << test.op << ": " << got.status().message();
      if (!got.ok()) continue;
      for (size_t i = 0; i < test.outputs.size(); ++i) {
        if (test.outputs[i].kind() == Value::Kind::kNone) continue;
        const std::string what = test.where + " " + test.op + " output " + std::to_string(i) +
                                 (all_constant ? " (constant inputs)" : "");
        ASSERT_LT(i, got.value().size()) << what;
        Compare(got.value()[i], test.outputs[i].tensor(), what);
      }
    }
  }
}

TEST(OpCases, OfTheRooms) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ORTOLAN_SOURCE_DIR "/src/ops")) {
    if (entry.path().extension() != ".cases") continue;
    RunFile(entry.path().string());
    ++files;
  }
  EXPECT_GT(files, 0u);
}

TEST(OpCases, OfFurtherFiles) {
  const char* paths = std::getenv("ORTOLAN_CASES");
  if (paths == nullptr) GTEST_SKIP() << "ORTOLAN_CASES is not set";
  std::stringstream stream(paths);
  for (std::string path; std::getline(stream, path, ':');) RunFile(path);
}

}  // namespace
}  // namespace ortolan
