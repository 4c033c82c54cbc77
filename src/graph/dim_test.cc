#include "graph/dim.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "graph/dim_store.h"

namespace ortolan::graph {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// What an expression is for these values of the symbols.
int64_t Eval(Dim dim, const std::vector<int64_t>& symbols) {
  if (dim.IsConstant()) return dim.constant();
  const auto of_atom = [&](const DimAtom& atom) {
    if (atom.op == DimOp::kSymbol) return symbols[static_cast<size_t>(atom.symbol)];
    const int64_t a = Eval(atom.a, symbols), b = Eval(atom.b, symbols);
    switch (atom.op) {
      case DimOp::kAdd:
        return SaturatingAdd(a, b);
      case DimOp::kMul:
        return SaturatingMul(a, b);
      case DimOp::kFloorDiv:
        return FloorDivInt(a, b);
      case DimOp::kMin:
        return std::min(a, b);
      case DimOp::kMax:
        return std::max(a, b);
      default:
        return a == 1 ? b : a;
    }
  };
  int64_t sum = 0;
  for (const DimTerm& term : dim.expr()->terms) {
    int64_t product = term.coefficient;
    for (const int32_t atom : term.atoms)
      product = SaturatingMul(product, of_atom(dim.expr()->store->atoms[static_cast<size_t>(atom)]));
    sum = SaturatingAdd(sum, product);
  }
  return sum;
}

TEST(Dim, ConstantsAreCalculatedAndSaturate) {
  EXPECT_EQ(Dim(3) + Dim(4), Dim(7));
  EXPECT_EQ(Dim(3) - Dim(4), Dim(-1));
  EXPECT_EQ(Dim(kMax) + Dim(1), Dim(kMax));
  EXPECT_EQ(Dim(kMax) * Dim(-2), Dim(-kMax));
  EXPECT_EQ(Dim::FloorDiv(-7, 2), Dim(-4));
  EXPECT_EQ(Dim::FloorDiv(7, -2), Dim(-4));
  EXPECT_EQ(Dim::FloorDiv(7, 0), Dim(0));
  EXPECT_EQ(Dim::FloorDiv(std::numeric_limits<int64_t>::min(), -1), Dim(kMax));
  EXPECT_EQ(Dim::CeilDiv(7, 2), Dim(4));
  EXPECT_EQ(Dim::CeilDiv(-7, 2), Dim(-3));
  EXPECT_EQ(Dim::CeilDiv(7, -2), Dim(-3));
  EXPECT_EQ(Dim::Min(3, 4), Dim(3));
  EXPECT_EQ(Dim::Max(3, 4), Dim(4));
}

TEST(Dim, EqualPolynomialsAreOneObject) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), m = pool.Symbol("M");
  EXPECT_EQ(n, pool.Symbol("N"));
  EXPECT_FALSE(n == m);
  EXPECT_EQ(n + m, m + n);
  EXPECT_EQ((n + m) * (n - m), n * n - m * m);
  EXPECT_EQ((n + 1) * (n + 1), n * n + 2 * n + 1);
  EXPECT_EQ(n - n, Dim(0));
  EXPECT_EQ(n * 0, Dim(0));
  EXPECT_EQ(n + m - n, m);
  EXPECT_FALSE(pool.Fresh() == pool.Fresh());
}

TEST(Dim, DivisionsSimplify) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), m = pool.Symbol("M");
  EXPECT_EQ(Dim::FloorDiv(4 * n + 8, 4), n + 2);
  EXPECT_EQ(Dim::FloorDiv(2 * n, 4), Dim::FloorDiv(n, 2));
  EXPECT_EQ(Dim::FloorDiv(2 * n + 1, 4), Dim::FloorDiv(n, 2));
  EXPECT_EQ(Dim::FloorDiv(n - 1, 2) + 1, Dim::FloorDiv(n + 1, 2));
  EXPECT_EQ(Dim::CeilDiv(n, 2), Dim::FloorDiv(n + 1, 2));
  EXPECT_EQ(Dim::FloorDiv(Dim::FloorDiv(n, 2), 3), Dim::FloorDiv(n, 6));
  // Two convolutions of stride 2 and padding 1.
  const Dim once = Dim::FloorDiv(n - 1, 2) + 1;
  EXPECT_EQ(Dim::FloorDiv(once - 1, 2) + 1, Dim::FloorDiv(n + 3, 4));
  EXPECT_EQ(Dim::FloorDiv(n * m, n), m);
  EXPECT_EQ(Dim::FloorDiv(6 * n * m + 3 * n, 3 * n), 2 * m + 1);
  EXPECT_EQ(Dim::FloorDiv(n * n - m * m, n + m), n - m);
  EXPECT_EQ(Dim::FloorDiv(n, n), Dim(1));
}

