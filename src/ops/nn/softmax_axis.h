// What Softmax, LogSoftmax and Hardmax share: the axis they work along, in the present form and in that of
// opsets below 13, which saw the input as a matrix: rows are everything from the axis on.
#pragma once

#include "kernels/norm/norm.h"
#include "ops/op.h"

namespace ortolan {

struct SoftmaxAxis {
  int64_t axis = -1;
  bool flatten = false;  // the form below opset 13
};

// Below opset 13 the default axis was 1 and everything from it on made a row.
void RaiseSoftmax(RaiseContext& context);
Status InferSoftmax(InferContext& context);
SoftmaxAxis SoftmaxAxisOf(const graph::Node& node);
Result<kernels::AxisView> ViewAlong(const SoftmaxAxis& axis, std::span<const int64_t> dims);
Cost CostOfSoftmax(const graph::Node& node, const BindContext& shapes);
// Softmax, or its logarithm, for the float types.
Status PrepareSoftmax(PrepareContext& context, bool log, Prepared* prepared);

}  // namespace ortolan
