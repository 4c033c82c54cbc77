// Winograd tile transforms for avx2.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradAvx2;
constexpr WinogradKernel kWinogradAvx2{InputTile, OutputTile, TransformWeights};

}  // namespace ortolan::kernels