TEST(Dim, MinimumAndMaximumUseWhatIsKnownOfRanges) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), m = pool.Symbol("M"), free = pool.Fresh();
  EXPECT_EQ(Dim::Max(n, 0), n);
  EXPECT_EQ(Dim::Min(n, 0), Dim(0));
  EXPECT_EQ(Dim::Min(n, kMax), n);
  EXPECT_EQ(Dim::Min(n, n + 1), n);
  EXPECT_EQ(Dim::Max(n, n + m), n + m);
  EXPECT_EQ(Dim::Min(n, m), Dim::Min(m, n));
  EXPECT_EQ(Dim::Min(n, 3), Dim::Min(3, n));
  EXPECT_FALSE(Dim::Max(free, 0) == free);  // a fresh symbol may be negative
  EXPECT_EQ(Dim::Max(n, n), n);
}

TEST(Dim, Broadcasts) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), m = pool.Symbol("M");
  EXPECT_EQ(Dim::Broadcast(n, 1), n);
  EXPECT_EQ(Dim::Broadcast(1, n), n);
  EXPECT_EQ(Dim::Broadcast(n, n), n);
  EXPECT_EQ(Dim::Broadcast(n, 4), Dim(4));
  EXPECT_EQ(Dim::Broadcast(n, m), Dim::Broadcast(m, n));
  EXPECT_EQ(Eval(Dim::Broadcast(n, m), {1, 5}), 5);
  EXPECT_EQ(Eval(Dim::Broadcast(n, m), {5, 1}), 5);
  EXPECT_EQ(Eval(Dim::Broadcast(n, m), {1, 0}), 0);
  EXPECT_EQ(DimText(Dim::Broadcast(n, m)), "broadcast(N, M)");
  // Positions up to a maximum, cut to the sequence and added to it.
  EXPECT_EQ(Dim::Broadcast(n, Dim::Min(n, 512)), n);
  EXPECT_EQ(Dim::Broadcast(Dim::Min(512, n), n), n);
  EXPECT_EQ(DimText(Dim::Broadcast(m, Dim::Min(n, 512))), "broadcast(M, min(N, 512))");
  EXPECT_NE(Dim::Broadcast(n, Dim::Min(n, 0)), n);
}

TEST(Dim, Texts) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), l = pool.Symbol("L"), h = pool.Symbol("heads");
  EXPECT_EQ(DimText(3), "3");
  EXPECT_EQ(DimText(n), "N");
  EXPECT_EQ(DimText(2 * n + 1), "2*N + 1");
  EXPECT_EQ(DimText(2 * n * h - 3), "2*N*heads - 3");
  EXPECT_EQ(DimText(3 - n), "-N + 3");
  EXPECT_EQ(DimText(Dim::FloorDiv(l, 2)), "floor(L/2)");
  EXPECT_EQ(DimText(Dim::CeilDiv(l, 2)), "floor((L + 1)/2)");
  EXPECT_EQ(DimText(Dim::Min(n + 1, l)), "min(L, N + 1)");
  EXPECT_EQ(DimText(pool.Fresh()), "?1");
  EXPECT_EQ(ShapeText({n, 3, 2 * l}), "[N,3,2*L]");
  EXPECT_EQ(ShapeText(Shape()), "?");
  EXPECT_EQ(ShapeText(Shape(Shape::DimList())), "[]");
}

TEST(Dim, SymbolsHaveIndices) {
  DimPool pool;
  const Dim n = pool.Symbol("N"), fresh = pool.Fresh();
  EXPECT_EQ(DimPool::SymbolIndex(n), 0);
  EXPECT_EQ(DimPool::SymbolIndex(fresh), 1);
  EXPECT_EQ(DimPool::SymbolIndex(n + 1), -1);
  EXPECT_EQ(DimPool::SymbolIndex(5), -1);
  EXPECT_EQ(pool.symbol_count(), 2);
  EXPECT_EQ(pool.SymbolName(0), "N");
}

TEST(Dim, HostileExpressionsStayBounded) {
  DimPool pool;
  Dim sum = 0;
  for (int i = 0; i < 200; ++i) sum = sum + pool.Symbol(fmt::format("s{}", i));
  Dim product = sum;
  for (int i = 0; i < 50; ++i) product = product * (sum + i);
  Dim nested = pool.Symbol("N");
  for (int i = 0; i < 5000; ++i)
    nested = Dim::Min(Dim::FloorDiv(nested * pool.Symbol("M"), 3), pool.Fresh()) + nested;
  Dim large = pool.Symbol("N");
  for (int i = 0; i < 100; ++i) large = large * 1000 - 1;
  EXPECT_LE(DimText(product).size(), 1100u);
  EXPECT_LE(DimText(nested).size(), 1100u);
  EXPECT_GT(Eval(large, std::vector<int64_t>(300, 2)), kMax / 2);
  EXPECT_EQ(Eval(sum, std::vector<int64_t>(300, 2)), 400);
}

