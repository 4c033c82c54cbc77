// LabelEncoder: looks each element up in a list of keys and gives the value of the same place, a default for
// others. Keys and values are texts, integers or floats; a NaN finds a NaN. Refuses lists of different
// lengths.
#include <cmath>
#include <unordered_map>
#include <variant>

#include "ops/ml/features.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using graph::AttributeType;

// Opset 1 had one list of texts: their places are the integers.
Status Raise(RaiseContext& context) {
  graph::Attributes& attributes = context.node.attributes;
  if (context.opset >= 2) return OkStatus();
  const auto list = attributes.Strings("classes_strings");
  std::vector<std::string> texts(list.begin(), list.end());
  std::vector<int64_t> places(texts.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int64_t>(i);
  attributes.Remove("classes_strings");
  const graph::Value* x = context.node.input(0);
  const bool from_text = x != nullptr && x->type.dtype == DType::kString;
  attributes.Set(from_text ? "keys_strings" : "values_strings", std::move(texts));
  attributes.Set(from_text ? "values_int64s" : "keys_int64s", std::move(places));
  return OkStatus();
}

using List = std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

size_t SizeOf(const List& list) {
  return std::visit([](const auto& items) { return items.size(); }, list);
}

List ListOf(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) {
    const auto items = tensor.Items<const std::string>();
    return std::vector<std::string>(items.begin(), items.end());
  }
  if (tensor.dtype() == DType::kInt64) {
    const auto items = tensor.Items<const int64_t>();
    return std::vector<int64_t>(items.begin(), items.end());
  }
  const std::vector<double> numbers = ml::NumbersOf(tensor);
  if (IsFloating(tensor.dtype())) return numbers;
  return std::vector<int64_t>(numbers.begin(), numbers.end());
}

// The list that stands under PREFIX_strings, _int64s, _floats or _tensor, and its element type.
struct Typed {
  List list;
  DType dtype = DType::kUndefined;
};
Typed ReadList(const graph::Attributes& attributes, const std::string& prefix) {
  if (const auto items = attributes.Strings(prefix + "_strings"); !items.empty()) {
    return {std::vector<std::string>(items.begin(), items.end()), DType::kString};
  }
  if (const auto items = attributes.Ints(prefix + "_int64s"); !items.empty()) {
    return {std::vector<int64_t>(items.begin(), items.end()), DType::kInt64};
  }
  if (const auto items = attributes.Floats(prefix + "_floats"); !items.empty()) {
    return {std::vector<double>(items.begin(), items.end()), DType::kFloat};
  }
  if (const Tensor* tensor = attributes.TensorOrNull(prefix + "_tensor"); tensor != nullptr) {
    return {ListOf(*tensor), tensor->dtype()};
  }
  return {};
}

// The default as a list of one, in the form of the values.
List DefaultOf(const graph::Attributes& attributes, DType dtype) {
  if (const Tensor* tensor = attributes.TensorOrNull("default_tensor"); tensor != nullptr)
    return ListOf(*tensor);
  if (dtype == DType::kString) {
    return std::vector<std::string>{std::string(attributes.String("default_string", "_Unused"))};
  }
  if (IsFloating(dtype))
    return std::vector<double>{static_cast<double>(attributes.Float("default_float", -0.0f))};
  return std::vector<int64_t>{attributes.Int("default_int64", -1)};
}

Status Infer(InferContext& context) {
  const DType dtype = ReadList(context.attributes(), "values").dtype;
  if (dtype != DType::kUndefined) context.SetType(0, dtype);
  return InferSameShape(context);
}

struct State {
  List values, otherwise;
  std::unordered_map<std::string, size_t> texts;
  std::unordered_map<int64_t, size_t> ints;
  std::unordered_map<double, size_t> floats;
  size_t nan;  // place of the NaN among the keys
  // Where whole keys lie close together: the place of key least + i.
  int64_t least = 0;
  std::vector<size_t> dense = {};
};

constexpr size_t kNowhere = ~size_t{0};

template <typename Map, typename Key>
size_t PlaceOf(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? kNowhere : found->second;
}

void Store(const State& state, size_t place, const TensorRef& to, int64_t i) {
  const List& list = place == kNowhere ? state.otherwise : state.values;
  const size_t at = place == kNowhere ? 0 : place;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&list); texts != nullptr) {
    if (to.dtype == DType::kString) to.As<std::string>()[i] = (*texts)[at];
    return;
  }
  const auto* ints = std::get_if<std::vector<int64_t>>(&list);
  if (to.dtype == DType::kInt64 && ints != nullptr) {
    to.As<int64_t>()[i] = (*ints)[at];
    return;
  }
  const double number =
      ints != nullptr ? static_cast<double>((*ints)[at]) : std::get<std::vector<double>>(list)[at];
  const Status status = WithNumberType(to.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    to.As<T>()[i] = StoredNumber<T>(number);
    return OkStatus();
  });
  (void)status;  // the output's type is one of the declared ones
}

size_t PlaceOfInt(const State& state, int64_t key) {
  if (state.dense.empty()) return PlaceOf(state.ints, key);
  const uint64_t at = static_cast<uint64_t>(key) - static_cast<uint64_t>(state.least);
  return at < state.dense.size() ? state.dense[at] : kNowhere;
}

