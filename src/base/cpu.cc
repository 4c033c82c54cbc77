#include "base/isa.h"

#include <sched.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

namespace ortolan {
namespace {

Isa DetectIsa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512cd");
  return v4 ? Isa::kAvx512 : v3 ? Isa::kAvx2 : Isa::kScalar;
#elif defined(__aarch64__)
  return kIsaNeon;
#else
  return Isa::kScalar;
#endif
}

Isa CapFromEnvironment(Isa detected) {
  const char* word = std::getenv("ORTOLAN_ISA");
  if (word == nullptr || *word == '\0') return detected;
  std::string names;
  for (Isa isa : kIsaLevels) {
    if (IsaName(isa) == word) return std::min(isa, detected);
    names.append(names.empty() ? "" : ", ").append(IsaName(isa));
  }
  std::fprintf(stderr, "ortolan: ORTOLAN_ISA=%s is none of %s; ignored\n", word, names.c_str());
  return detected;
}

CpuExtensions DetectExtensions(Isa isa) {
  CpuExtensions extensions;
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) {
    extensions.avx512_vnni = __builtin_cpu_supports("avx512vnni");
    extensions.avx512_bf16 = __builtin_cpu_supports("avx512bf16");
  }
#endif
  (void)isa;
  return extensions;
}

size_t CacheBytes(int name, size_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<size_t>(bytes) : otherwise;
}

// The CPU time per wall time that the cgroup grants, or 0 where there is no limit.
double CgroupQuota() {
  double quota = 0;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
    std::string first;
    if (v2 >> first >> period && first != "max") quota = std::atof(first.c_str());
  } else if (std::ifstream v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); v1 >> quota) {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

int CountCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  std::set<std::pair<int, int>> cores;  // (package, core): hyperthreads of one core count once
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    int package = 0;
    int core = cpu;
    std::ifstream(topology + "physical_package_id") >> package;
    std::ifstream(topology + "core_id") >> core;
    cores.emplace(package, core);
  }
  int count = std::max<int>(1, static_cast<int>(cores.size()));
  if (const double quota = CgroupQuota(); quota > 0)
    count = std::min(count, std::max(1, static_cast<int>(std::ceil(quota))));
  return count;
}

CpuInfo Detect() {
  CpuInfo info;
  info.isa = CapFromEnvironment(DetectIsa());
  info.extensions = DetectExtensions(info.isa);
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  info.l1d_bytes = CacheBytes(_SC_LEVEL1_DCACHE_SIZE, info.l1d_bytes);
  info.l2_bytes = CacheBytes(_SC_LEVEL2_CACHE_SIZE, info.l2_bytes);
  info.l3_bytes = CacheBytes(_SC_LEVEL3_CACHE_SIZE, info.l3_bytes);
#endif
  info.physical_cores = CountCores();
  return info;
}

}  // namespace

std::string_view IsaName(Isa isa) {
  if (isa == kIsaNeon) return "neon";
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

bool HasByteDots() {
#if defined(__aarch64__)
  static const bool has = GetCpuInfo().isa == kIsaNeon && (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  return has;
#else
  return GetCpuInfo().extensions.avx512_vnni;
#endif
}

const CpuInfo& GetCpuInfo() {
  static const CpuInfo info = Detect();
  return info;
}

}  // namespace ortolan
