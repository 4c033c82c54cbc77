// Winograd tile transforms for scalar.
#include "kernels/conv/winograd_body.h"

namespace ortolan::kernels {

extern const WinogradKernel kWinogradScalar[kWinogradForms];
constexpr WinogradKernel kWinogradScalar[kWinogradForms]{kForm<4>, kForm<2>};

}  // namespace ortolan::kernels
