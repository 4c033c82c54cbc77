// The levels of Isa by processor family: the level of aarch64, which stands beside the enumerators of cpu.h
// because a library is built for one family and nothing compares across them; and what a level's units may
// ask for beyond it.
#pragma once

#include "base/cpu.h"

namespace ortolan {

// Advanced SIMD, which every aarch64 processor has.
constexpr Isa kIsaNeon = static_cast<Isa>(16);

// The levels of the family that this library is built for, lowest first; their names are what ORTOLAN_ISA
// takes.
#if defined(__aarch64__)
constexpr Isa kIsaLevels[] = {Isa::kScalar, kIsaNeon};
#else
constexpr Isa kIsaLevels[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvx512};
#endif

// Instructions that add the products of four bytes: VNNI of AVX-512, SDOT of ARMv8.2. False where ORTOLAN_ISA
// caps below the level that they belong to.
bool HasByteDots();

}  // namespace ortolan
