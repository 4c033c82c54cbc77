// Reads the Python literals that exporters leave in a model's metadata: `{0: 'cat', 1: "dog's"}` and `[96,
// 96]`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ortolan::vision {

// The strings of a dict whose keys are 0..n-1 in any order, by key; nothing where the text is anything else.
std::optional<std::vector<std::string>> ParseNames(std::string_view text);

// The integers of a list or tuple, or one integer; nothing where the text is anything else.
std::optional<std::vector<int64_t>> ParseIntegers(std::string_view text);

}  // namespace ortolan::vision
