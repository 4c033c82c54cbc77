// RegexFullMatch: whether the whole of each string matches a pattern of RE2's syntax. Refuses patterns that
// RE2 does not read.
#include <re2/re2.h>

#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kBool);
  return InferSameShape(context);
}

Status Run(const void* state, RunContext& context) {
  const auto& pattern = *static_cast<const RE2*>(state);
  const auto strings = context.input(0).Items<const std::string>();
  auto* matches = context.output(0).As<uint8_t>();
  for (size_t i = 0; i < strings.size(); ++i) matches[i] = RE2::FullMatch(strings[i], pattern) ? 1 : 0;
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const std::string_view text = context.node.attributes.String("pattern", "");
  RE2::Options options(RE2::Quiet);
  auto pattern = std::make_shared<const RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!pattern->ok()) return InvalidArgument("Invalid regex pattern: {}: {}", text, pattern->error());
  prepared->state = std::move(pattern);
  prepared->run = Run;
  prepared->kernel = "regex_full_match";
  return OkStatus();
}

constexpr int kVersions[] = {20};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kString)}, {"T2", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"pattern", graph::AttributeType::kString}};

}  // namespace

extern const OpDef kRegexFullMatch;
constexpr OpDef kRegexFullMatch{.domain = "",
                                .name = "RegexFullMatch",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
