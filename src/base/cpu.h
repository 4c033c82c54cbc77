// What the processor can do, and how many of them this process may use. Kernels are chosen with it when a
// plan is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ortolan {

// Levels in rising order; each contains the ones before it. kAvx2 is x86-64-v3 (AVX2, FMA, F16C, BMI),
// kAvx512 is x86-64-v4 (AVX-512 F, BW, CD, DQ, VL).
enum class Isa : uint8_t { kScalar = 0, kAvx2 = 1, kAvx512 = 2 };

std::string_view IsaName(Isa isa);  // "scalar", "avx2", "avx512"

// Extensions beyond a level. All false when ORTOLAN_ISA caps below the level that they belong to.
struct CpuExtensions {
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx_vnni = false;
};

struct CpuInfo {
  Isa isa =
      Isa::kScalar;  // the best level that this machine has and ORTOLAN_ISA (scalar, avx2, avx512) allows
  CpuExtensions extensions;
  size_t l1d_bytes = 32 << 10;
  size_t l2_bytes = 1 << 20;
  size_t l3_bytes = 8 << 20;
  int physical_cores = 1;  // usable: affinity mask and cgroup quota counted
};

// Read once per process. An unknown word in ORTOLAN_ISA is reported once on stderr and ignored.
const CpuInfo& GetCpuInfo();

}  // namespace ortolan
