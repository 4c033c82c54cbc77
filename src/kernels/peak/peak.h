// What one core can do at most: bare chains of fused multiply-adds. Profiles and benchmarks show a kernel's
// speed as a share of it.
#pragma once

#include "base/cpu.h"

namespace ortolan::kernels {

// CPU time of the calling thread: on a busy machine the wall clock counts other processes' slices too.
double ThreadSeconds();

// Floating-point operations a second of one thread, float32, in one burst of about 200 microseconds of CPU
// time. The best of several bursts is the peak.
double FmaBurst(Isa isa);

}  // namespace ortolan::kernels
