// The lookup over ops.inc.
#include <unordered_map>

#include "ops/all_ops.h"

namespace ortolan {
namespace {

constexpr const OpDef* kAllOps[] = {
#define ORTOLAN_OP(identifier) &k##identifier,
#include "ops/ops.inc"
#undef ORTOLAN_OP
    nullptr,  // keeps the array non-empty; never handed out
};
constexpr size_t kOpCount = std::size(kAllOps) - 1;

}  // namespace

std::span<const OpDef* const> AllOps() {
  return {kAllOps, kOpCount};
}

const OpDef* FindOp(std::string_view domain, std::string_view name) {
  struct Key {
    std::string_view domain, name;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.domain) * 31 + std::hash<std::string_view>()(key.name);
    }
  };
  static const auto* const table = [] {
    auto* made = new std::unordered_map<Key, const OpDef*, Hash>();
    for (const OpDef* op : AllOps()) made->emplace(Key{op->domain, op->name}, op);
    return made;
  }();
  const auto found = table->find(Key{domain == "ai.onnx" ? std::string_view() : domain, name});
  return found == table->end() ? nullptr : found->second;
}

}  // namespace ortolan