// Random expressions, built as Dims and at the same time as plain functions.
TEST(Dim, AgreesWithDirectCalculation) {
  using Function = std::function<int64_t(const std::vector<int64_t>&)>;
  struct Pair {
    Dim dim;
    Function direct;
  };
  std::mt19937 random(7);
  const auto floor_div = [](int64_t a, int64_t b) {
    const int64_t q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
  };
  for (int round = 0; round < 300; ++round) {
    DimPool pool;
    std::vector<Pair> pairs;
    for (int s = 0; s < 3; ++s) {
      pairs.push_back({pool.Symbol(fmt::format("s{}", s)),
                       [s](const std::vector<int64_t>& v) { return v[static_cast<size_t>(s)]; }});
    }
    for (int64_t c : {-3, 1, 2, 3, 8}) pairs.push_back({c, [c](const std::vector<int64_t>&) { return c; }});
    for (int step = 0; step < 8; ++step) {
      const Pair x = pairs[random() % pairs.size()], y = pairs[random() % pairs.size()];
      const int64_t c = 1 + static_cast<int64_t>(random() % 6);
      switch (random() % 7) {
        case 0:
          pairs.push_back({x.dim + y.dim, [=](auto& v) { return x.direct(v) + y.direct(v); }});
          break;
        case 1:
          pairs.push_back({x.dim - y.dim, [=](auto& v) { return x.direct(v) - y.direct(v); }});
          break;
        case 2:
          pairs.push_back({x.dim * y.dim, [=](auto& v) { return x.direct(v) * y.direct(v); }});
          break;
        case 3:
          pairs.push_back({Dim::FloorDiv(x.dim, c), [=](auto& v) { return floor_div(x.direct(v), c); }});
          break;
        case 4:
          pairs.push_back({Dim::CeilDiv(x.dim, c), [=](auto& v) { return -floor_div(-x.direct(v), c); }});
          break;
        case 5:
          pairs.push_back(
              {Dim::Min(x.dim, y.dim), [=](auto& v) { return std::min(x.direct(v), y.direct(v)); }});
          break;
        default:
          pairs.push_back(
              {Dim::Max(x.dim, y.dim), [=](auto& v) { return std::max(x.direct(v), y.direct(v)); }});
      }
    }
    for (int sample = 0; sample < 10; ++sample) {
      const std::vector<int64_t> symbols{static_cast<int64_t>(random() % 9),
                                         static_cast<int64_t>(random() % 9),
                                         static_cast<int64_t>(random() % 9)};
      bool huge = false;  // where the direct way could overflow, saturation is allowed to differ
      for (const Pair& pair : pairs)
        huge = huge || std::abs(static_cast<double>(pair.direct(symbols))) > 1e15;
      if (huge) continue;
      for (const Pair& pair : pairs) {
        EXPECT_EQ(Eval(pair.dim, symbols), pair.direct(symbols)) << DimText(pair.dim);
      }
    }
  }
}

// A quotient q of a = q*b + r with a symbolic b agrees with the division wherever b is not zero.
TEST(Dim, SymbolicDivisionAgrees) {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    DimPool pool;
    const Dim n = pool.Symbol("N"), m = pool.Symbol("M");
    const auto coefficient = [&] { return static_cast<int64_t>(random() % 5) - 2; };
    const int64_t c[] = {coefficient(), coefficient(), coefficient(),
                         coefficient(), coefficient(), coefficient()};
    const Dim a = c[0] * n * m + c[1] * n + c[2] * m + c[3];
    const Dim b = c[4] * n + c[5] * m + 1;
    const Dim quotient = Dim::FloorDiv(a, b);
    for (int64_t x = 0; x < 6; ++x) {
      for (int64_t y = 0; y < 6; ++y) {
        const int64_t av = c[0] * x * y + c[1] * x + c[2] * y + c[3], bv = c[4] * x + c[5] * y + 1;
        if (bv == 0) continue;
        const int64_t q = av / bv;
        EXPECT_EQ(Eval(quotient, {x, y}), q * bv != av && (av < 0) != (bv < 0) ? q - 1 : q)
            << DimText(quotient);
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::graph
