#include "ops/ml/svm.h"

namespace ortolan::ml {

Result<SvmKernel> SvmKernelOf(const graph::Attributes& attributes) {
  SvmKernel kernel;
  const std::string_view name = attributes.String("kernel_type", "LINEAR");
  if (name == "POLY") {
    kernel.kind = SvmKernel::Kind::kPoly;
  } else if (name == "RBF") {
    kernel.kind = SvmKernel::Kind::kRbf;
  } else if (name == "SIGMOID") {
    kernel.kind = SvmKernel::Kind::kSigmoid;
  } else if (name != "LINEAR") {
    return InvalidArgument("kernel_type cannot be '{}'", name);
  }
  const auto parameters = attributes.Floats("kernel_params");
  if (!parameters.empty() && parameters.size() != 3) {
    return InvalidArgument("kernel_params has {} elements, expected gamma, coef0 and degree",
                           parameters.size());
  }
  if (!parameters.empty()) {
    kernel.gamma = static_cast<double>(parameters[0]);
    kernel.shift = static_cast<double>(parameters[1]);
    kernel.degree = static_cast<double>(parameters[2]);
  }
  return kernel;
}

}  // namespace ortolan::ml
