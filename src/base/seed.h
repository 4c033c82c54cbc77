// The seed of random operators that have none of their own: set by the user for the whole process.
#pragma once

#include <cstdint>
#include <optional>

namespace ortolan {

// Streams that are opened after this call repeat themselves, each its own.
void SetProcessSeed(int64_t seed);
// Nothing where the user has set none: streams are then seeded by the machine.
std::optional<int64_t> ProcessSeed();
// The seed of a new stream.
uint64_t NextStreamSeed();

}  // namespace ortolan
