// Winograd tile transforms for avx2.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradAvx2[kWinogradForms];
constexpr WinogradKernel kWinogradAvx2[kWinogradForms]{kForm<4>, kForm<2>};

}  // namespace ortolan::kernels
