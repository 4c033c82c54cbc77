// StringNormalizer: the strings of a row that are no stop words, in lower or upper case where asked for.
// Where none is left the result is one empty string. Case is Unicode's, letter by letter, whatever locales
// the machine has; of the attribute `locale` only Turkish and Azerbaijani make a difference. Refuses inputs
// other than [C] and [1,C].
#include <unordered_set>

#include "ops/op.h"
#include "ops/text/letters.h"

namespace ortolan {
namespace {

using text::Case;

struct State {
  text::Alphabet alphabet = text::Alphabet::kUsual;
  Case action = Case::kAsIs;
  bool case_sensitive = false;
  std::unordered_set<std::string> stop_words;  // in lower case unless case_sensitive

  bool IsStopWord(const std::string& word) const {
    if (stop_words.empty()) return false;
    return stop_words.contains(case_sensitive ? word : text::Changed(word, Case::kLower, alphabet));
  }
};

Status CheckShape(const Dims& dims) {
  if (dims.size() == 1 || (dims.size() == 2 && dims[0] == 1)) return OkStatus();
  return InvalidArgument("Input dimensions are either[C > 0] or [1][C > 0] allowed, got {}", DimsText(dims));
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 1 && (x.rank() != 2 || (x[0].IsConstant() && !x[0].Is(1) && x[0].constant() >= 0))) {
    return InvalidArgument("Input dimensions are either[C > 0] or [1][C > 0] allowed, got {}", ShapeText(x));
  }
  graph::Shape::DimList dims(static_cast<size_t>(x.rank()), graph::Dim(1));
  dims.back() = context.Unknown();
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_RETURN_IF_ERROR(CheckShape(x.dims));
  std::vector<std::string> kept;
  for (const std::string& word : x.Items<const std::string>()) {
    if (!state.IsStopWord(word)) kept.push_back(text::Changed(word, state.action, state.alphabet));
  }
  if (kept.empty()) kept.emplace_back();
  Dims dims(x.rank(), 1);
  dims.back() = static_cast<int64_t>(kept.size());
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  std::move(kept.begin(), kept.end(), context.output(0).As<std::string>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->alphabet = text::AlphabetOf(attributes.String("locale", ""));
  const std::string_view action = attributes.String("case_change_action", "NONE");
  if (action == "LOWER") {
    state->action = Case::kLower;
  } else if (action == "UPPER") {
    state->action = Case::kUpper;
  } else if (action != "NONE") {
    return InvalidArgument("attribute case_change_action has invalid value: {}", action);
  }
  state->case_sensitive = attributes.Int("is_case_sensitive", 0) != 0;
  for (const std::string& word : attributes.Strings("stopwords")) {
    state->stop_words.insert(state->case_sensitive ? word
                                                   : text::Changed(word, Case::kLower, state->alphabet));
  }
  prepared->state = std::move(state);
  prepared->run = Run;
  prepared->kernel = "string_normalizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10};
constexpr FormalParameter kInputs[] = {{"X", "tensor(string)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(string)"}};
constexpr AttributeSpec kAttributes[] = {{"case_change_action", AttributeType::kString},
                                         {"is_case_sensitive", AttributeType::kInt},
                                         {"locale", AttributeType::kString},
                                         {"stopwords", AttributeType::kStrings}};

}  // namespace

extern const OpDef kStringNormalizer;
constexpr OpDef kStringNormalizer{.domain = "",
                                  .name = "StringNormalizer",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .attributes = kAttributes,
                                  .traits = {.data_dependent_shape = true},
                                  .infer = Infer,
                                  .prepare = Prepare};

}  // namespace ortolan
