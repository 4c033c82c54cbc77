// The opset imports of a model or function: which version of which domain its nodes mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "model/model.h"

namespace ortolan::import {

inline constexpr int kNewestIr = 14;
inline constexpr int kNewestOnnxOpset = 28;

// "ai.onnx" is the same domain as "".
inline std::string_view CanonicalDomain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

// The newest version of a domain that we know of; nothing for the domains of others.
std::optional<int> NewestOpset(std::string_view domain);

// Domains whose operators ONNX defines: there an unknown name is an error of the model.
bool IsOnnxDomain(std::string_view domain);

class Opsets {
 public:
  // kFail where a version is newer than what we know, unless `allow_unreleased`: then a line in `warnings`.
  static Result<Opsets> Of(const std::vector<model::OpsetImport>& imports, bool allow_unreleased,
                           std::vector<std::string>* warnings);

  // The version imported; the newest for domains of ours that the model does not mention; nothing for others.
  std::optional<int> Version(std::string_view domain) const;

  // What a function does not import itself means what it means in the model.
  void InheritFrom(const Opsets& model);

 private:
  std::unordered_map<std::string_view, int> versions_;
};

}  // namespace ortolan::import
