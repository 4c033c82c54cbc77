// Shape: the functions that graph/dim.h declares.
#include <algorithm>

#include "graph/dim.h"

namespace ortolan::graph {

bool Shape::IsConstant() const {
  return has_rank_ && std::ranges::all_of(dims_, [](const Dim& dim) { return dim.IsConstant(); });
}

Dim Shape::Count() const {
  Dim count = 1;
  for (const Dim& dim : dims_) count = count * dim;
  return count;
}

std::string ShapeText(const Shape& shape) {
  if (!shape.has_rank()) return "?";
  std::string text = "[";
  for (const Dim& dim : shape.dims()) {
    if (text.size() > 1) text += ',';
    text += DimText(dim);
  }
  return text + "]";
}

}  // namespace ortolan::graph
