// Dim: one symbolic dimension. Either a constant or an expression over symbols such as 2*N*heads or
// ceil(L/2).
//
// Expressions are polynomials in normal form whose atoms are symbols and opaque operations (floor division,
// minimum, maximum), interned in a pool: equal expressions are the same object, so comparing two Dims
// compares two words. They are for inference; a run computes its shapes anew, as numbers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/small_vector.h"

namespace ortolan::graph {

class DimPool;
struct DimExpr;   // an interned, immutable, non-constant expression; see dim_store.h
struct DimStore;  // what a DimPool owns

class Dim {
 public:
  Dim() = default;                                // the constant 0
  Dim(int64_t constant) : constant_(constant) {}  // NOLINT: implicit by design

  bool IsConstant() const { return expr_ == nullptr; }
  int64_t constant() const { return constant_; }  // only if IsConstant()
  bool Is(int64_t value) const { return IsConstant() && constant_ == value; }
  const DimExpr* expr() const { return expr_; }

  friend bool operator==(const Dim& a, const Dim& b) {
    return a.expr_ == b.expr_ && a.constant_ == b.constant_;
  }

  // Saturating on overflow where both are constant; otherwise an interned expression in the operands' pool.
  // Named symbols are never negative, which Min and Max make use of; fresh ones may be.
  friend Dim operator+(Dim a, Dim b);
  friend Dim operator-(Dim a, Dim b);
  friend Dim operator*(Dim a, Dim b);
  static Dim FloorDiv(Dim a, Dim b);  // rounds towards minus infinity; exact where every term divides
  static Dim CeilDiv(Dim a, Dim b);
  static Dim Min(Dim a, Dim b);
  static Dim Max(Dim a, Dim b);
  // The dimension that a and b broadcast to: b where a is 1, else a. Of a constant other than 1 and an
  // expression the constant: a run in which they do not fit fails anyway.
  static Dim Broadcast(Dim a, Dim b);

 private:
  friend struct DimStore;
  static Dim OfExpr(const DimExpr* expr) {  // no constructor: Dim(0) would be ambiguous
    Dim dim;
    dim.expr_ = expr;
    return dim;
  }
  const DimExpr* expr_ = nullptr;
  int64_t constant_ = 0;  // 0 where expr_ is set, so that comparison needs no branch
};

// "3", "N", "2*N + 1", "floor(L/2)". Cut off with "..." where it would pass a thousand characters.
std::string DimText(Dim dim);

// Owns the expressions of one model, its subgraphs included. Used by one thread while the model is loaded;
// constant arithmetic never touches a pool.
class DimPool {
 public:
  DimPool();
  ~DimPool();
  DimPool(const DimPool&) = delete;
  DimPool& operator=(const DimPool&) = delete;

  // The symbol of this name, made on first use.
  Dim Symbol(std::string_view name);
  // A fresh symbol that equals no other; for what inference cannot know. Named "?1", "?2", ...
  Dim Fresh();

  int symbol_count() const;
  // A symbol's number in the order of making; -1 where the Dim is not a bare symbol.
  static int SymbolIndex(Dim dim);
  std::string_view SymbolName(int index) const;

 private:
  std::unique_ptr<DimStore> store_;
};

// The shape of a value as far as it is known before a run.
class Shape {
 public:
  using DimList = std::vector<Dim>;

  Shape() = default;                                                // rank unknown
  Shape(DimList dims) : has_rank_(true), dims_(std::move(dims)) {}  // NOLINT: implicit by design
  Shape(std::initializer_list<Dim> dims) : has_rank_(true), dims_(dims) {}
  static Shape OfConstants(std::span<const int64_t> dims) { return {DimList(dims.begin(), dims.end())}; }

  bool has_rank() const { return has_rank_; }
  int rank() const { return static_cast<int>(dims_.size()); }  // only if has_rank()
  const DimList& dims() const { return dims_; }
  DimList& dims() { return dims_; }
  const Dim& operator[](size_t axis) const { return dims_[axis]; }
  Dim& operator[](size_t axis) { return dims_[axis]; }
  bool IsConstant() const;  // rank and every dimension known
  Dim Count() const;        // product of the dimensions; only if has_rank()
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  bool has_rank_ = false;
  DimList dims_;
};

std::string ShapeText(const Shape& shape);  // "[N,3,2*L]", "?" for unknown rank

}  // namespace ortolan::graph
