// Winograd tile transforms for neon.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradNeon[kWinogradForms];
constexpr WinogradKernel kWinogradNeon[kWinogradForms]{kForm<4>, kForm<2>};

}  // namespace ortolan::kernels
