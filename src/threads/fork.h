// Forked processes: a child has the memory of its parent's threads and none of the threads themselves. What
// owns threads compares the count of its making with the one of now, and where they differ works without
// them.
#pragma once

#include <cstdint>

namespace ortolan {

// How many forks lie between the first process and this one, counted from the first call on.
uint32_t ForkCount();

}  // namespace ortolan
