// The seed of random operators that have none of their own: set by the user for the whole process.
#pragma once

#include <cstdint>
#include <optional>

namespace ortolan {

void SetProcessSeed(int64_t seed);
// Nothing where the user has set none: operators then draw one.
std::optional<int64_t> ProcessSeed();

}  // namespace ortolan
