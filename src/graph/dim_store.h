// DimStore: the interned expressions behind Dim. Only the dim*.cc files of this folder see it.
//
// An expression is a polynomial with integer coefficients. Its variables are atoms: symbols, and operations
// that a polynomial cannot hold (floor division, minimum, maximum, and sums or products that outgrew the
// limits below). Terms are sorted (degree first, then atoms), so equal polynomials have equal term lists and
// intern to one object.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/small_vector.h"
#include "graph/dim.h"

namespace ortolan::graph {

// The border of saturating arithmetic. Symmetric, so that negation is exact; as a bound of a range it means
// "no bound".
inline constexpr int64_t kDimInfinity = std::numeric_limits<int64_t>::max();

int64_t SaturatingAdd(int64_t a, int64_t b);
int64_t SaturatingMul(int64_t a, int64_t b);
// Towards minus infinity; 0 where b is 0.
int64_t FloorDivInt(int64_t a, int64_t b);

// What an expression can evaluate to.
struct DimRange {
  int64_t low = -kDimInfinity;
  int64_t high = kDimInfinity;
};

struct DimTerm {
  int64_t coefficient = 0;
  SmallVector<int32_t, 4> atoms;  // rising; repeated for powers; empty for the constant term
  friend bool operator==(const DimTerm&, const DimTerm&) = default;
};
using DimTerms = std::vector<DimTerm>;  // leading term first, no zero coefficients

enum class DimOp : uint8_t { kSymbol, kAdd, kMul, kFloorDiv, kMin, kMax, kBroadcast };

struct DimAtom {
  DimOp op = DimOp::kSymbol;
  int symbol = -1;  // kSymbol
  Dim a, b;         // the others
  DimRange range;
  int depth = 0;
};

struct DimExpr {
  DimStore* store = nullptr;
  DimTerms terms;
  DimRange range;
  int depth = 0;  // of nested operations
  size_t hash = 0;
  size_t serial = 0;  // in the order of making: sorts operands the same way in every run
};

struct DimStore {
  // A file may multiply sums until they explode; what passes these limits becomes an opaque atom. Real models
  // stay below 8 terms and degree 4.
  static constexpr size_t kMostTerms = 32;
  static constexpr size_t kMostDegree = 8;
  // Nested deeper than this an operation becomes a fresh symbol, so that recursion over expressions stays
  // shallow.
  static constexpr int kMostDepth = 100;

  Dim NewSymbol(std::string name, DimRange range);
  Dim Intern(DimTerms terms);
  // The atom of an operation as an expression; operands already simplified.
  Dim Opaque(DimOp op, Dim a, Dim b, DimRange range);
  Dim OfAtom(int32_t atom);

  static DimTerms TermsOf(Dim dim);
  static DimRange RangeOf(Dim dim);
  static int DepthOf(Dim dim);

  std::deque<DimAtom> atoms;
  std::deque<std::string> symbol_names;
  std::unordered_map<std::string, Dim> named;
  int fresh_count = 0;

 private:
  struct ExprHash {
    size_t operator()(const std::unique_ptr<DimExpr>& expr) const { return expr->hash; }
  };
  struct ExprEqual {
    bool operator()(const std::unique_ptr<DimExpr>& a, const std::unique_ptr<DimExpr>& b) const {
      return a->terms == b->terms;
    }
  };
  struct AtomKey {
    DimOp op;
    Dim a, b;
    friend bool operator==(const AtomKey&, const AtomKey&) = default;
  };
  struct AtomHash {
    size_t operator()(const AtomKey& key) const;
  };
  DimRange RangeOfTerms(const DimTerms& terms) const;

  std::unordered_set<std::unique_ptr<DimExpr>, ExprHash, ExprEqual> expressions_;
  std::unordered_map<AtomKey, int32_t, AtomHash> operations_;
};

}  // namespace ortolan::graph
