#include "ops/contrib/ordered.h"

#include <vector>

#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

enum Order : int64_t { kColumns, kRows, kColumns32, kTilesOf4, kTilesOf32 };

// (..., a, b) -> the shape (..., b, a).
graph::Value* TurnedShape(Composer& make, graph::Value* x) {
  return make.Node("Concat", {make.Sizes(x, 0, -2), make.Sizes(x, -1, INT64_MAX), make.Sizes(x, -2, -1)},
                   {{"axis", int64_t{0}}});
}

graph::Value* Turned(Composer& make, graph::Value* x) {
  const int64_t rank = x->shape.rank();
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) perm[static_cast<size_t>(i)] = i;
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return make.Node("Transpose", {x}, {{"perm", std::move(perm)}});
}

// Where element (row, column) of a matrix stands in tiles.
int64_t PlaceInTiles(int64_t order, int64_t rows, int64_t row, int64_t column) {
  const int64_t block = column / 32 * rows * 32, inside = column % 32;
  if (order == kTilesOf4) {
    const int64_t tile = row / 8 * 8 + row % 2 * 4 + inside / 8;
    return block + tile * 32 + ((inside % 8 >= 4 ? 4 : 0) + row % 8 / 2) * 4 + column % 4;
  }
  const int64_t r = row % 32;
  return block + row / 32 * 1024 + ((r % 8 / 2 * 4 + r / 8) * 2 + r % 2) * 32 + inside;
}

Result<graph::Value*> FromTiles(Composer& make, graph::Value* x, int64_t order, bool back) {
  const std::string_view op = make.composed().op_type;
  if (x->shape.rank() != 2) return InvalidArgument("{}: tiles of a matrix of rank {}", op, x->shape.rank());
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t rows, KnownDim(x, 0, op));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t columns, KnownDim(x, 1, op));
  const int64_t unit = order == kTilesOf4 ? 8 : 32;
  if (rows % unit != 0 || columns % 32 != 0 || !CheckedCount(Dims{rows, columns, 8}))
    return InvalidArgument("{}: a matrix of {} rows and {} columns does not make tiles", op, rows, columns);
  std::vector<int64_t> places(static_cast<size_t>(rows * columns));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const auto from = static_cast<size_t>(PlaceInTiles(order, rows, r, c));
      const auto to = static_cast<size_t>(r * columns + c);
      places[back ? from : to] = static_cast<int64_t>(back ? to : from);
    }
  }
  graph::Value* index = make.Constant(Tensor::Of<int64_t>({rows * columns}, places));
  return make.Reshaped(make.Node("Gather", {make.Reshaped(x, {-1}), index}), {rows, columns});
}

// The groups of 32 columns that a matrix has, in front of its rows.
graph::Value* Groups(Composer& make, graph::Value* x, bool back) {
  graph::Value* lead = make.Sizes(x, 0, -2);
  graph::Value* rows = make.Sizes(x, -2, -1);
  graph::Value* groups = make.Node("Div", {make.Sizes(x, -1, INT64_MAX), make.Ints({32})});
  const std::vector<graph::Value*> parts =
      back ? std::vector<graph::Value*>{lead, rows, groups, make.Ints({32})}
           : std::vector<graph::Value*>{lead, groups, rows, make.Ints({32})};
  graph::Value* split = make.Node("Reshape", {x, make.Node("Concat", parts, {{"axis", int64_t{0}}})});
  const int64_t rank = x->shape.rank() + 1;
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) perm[static_cast<size_t>(i)] = i;
  std::swap(perm[perm.size() - 2], perm[perm.size() - 3]);
  graph::Value* turned = make.Node("Transpose", {split}, {{"perm", std::move(perm)}});
  return make.Node("Reshape", {turned, make.Node("Shape", {x})});
}

Status CheckOrder(Composer& make, const graph::Value* x, int64_t order) {
  const std::string_view op = make.composed().op_type;
  if (order < kColumns || order > kTilesOf32) return InvalidArgument("{}: order {}", op, order);
  if (order != kRows && (!x->shape.has_rank() || x->shape.rank() < 2))
    return InvalidArgument("{}: order {} needs a matrix", op, order);
  return OkStatus();
}

}  // namespace

Result<graph::Value*> ByRows(Composer& make, graph::Value* x, int64_t order) {
  ORTOLAN_RETURN_IF_ERROR(CheckOrder(make, x, order));
  if (order == kRows) return x;
  if (order == kColumns) return Turned(make, make.Node("Reshape", {x, TurnedShape(make, x)}));
  return order == kColumns32 ? Groups(make, x, false) : FromTiles(make, x, order, false);
}

Result<graph::Value*> InOrder(Composer& make, graph::Value* x, int64_t order) {
  ORTOLAN_RETURN_IF_ERROR(CheckOrder(make, x, order));
  if (order == kRows) return x;
  if (order == kColumns) return make.Node("Reshape", {Turned(make, x), make.Node("Shape", {x})});
  return order == kColumns32 ? Groups(make, x, true) : FromTiles(make, x, order, true);
}

graph::Value* Scaled(Composer& make, graph::Value* x, graph::Value* scale) {
  return make.Node("Mul", {make.Cast(x, DType::kFloat), scale});
}

graph::Value* Rounded(Composer& make, graph::Value* x, graph::Value* scale) {
  graph::Value* whole = make.Node("Round", {make.Node("Div", {make.Cast(x, DType::kFloat), scale})});
  whole = make.Node("Clip", {whole, make.Number(whole, -128), make.Number(whole, 127)});
  return make.Cast(whole, DType::kInt8);
}

Result<graph::Value*> OrderedWeights(Composer& make, graph::Value* w, int64_t order) {
  ORTOLAN_RETURN_IF_ERROR(CheckOrder(make, w, order));
  if (order == kRows || order == kColumns) return ByRows(make, w, order);
  // The transposed matrix is what stands in tiles.
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * turned,
                           ByRows(make, make.Node("Reshape", {w, TurnedShape(make, w)}), order));
  return Turned(make, turned);
}

}  // namespace ortolan
