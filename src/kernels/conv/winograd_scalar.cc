// Winograd tile transforms for scalar.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradScalar;
constexpr WinogradKernel kWinogradScalar{InputTile, OutputTile, TransformWeights};

}  // namespace ortolan::kernels
