#include "import/opsets.h"

#include <climits>
#include <utility>

namespace ortolan::import {
namespace {

struct Domain {
  std::string_view name;
  int newest;
  bool onnx;
};

constexpr Domain kDomains[] = {
    {"", kNewestOnnxOpset, true},
    {"ai.onnx.ml", 5, true},
    {"ai.onnx.preview", 1, true},
    {"ai.onnx.training", 1, true},
    {"ai.onnx.preview.training", 1, true},
    {"com.microsoft", 1, false},
    {"com.microsoft.experimental", 1, false},
    {"com.microsoft.nchwc", 1, false},
    {"com.ms.internal.nhwc", kNewestOnnxOpset, false},
    {"org.pytorch.aten", 1, false},
};

const Domain* Find(std::string_view name) {
  name = CanonicalDomain(name);
  for (const Domain& domain : kDomains) {
    if (domain.name == name) return &domain;
  }
  return nullptr;
}

std::string UnreleasedText(std::string_view domain, int64_t version, int newest) {
  return fmt::format(
      "ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. "
      "Opset {} is "
      "under development and support for this is limited. The operator schemas and or other functionality "
      "may change "
      "before next ONNX release and in this case ONNX Runtime will not guarantee backward compatibility. "
      "Current "
      "official support for domain {} is till opset {}.",
      version, domain.empty() ? "ai.onnx" : domain, newest);
}

}  // namespace

std::optional<int> NewestOpset(std::string_view domain) {
  const Domain* known = Find(domain);
  return known ? std::optional(known->newest) : std::nullopt;
}

bool IsOnnxDomain(std::string_view domain) {
  const Domain* known = Find(domain);
  return known != nullptr && known->onnx;
}

Result<Opsets> Opsets::Of(const std::vector<model::OpsetImport>& imports, bool allow_unreleased,
                          std::vector<std::string>* warnings) {
  Opsets opsets;
  for (const model::OpsetImport& import : imports) {
    const std::string_view domain = CanonicalDomain(import.domain);
    if (import.version < 1 || import.version > INT_MAX) {
      return Fail("Invalid opset version {} of domain '{}'", import.version, domain);
    }
    const Domain* known = Find(domain);
    if (known != nullptr && known->onnx && import.version > known->newest) {
      std::string text = UnreleasedText(domain, import.version, known->newest);
      if (!allow_unreleased) return Status(StatusCode::kFail, std::move(text));
      warnings->push_back(std::move(text));
    }
    opsets.versions_[domain] = static_cast<int>(import.version);
  }
  return opsets;
}

std::optional<int> Opsets::Version(std::string_view domain) const {
  const auto found = versions_.find(CanonicalDomain(domain));
  return found != versions_.end() ? std::optional(found->second) : NewestOpset(domain);
}

void Opsets::InheritFrom(const Opsets& model) {
  for (const auto& [domain, version] : model.versions_) versions_.try_emplace(domain, version);
}

}  // namespace ortolan::import
