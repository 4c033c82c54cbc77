#include "ops/tensor/cast_elements.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "ops/elementwise.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

// As onnxruntime writes numbers: 8 digits for float, 17 for double, NaN, INF and -INF.
std::string TextOf(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-INF" : "INF";
  char text[64];
  const int length = std::snprintf(text, sizeof(text), "%.*g", digits, value);
  return std::string(text, static_cast<size_t>(length));
}

template <typename T>
std::string TextOf(T value) {
  if constexpr (std::is_same_v<T, double>) {
    return TextOf(value, 17);
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else {
    return TextOf(static_cast<double>(static_cast<float>(value)), 8);
  }
}

// Text around which there may be blanks; the whole of it must be a number.
std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n\r\f\v");
  if (first == std::string_view::npos) return {};
  const size_t last = text.find_last_not_of(" \t\n\r\f\v");
  return text.substr(first, last - first + 1);
}

bool ParseFloating(const std::string& text, double* value) {
  const std::string trimmed(Trimmed(text));
  char* end = nullptr;
  *value = std::strtod(trimmed.c_str(), &end);  // reads inf and nan in any case
  return !trimmed.empty() && end == trimmed.c_str() + trimmed.size();
}

template <typename T>
bool ParseInteger(const std::string& text, T* value) {
  std::string_view trimmed = Trimmed(text);
  if (trimmed.starts_with('+')) trimmed.remove_prefix(1);
  // Narrow types wrap, as from the number itself.
  using Wide = std::conditional_t<std::is_unsigned_v<T>, uint64_t, int64_t>;
  Wide wide = 0;
  const auto [end, error] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), wide);
  *value = static_cast<T>(wide);
  return error == std::errc() && end == trimmed.data() + trimmed.size();
}

template <typename T>
Status ParseOne(const std::string& text, T* value) {
  bool parsed = false;
  if constexpr (std::is_same_v<T, bool>) {
    int64_t number = 0;
    parsed = ParseInteger(text, &number);
    *value = number != 0;
  } else if constexpr (std::is_integral_v<T>) {
    parsed = ParseInteger(text, value);
  } else {
    double number = 0;
    parsed = ParseFloating(text, &number);
    if constexpr (std::is_same_v<T, double>) {
      *value = number;
    } else {
      *value = T(static_cast<float>(number));
    }
  }
  return parsed ? OkStatus()
                : InvalidArgument("Cast: '{}' is no number of type {}", text, DTypeName(kDTypeOf<T>));
}

template <typename T>
Status RunToString(const void*, RunContext& context) {
  const auto from = context.input(0).Items<const T>();
  const auto to = context.output(0).Items<std::string>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = TextOf(from[i]);
  return OkStatus();
}

template <typename T>
Status RunFromString(const void*, RunContext& context) {
  const auto from = context.input(0).Items<const std::string>();
  const auto to = context.output(0).Items<T>();
  for (size_t i = 0; i < from.size(); ++i) ORTOLAN_RETURN_IF_ERROR(ParseOne(from[i], &to[i]));
  return OkStatus();
}

Status RunCopy(const void*, RunContext& context) {
  CopyElements(context.input(0), context.output(0));
  return OkStatus();
}

template <typename T>
constexpr RunFunction kBoth[2] = {RunToString<T>, RunFromString<T>};

// The function to strings (0) or from strings (1).
RunFunction StringFunction(DType dtype, int direction) {
  switch (dtype) {
    case DType::kFloat:
      return kBoth<float>[direction];
    case DType::kDouble:
      return kBoth<double>[direction];
    case DType::kFloat16:
      return kBoth<Float16>[direction];
    case DType::kBFloat16:
      return kBoth<BFloat16>[direction];
    case DType::kInt8:
      return kBoth<int8_t>[direction];
    case DType::kInt16:
      return kBoth<int16_t>[direction];
    case DType::kInt32:
      return kBoth<int32_t>[direction];
    case DType::kInt64:
      return kBoth<int64_t>[direction];
    case DType::kUInt8:
      return kBoth<uint8_t>[direction];
    case DType::kUInt16:
      return kBoth<uint16_t>[direction];
    case DType::kUInt32:
      return kBoth<uint32_t>[direction];
    case DType::kUInt64:
      return kBoth<uint64_t>[direction];
    case DType::kBool:
      return kBoth<bool>[direction];
    default:
      return nullptr;
  }
}

// ---------------------------------------------------------------------------------------------- low-bit
// types

struct LowBitCast {
  LowBitRounding rounding;
  bool by_ints = false;  // both types are integers
};

// A multiple of kMostPacked, so that no two ranges share a byte.
constexpr int64_t kLowBitPiece = 1024;

