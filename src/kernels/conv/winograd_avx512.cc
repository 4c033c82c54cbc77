// Winograd tile transforms for avx512.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradAvx512[kWinogradForms];
constexpr WinogradKernel kWinogradAvx512[kWinogradForms]{kForm<4>, kForm<2>};

}  // namespace ortolan::kernels
