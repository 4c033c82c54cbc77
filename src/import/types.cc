#include "import/types.h"

namespace ortolan::import {
namespace {

using model::DimView;
using model::TypeView;

Result<DType> ElementType(int32_t number) {
  if (!IsDefined(number))
    return InvalidGraph("This is an invalid model. Unknown tensor element type {}", number);
  return static_cast<DType>(number);
}

const int64_t* SizeOf(const std::vector<std::pair<std::string, int64_t>>& sizes, std::string_view name) {
  for (const auto& [key, size] : sizes) {
    if (!name.empty() && key == name) return &size;
  }
  return nullptr;
}

// Symbols that the file named; inference makes others, which begin with a question mark.
std::string_view FileSymbol(graph::Dim dim, const graph::DimPool& pool) {
  const int index = dim.IsConstant() ? -1 : graph::DimPool::SymbolIndex(dim);
  const std::string_view name = index < 0 ? std::string_view() : pool.SymbolName(index);
  return name.starts_with('?') ? std::string_view() : name;
}

DeclaredDim ToDeclared(graph::Dim dim, const graph::DimPool& pool) {
  if (dim.IsConstant()) return {dim.constant(), {}};
  return {-1, std::string(FileSymbol(dim, pool))};
}

}  // namespace

Result<ValueType> ToValueType(const TypeView& type) {
  switch (type.kind) {
    case TypeView::Kind::kNone:
      return ValueType{};
    case TypeView::Kind::kOpaque:
      return InvalidGraph("This is an invalid model. Opaque types are not supported");
    case TypeView::Kind::kTensor:
    case TypeView::Kind::kSparseTensor: {
      if (type.dtype == 0) return ValueType{};
      ORTOLAN_ASSIGN_OR_RETURN(const DType dtype, ElementType(type.dtype));
      const bool sparse = type.kind == TypeView::Kind::kSparseTensor;
      return sparse ? ValueType{ValueType::Kind::kSparseTensor, dtype, nullptr} : ValueType::TensorOf(dtype);
    }
    case TypeView::Kind::kSequence:
    case TypeView::Kind::kOptional:
    case TypeView::Kind::kMap:
      break;
  }
  ValueType inner;
  if (type.inner != nullptr) {
    ORTOLAN_ASSIGN_OR_RETURN(inner, ToValueType(*type.inner));
  }
  if (!inner.known())
    return InvalidGraph("This is an invalid model. A container type without the type of its content");
  if (type.kind == TypeView::Kind::kSequence) return ValueType::SequenceOf(std::move(inner));
  if (type.kind == TypeView::Kind::kOptional) return ValueType::OptionalOf(std::move(inner));
  ORTOLAN_ASSIGN_OR_RETURN(const DType key, ElementType(type.dtype));
  return ValueType::MapOf(key, std::move(inner));
}

Result<FreeDimensions> FreeDimensions::Of(const ImportOptions& options) {
  FreeDimensions free;
  free.by_name_ = options.free_dimensions_by_name;
  free.by_denotation_ = options.free_dimensions_by_denotation;
  for (const Sizes* sizes : {&free.by_name_, &free.by_denotation_}) {
    for (const auto& [name, size] : *sizes) {
      if (size < 0) return InvalidArgument("Free dimension override of '{}' is negative: {}", name, size);
    }
  }
  return free;
}

Result<DeclaredDim> FreeDimensions::Declare(const DimView& dim) const {
  const int64_t* size = SizeOf(by_denotation_, dim.denotation);
  if (dim.kind == DimView::Kind::kValue && dim.value >= 0) {
    if (size != nullptr && *size != dim.value) {
      return Fail("[ShapeInferenceError] Free dimension override of '{}' is {} where the model has {}",
                  dim.denotation, *size, dim.value);
    }
    return DeclaredDim{dim.value, {}};
  }
  if (const int64_t* named = SizeOf(by_name_, dim.symbol)) size = named;
  if (size != nullptr) return DeclaredDim{*size, {}};
  return DeclaredDim{-1, std::string(dim.symbol)};
}

Result<DeclaredValue> Declare(const model::ValueInfoView& info, const FreeDimensions& free) {
  DeclaredValue declared;
  declared.name = info.name;
  ORTOLAN_ASSIGN_OR_RETURN(declared.type, ToValueType(info.type));
  // An optional tensor reports the shape of the tensor.
  const TypeView* shaped = &info.type;
  if (shaped->kind == TypeView::Kind::kOptional && shaped->inner != nullptr) shaped = shaped->inner.get();
  declared.has_rank = shaped->has_shape;
  declared.dims.reserve(shaped->dims.size());
  for (const DimView& dim : shaped->dims) {
    ORTOLAN_ASSIGN_OR_RETURN(DeclaredDim made, free.Declare(dim));
    declared.dims.push_back(std::move(made));
  }
  return declared;
}

graph::Shape ToShape(const DeclaredValue& declared, graph::DimPool& pool) {
  if (!declared.has_rank) return {};
  graph::Shape::DimList dims;
  dims.reserve(declared.dims.size());
  for (const DeclaredDim& dim : declared.dims) {
    dims.push_back(dim.size >= 0        ? graph::Dim(dim.size)
                   : dim.symbol.empty() ? pool.Fresh()
                                        : pool.Symbol(dim.symbol));
  }
  return dims;
}

bool Complete(DeclaredValue& declared, const ValueType& type, const graph::Shape& inferred,
              const graph::DimPool& pool) {
  if (!declared.type.known()) declared.type = type;
  if (!inferred.has_rank() || !declared.type.IsTensor()) return false;
  const size_t rank = inferred.dims().size();
  if (!declared.has_rank) {
    declared.has_rank = true;
    for (const graph::Dim dim : inferred.dims()) declared.dims.push_back(ToDeclared(dim, pool));
    return false;
  }
  if (declared.dims.size() != rank) {
    declared.has_rank = false;
    declared.dims.clear();
    return true;
  }
  bool contradiction = false;
  for (size_t axis = 0; axis < rank; ++axis) {
    DeclaredDim& own = declared.dims[axis];
    const DeclaredDim found = ToDeclared(inferred[axis], pool);
    if (own.size >= 0 && found.size >= 0 && own.size != found.size) {
      own = {};
      contradiction = true;
    } else if (own.size < 0 && (found.size >= 0 || own.symbol.empty())) {
      own = found;
    }
  }
  return contradiction;
}

}  // namespace ortolan::import