template <typename Number>
void CastPieces(const LowBitCast& cast, const TensorRef& from, const TensorRef& to, ThreadPool& threads) {
  const int64_t pieces = (to.count() + kLowBitPiece - 1) / kLowBitPiece;
  threads.ParallelRanges(pieces, 16, [&](int64_t first, int64_t last) {
    Number numbers[kLowBitPiece];
    for (int64_t piece = first; piece < last; ++piece) {
      const int64_t begin = piece * kLowBitPiece;
      const int64_t count = std::min(kLowBitPiece, to.count() - begin);
      // Types were checked by prepare: neither can fail.
      if constexpr (std::is_same_v<Number, float>) {
        (void)ReadFloats(from, begin, count, numbers);
        (void)WriteFloats(numbers, to, begin, count, cast.rounding);
      } else {
        (void)ReadInts(from, begin, count, numbers);
        (void)WriteInts(numbers, to, begin, count);
      }
    }
  });
}

Status RunLowBits(const void* state, RunContext& context) {
  const auto& cast = *static_cast<const LowBitCast*>(state);
  const TensorRef& from = context.input(0);
  const TensorRef& to = context.output(0);
  if (cast.by_ints) {
    CastPieces<int64_t>(cast, from, to, context.threads());
  } else {
    CastPieces<float>(cast, from, to, context.threads());
  }
  return OkStatus();
}

Status RunLowBitsToString(const void*, RunContext& context) {
  const TensorRef& from = context.input(0);
  const auto to = context.output(0).Items<std::string>();
  for (size_t i = 0; i < to.size(); ++i) {
    float number = 0;
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(from, static_cast<int64_t>(i), 1, &number));
    to[i] = TextOf(number);
  }
  return OkStatus();
}

Status RunLowBitsFromString(const void* state, RunContext& context) {
  const auto& cast = *static_cast<const LowBitCast*>(state);
  const auto from = context.input(0).Items<const std::string>();
  for (size_t i = 0; i < from.size(); ++i) {
    float number = 0;
    ORTOLAN_RETURN_IF_ERROR(ParseOne(from[i], &number));
    ORTOLAN_RETURN_IF_ERROR(
        WriteFloats(&number, context.output(0), static_cast<int64_t>(i), 1, cast.rounding));
  }
  return OkStatus();
}

// The attributes of Cast and CastLike that say how to round.
Result<LowBitRounding> RoundingOf(const graph::Attributes& attributes) {
  LowBitRounding rounding;
  rounding.saturate = attributes.Int("saturate", 1) != 0;
  const std::string_view mode = attributes.String("round_mode", "up");
  if (mode == "nearest") {
    rounding.power = PowerRounding::kNearest;
  } else if (mode == "down") {
    rounding.power = PowerRounding::kDown;
  } else if (mode != "up") {
    return InvalidArgument("Cast: attribute round_mode must be up, down or nearest, got '{}'", mode);
  }
  return rounding;
}

Status PrepareLowBits(PrepareContext& context, DType from, DType to, Prepared* prepared) {
  LowBitCast cast;
  ORTOLAN_ASSIGN_OR_RETURN(cast.rounding, RoundingOf(context.node.attributes));
  const auto whole = [](DType dtype) { return IsInteger(dtype) || dtype == DType::kBool; };
  cast.by_ints = whole(from) && whole(to);
  prepared->kernel = "cast_low_bits";
  prepared->run = RunLowBits;
  if (from == to) {
    prepared->run = RunCopy;
  } else if (to == DType::kString) {
    prepared->run = RunLowBitsToString;
  } else if (from == DType::kString) {
    prepared->run = RunLowBitsFromString;
  }
  prepared->state = std::make_shared<const LowBitCast>(cast);
  return OkStatus();
}

}  // namespace

Status PrepareCast(PrepareContext& context, Prepared* prepared) {
  const DType from = context.input_dtype(0);
  const DType to = context.node.output(0)->type.dtype;
  const auto from_element = ElementOf(from), to_element = ElementOf(to);
  if (from_element && to_element) {
    kernels::ProgramBuilder builder;
    builder.Output(builder.Input(*from_element), *to_element);
    ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const kernels::Program> program, builder.Build(context.isa));
    return PrepareProgram(std::move(program), {0}, fmt::format("cast_{}", IsaName(context.isa)), prepared);
  }
  if ((Contains(kLowBitTypes, from) && Contains(kCastTypes, to)) ||
      (Contains(kLowBitTypes, to) && Contains(kCastTypes, from))) {
    return PrepareLowBits(context, from, to, prepared);
  }
  prepared->kernel = "cast_string";
  if (from == DType::kString && to == DType::kString) {
    prepared->run = RunCopy;
  } else if (to == DType::kString) {
    prepared->run = StringFunction(from, 0);
  } else if (from == DType::kString) {
    prepared->run = StringFunction(to, 1);
  }
  if (prepared->run != nullptr) return OkStatus();
  return NotImplemented("Cast from {} to {}", DTypeName(from), DTypeName(to));
}

}  // namespace ortolan
