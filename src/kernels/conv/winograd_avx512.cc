// Winograd tile transforms for avx512.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradAvx512;
constexpr WinogradKernel kWinogradAvx512{InputTile, OutputTile, TransformWeights};

}  // namespace ortolan::kernels
