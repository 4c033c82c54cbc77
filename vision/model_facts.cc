#include "vision/model_facts.h"

#include <algorithm>

#include "base/half.h"
#include "vision/literal.h"
#include "vision/throwing.h"

namespace ortolan::vision {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string Metadata(const InferenceSession& session, const std::string& key) {
  const auto found = session.metadata().find(key);
  return found == session.metadata().end() ? "" : found->second;
}

PictureInput ReadPictureSize(const InferenceSession& session, const NodeArg& input, int wanted_width,
                             int wanted_height, int usual) {
  const size_t rank = input.shape.size();
  const auto sides = ParseIntegers(Metadata(session, "imgsz")).value_or(std::vector<int64_t>{});
  const auto choose = [&](size_t from_end, int wanted, int64_t told) {
    const int64_t fixed = rank >= 3 ? input.shape[rank - from_end] : -1;
    const int64_t side = fixed > 0 ? fixed : wanted > 0 ? wanted : told;
    if (side < 1 || side > 1 << 14)
      Refuse("The model's input side of " + std::to_string(side) + " is out of range");
    return static_cast<int>(side);
  };
  PictureInput facts;
  facts.name = input.name;
  facts.half = input.type == "tensor(float16)";
  facts.height = choose(2, wanted_height, sides.empty() ? usual : sides.front());
  facts.width = choose(1, wanted_width, sides.empty() ? usual : sides.back());
  return facts;
}

PictureInput ReadPictureInput(const InferenceSession& session, const std::string& kind, int wanted_width,
                              int wanted_height, int usual) {
  if (session.inputs().size() != 1 || session.outputs().empty())
    Refuse("A " + kind + " has one input and an output; this model has " +
           std::to_string(session.inputs().size()) + " inputs and " +
           std::to_string(session.outputs().size()) + " outputs");
  const NodeArg& input = session.inputs().front();
  if (!input.shape.empty() && input.shape.size() != 4)
    Refuse("A " + kind + "'s input has 4 dimensions (N, 3, H, W); " + input.name + " has " +
           std::to_string(input.shape.size()));
  CheckPictureInput(input, kind);
  return ReadPictureSize(session, input, wanted_width, wanted_height, usual);
}

void CheckPictureInput(const NodeArg& input, const std::string& kind) {
  const size_t rank = input.shape.size();
  if (rank != 0 && rank != 3 && rank != 4)
    Refuse("A " + kind + "'s input is (N, 3, H, W) or (3, H, W); " + input.name + " has " +
           std::to_string(rank) + " dimensions");
  if (input.type != "tensor(float)" && input.type != "tensor(float16)")
    Refuse("A " + kind + "'s input is tensor(float) or tensor(float16); " + input.name + " is " + input.type);
  if (rank >= 3 && input.shape[rank - 3] > 0 && input.shape[rank - 3] != 3)
    Refuse("A " + kind + "'s input has 3 channels; " + input.name + " has " +
           std::to_string(input.shape[rank - 3]));
}

std::vector<std::string> ReadLabels(const InferenceSession& session, const std::vector<std::string>& given,
                                    int64_t classes) {
  if (given.empty()) return ParseNames(Metadata(session, "names")).value_or(std::vector<std::string>{});
  if (classes > 0 && static_cast<int64_t>(given.size()) != classes)
    Refuse("Resolved " + std::to_string(given.size()) + " labels but the model has " +
           std::to_string(classes) + " classes");
  return given;
}

std::string LabelOf(const std::vector<std::string>& labels, int id) {
  return static_cast<size_t>(id) < labels.size() ? labels[id] : "class_" + std::to_string(id);
}

Array ToInputType(Array floats, bool half) {
  if (!half) return floats;
  Array halves(ElementType::kFloat16, floats.shape());
  std::ranges::transform(floats.Items<float>(), static_cast<uint16_t*>(halves.data()), Float16::FromFloat);
  return halves;
}

std::span<const float> AsFloats(const Array& array, std::vector<float>& room) {
  switch (array.type()) {
    case ElementType::kFloat:
      return array.Items<float>();
    case ElementType::kDouble:
      room.resize(array.count());
      std::ranges::transform(array.Items<double>(), room.begin(),
                             [](double x) { return static_cast<float>(x); });
      return room;
    case ElementType::kFloat16: {
      const auto* halves = static_cast<const uint16_t*>(array.data());
      room.resize(array.count());
      std::transform(halves, halves + room.size(), room.begin(), Float16::ToFloat);
      return room;
    }
    default:
      Refuse("The model's output is not of a floating type");
  }
}

}  // namespace ortolan::vision
