#include "command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <random>

#include "base/half.h"

namespace ortolan::cli {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

void Progress::Show(const std::string& text) {
  if (!terminal_) return;
  shown_ = true;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

void Progress::Done() {
  if (shown_) fmt::print(stderr, "\r\033[K");
  shown_ = false;
}

std::map<std::string, int64_t> ParseDimensions(const std::vector<std::string>& pairs) {
  std::map<std::string, int64_t> dimensions;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.rfind('=');
    int64_t size = 0;
    const char* const end = pair.data() + pair.size();
    if (equals == 0 || equals == std::string::npos ||
        std::from_chars(pair.data() + equals + 1, end, size).ptr != end || equals + 1 == pair.size() ||
        size < 0)
      throw CommandError(kUsage, fmt::format("--dim takes NAME=SIZE, not '{}'", pair));
    dimensions[pair.substr(0, equals)] = size;
  }
  return dimensions;
}

namespace {

ElementType TypeOf(const std::string& text) {
  static const std::map<std::string, ElementType> types = {
      {"tensor(float)", ElementType::kFloat},   {"tensor(uint8)", ElementType::kUInt8},
      {"tensor(int8)", ElementType::kInt8},     {"tensor(uint16)", ElementType::kUInt16},
      {"tensor(int16)", ElementType::kInt16},   {"tensor(int32)", ElementType::kInt32},
      {"tensor(int64)", ElementType::kInt64},   {"tensor(string)", ElementType::kString},
      {"tensor(bool)", ElementType::kBool},     {"tensor(float16)", ElementType::kFloat16},
      {"tensor(double)", ElementType::kDouble}, {"tensor(uint32)", ElementType::kUInt32},
      {"tensor(uint64)", ElementType::kUInt64}, {"tensor(bfloat16)", ElementType::kBFloat16},
  };
  const auto found = types.find(text);
  if (found == types.end()) throw CommandError(kBadInput, fmt::format("cannot make a random {}", text));
  return found->second;
}

using Generator = std::mt19937_64;

void FillNormal(const Array& array, Generator& generator) {
  std::normal_distribution<float> normal;
  if (array.type() == ElementType::kFloat) {
    for (float& item : array.Items<float>()) item = normal(generator);
  } else if (array.type() == ElementType::kDouble) {
    for (double& item : array.Items<double>()) item = normal(generator);
  } else {
    auto* const bits = static_cast<uint16_t*>(array.data());
    const auto convert = array.type() == ElementType::kFloat16 ? Float16::FromFloat : BFloat16::FromFloat;
    for (size_t i = 0; i < array.count(); ++i) bits[i] = convert(normal(generator));
  }
}

template <typename T>
void FillBits(const Array& array, Generator& generator) {
  for (T& item : array.Items<T>()) item = static_cast<T>(generator() >> 63);
}

}  // namespace

Array RandomArray(const NodeArg& input, const std::map<std::string, int64_t>& dimensions) {
  std::vector<int64_t> shape = input.shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) continue;
    const auto found = dimensions.find(input.symbols[i]);
    shape[i] = found == dimensions.end() ? 1 : found->second;
  }
  const Array array(TypeOf(input.type), shape);
  Generator generator(std::hash<std::string>()(input.name));
  switch (array.type()) {
    case ElementType::kFloat:
    case ElementType::kDouble:
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
      FillNormal(array, generator);
      break;
    case ElementType::kUInt8:
      FillBits<uint8_t>(array, generator);
      break;
    case ElementType::kInt8:
      FillBits<int8_t>(array, generator);
      break;
    case ElementType::kUInt16:
      FillBits<uint16_t>(array, generator);
      break;
    case ElementType::kInt16:
      FillBits<int16_t>(array, generator);
      break;
    case ElementType::kInt32:
      FillBits<int32_t>(array, generator);
      break;
    case ElementType::kInt64:
      FillBits<int64_t>(array, generator);
      break;
    case ElementType::kUInt32:
      FillBits<uint32_t>(array, generator);
      break;
    case ElementType::kUInt64:
      FillBits<uint64_t>(array, generator);
      break;
    case ElementType::kBool:
      FillBits<bool>(array, generator);
      break;
    case ElementType::kString:
      for (std::string& item : array.Items<std::string>()) item = "text";
      break;
  }
  return array;
}

std::string ArrayText(const Array& array) {
  static const std::map<ElementType, const char*> names = {
      {ElementType::kFloat, "float32"},  {ElementType::kUInt8, "uint8"},
      {ElementType::kInt8, "int8"},      {ElementType::kUInt16, "uint16"},
      {ElementType::kInt16, "int16"},    {ElementType::kInt32, "int32"},
      {ElementType::kInt64, "int64"},    {ElementType::kString, "string"},
      {ElementType::kBool, "bool"},      {ElementType::kFloat16, "float16"},
      {ElementType::kDouble, "float64"}, {ElementType::kUInt32, "uint32"},
      {ElementType::kUInt64, "uint64"},  {ElementType::kBFloat16, "bfloat16"},
  };
  const auto found = names.find(array.type());
  return fmt::format("{}[{}]", found == names.end() ? "?" : found->second, fmt::join(array.shape(), ","));
}

std::string DeclarationText(const NodeArg& arg) {
  std::vector<std::string> sizes;
  for (size_t i = 0; i < arg.shape.size(); ++i)
    sizes.push_back(arg.shape[i] >= 0        ? std::to_string(arg.shape[i])
                    : arg.symbols[i].empty() ? "?"
                                             : arg.symbols[i]);
  return fmt::format("{} [{}]", arg.type, fmt::join(sizes, ", "));
}

}  // namespace ortolan::cli