// Whole keys in an array, if it is not much longer than they are many.
void Spread(State* state) {
  if (state->ints.empty()) return;
  int64_t least = INT64_MAX, most = INT64_MIN;
  for (const auto& [key, place] : state->ints) least = std::min(least, key), most = std::max(most, key);
  const uint64_t span = static_cast<uint64_t>(most) - static_cast<uint64_t>(least);
  if (span >= 4 * state->ints.size() + 1024) return;
  state->least = least;
  state->dense.assign(span + 1, kNowhere);
  for (const auto& [key, place] : state->ints)
    state->dense[static_cast<uint64_t>(key) - static_cast<uint64_t>(least)] = place;
}

// The values as elements of the result, the default behind them.
template <typename T>
std::vector<T> ElementsOf(const State& state) {
  std::vector<T> elements;
  for (const List* list : {&state.values, &state.otherwise}) {
    if (const auto* ints = std::get_if<std::vector<int64_t>>(list); ints != nullptr) {
      for (const int64_t item : *ints) {
        if constexpr (std::is_same_v<T, int64_t>)
          elements.push_back(item);
        else
          elements.push_back(StoredNumber<T>(static_cast<double>(item)));
      }
    } else {
      for (const double item : std::get<std::vector<double>>(*list))
        elements.push_back(StoredNumber<T>(item));
    }
  }
  return elements;
}

// Whole keys to numbers.
template <typename From>
Status RunWhole(const State& state, RunContext& context) {
  const TensorRef& x = context.input(0);
  const From* from = x.As<const From>();
  return WithNumberType(context.output(0).dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const std::vector<T> elements = ElementsOf<T>(state);
    T* to = context.output(0).As<T>();
    context.threads().ParallelRanges(x.count(), 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const size_t place = PlaceOfInt(state, static_cast<int64_t>(from[i]));
        to[i] = elements[place == kNowhere ? elements.size() - 1 : place];
      }
    });
    return OkStatus();
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  if (x.dtype == DType::kString) {
    for (int64_t i = 0; i < x.count(); ++i)
      Store(state, PlaceOf(state.texts, x.As<const std::string>()[i]), y, i);
    return OkStatus();
  }
  return WithNumberType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_integral_v<T>) {
      if (y.dtype != DType::kString) return RunWhole<T>(state, context);
    }
    const T* from = x.As<const T>();
    for (int64_t i = 0; i < x.count(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        Store(state, PlaceOfInt(state, static_cast<int64_t>(from[i])), y, i);
      } else {
        const auto key = static_cast<double>(AsNumber(from[i]));
        Store(state, std::isnan(key) ? state.nan : PlaceOf(state.floats, key), y, i);
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const Typed keys = ReadList(attributes, "keys");
  Typed values = ReadList(attributes, "values");
  State state{std::move(values.list), DefaultOf(attributes, values.dtype), {}, {}, {}, kNowhere};
  if (values.dtype == DType::kUndefined || SizeOf(keys.list) != SizeOf(state.values) ||
      SizeOf(state.otherwise) != 1 || state.values.index() != state.otherwise.index()) {
    return InvalidArgument("LabelEncoder: {} keys for {} values", SizeOf(keys.list), SizeOf(state.values));
  }
  const DType dtype = context.input_dtype(0);
  const bool texts = std::holds_alternative<std::vector<std::string>>(keys.list);
  if (texts != (dtype == DType::kString)) {
    return InvalidArgument("LabelEncoder: keys of another type than the input, {}", DTypeName(dtype));
  }
  std::visit(
      [&](const auto& items) {
        for (size_t i = 0; i < items.size(); ++i) {
          using Key = std::decay_t<decltype(items[i])>;
          if constexpr (std::is_same_v<Key, std::string>) {
            state.texts.emplace(items[i], i);
          } else if (IsFloating(dtype)) {
            const auto key = static_cast<double>(items[i]);
            if (std::isnan(key)) {
              state.nan = state.nan == kNowhere ? i : state.nan;
            } else {
              state.floats.emplace(key, i);
            }
          } else {
            state.ints.emplace(static_cast<int64_t>(items[i]), i);
          }
        }
      },
      keys.list);
  Spread(&state);
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "label_encoder";
  return OkStatus();
}

constexpr int kVersions[] = {1, 2, 4};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr DTypeSet kLabelTypes =
    SetOf(DType::kString, DType::kInt64, DType::kFloat, DType::kInt32, DType::kInt16, DType::kDouble);
constexpr TypeConstraint kTypes[] = {{"T1", kLabelTypes}, {"T2", kLabelTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"default_tensor", AttributeType::kTensor}, {"default_int64", AttributeType::kInt},
    {"default_float", AttributeType::kFloat},   {"default_string", AttributeType::kString},
    {"values_int64s", AttributeType::kInts},    {"values_strings", AttributeType::kStrings},
    {"values_tensor", AttributeType::kTensor},  {"values_floats", AttributeType::kFloats},
    {"keys_floats", AttributeType::kFloats},    {"keys_strings", AttributeType::kStrings},
    {"keys_int64s", AttributeType::kInts},      {"keys_tensor", AttributeType::kTensor},
};
constexpr AttributeSpec kOldAttributes[] = {{"classes_strings", AttributeType::kStrings}};

}  // namespace

extern const OpDef kLabelEncoder;
constexpr OpDef kLabelEncoder{.domain = "ai.onnx.ml",
                              .name = "LabelEncoder",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise,
                              .infer = Infer,
                              .prepare = Prepare,
                              .old_attributes = kOldAttributes};

}  // namespace ortolan
