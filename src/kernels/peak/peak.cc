#include "kernels/peak/peak.h"

#include <time.h>

#include "base/isa.h"

namespace ortolan::kernels {

extern double (*const kFmaChainsScalar)(long turns, float start, float* sink);
#if defined(__x86_64__)
extern double (*const kFmaChainsAvx2)(long turns, float start, float* sink);
extern double (*const kFmaChainsAvx512)(long turns, float start, float* sink);
#elif defined(__aarch64__)
extern double (*const kFmaChainsNeon)(long turns, float start, float* sink);
#endif

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double FmaBurst(Isa isa) {
  auto* chains = kFmaChainsScalar;
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) {
    chains = kFmaChainsAvx512;
  } else if (isa >= Isa::kAvx2) {
    chains = kFmaChainsAvx2;
  }
#elif defined(__aarch64__)
  if (isa >= kIsaNeon) chains = kFmaChainsNeon;
#endif
  volatile float start = 1e-30f;
  float sink = 0;
  constexpr long kTurns = 80000;  // 12 FMA each, two a cycle: 480000 cycles
  const double begin = ThreadSeconds();
  const double operations = chains(kTurns, start, &sink);
  const double seconds = ThreadSeconds() - begin;
  return operations / seconds;
}

}  // namespace ortolan::kernels
