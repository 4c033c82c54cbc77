// Dim arithmetic on polynomials, and the pool that interns them.
#include "graph/dim.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "graph/dim_store.h"

namespace ortolan::graph {
namespace {

int64_t Symmetric(int64_t value) {
  return std::max(value, -kDimInfinity);
}

// ----------------------------------------------------------------------------------------------------------
// ranges

// "No bound" is sticky: minus infinity plus five is still minus infinity.
DimRange AddRanges(DimRange a, DimRange b) {
  DimRange sum;
  if (a.low != -kDimInfinity && b.low != -kDimInfinity) sum.low = SaturatingAdd(a.low, b.low);
  if (a.high != kDimInfinity && b.high != kDimInfinity) sum.high = SaturatingAdd(a.high, b.high);
  return sum;
}

DimRange MulRanges(DimRange a, DimRange b) {
  const int64_t corners[] = {SaturatingMul(a.low, b.low), SaturatingMul(a.low, b.high),
                             SaturatingMul(a.high, b.low), SaturatingMul(a.high, b.high)};
  return {*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4)};
}

DimRange FloorDivRange(DimRange a, Dim b) {
  DimRange range;
  if (b.IsConstant() && b.constant() > 0) {
    if (a.low != -kDimInfinity) range.low = FloorDivInt(a.low, b.constant());
    if (a.high != kDimInfinity) range.high = FloorDivInt(a.high, b.constant());
  } else if (a.low >= 0 && DimStore::RangeOf(b).low >= 0) {
    range = {0, a.high};  // zero where b is zero
  }
  return range;
}

// -----------------------------------------------------------------------------------------------------------
// terms

// Graded lexicographic order, leading terms first. It respects multiplication, which polynomial division
// needs.
bool Before(const DimTerm& a, const DimTerm& b) {
  if (a.atoms.size() != b.atoms.size()) return a.atoms.size() > b.atoms.size();
  return std::lexicographical_compare(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end());
}

// a + factor * b; false where a coefficient overflows.
bool AddScaled(const DimTerms& a, const DimTerms& b, int64_t factor, DimTerms* sum) {
  sum->clear();
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && Before(a[i], b[j]))) {
      sum->push_back(a[i++]);
      continue;
    }
    DimTerm term = b[j++];
    if (__builtin_mul_overflow(term.coefficient, factor, &term.coefficient)) return false;
    if (i < a.size() && a[i].atoms == term.atoms) {
      if (__builtin_add_overflow(term.coefficient, a[i++].coefficient, &term.coefficient)) return false;
    }
    if (term.coefficient != 0) sum->push_back(std::move(term));
  }
  return true;
}

bool MulTerm(const DimTerm& a, const DimTerm& b, DimTerm* product) {
  if (__builtin_mul_overflow(a.coefficient, b.coefficient, &product->coefficient)) return false;
  product->atoms.resize(a.atoms.size() + b.atoms.size());
  std::merge(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end(), product->atoms.begin());
  return true;
}

// a * b; false where a coefficient overflows or the product passes the store's limits.
bool MulTerms(const DimTerms& a, const DimTerms& b, DimTerms* product) {
  DimTerms sum, row, next;
  for (const DimTerm& x : a) {
    row.clear();
    for (const DimTerm& y : b) {
      if (!MulTerm(x, y, &row.emplace_back())) return false;
      if (row.back().atoms.size() > DimStore::kMostDegree) return false;
    }
    if (!AddScaled(sum, row, 1, &next)) return false;  // a row keeps b's order
    sum.swap(next);
    if (sum.size() > 4 * DimStore::kMostTerms) return false;
  }
  *product = std::move(sum);
  return product->size() <= DimStore::kMostTerms;
}

// a / b for one term; false where it does not divide exactly.
bool DivideTerm(const DimTerm& a, const DimTerm& b, DimTerm* quotient) {
  if (b.coefficient == -1 && a.coefficient < -kDimInfinity) return false;  // the one quotient that overflows
  if (a.coefficient % b.coefficient != 0 || a.atoms.size() < b.atoms.size()) return false;
  if (!std::includes(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end())) return false;
  quotient->coefficient = a.coefficient / b.coefficient;
  quotient->atoms.resize(a.atoms.size() - b.atoms.size());
  std::set_difference(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end(),
                      quotient->atoms.begin());
  return true;
}

// a = quotient * b + remainder, moving to the quotient what divides. False where a coefficient overflows.
bool DivideTerms(DimTerms a, const DimTerms& b, DimTerms* quotient, DimTerms* remainder) {
  DimTerms product, next;
  for (size_t steps = 0; !a.empty(); ++steps) {
    if (steps > 2 * DimStore::kMostTerms) return false;
    DimTerm term;
    if (!DivideTerm(a.front(), b.front(), &term)) {
      remainder->push_back(a.front());
      a.erase(a.begin());
      continue;
    }
    product.clear();
    for (const DimTerm& y : b) {
      if (!MulTerm(term, y, &product.emplace_back())) return false;
    }
    if (!AddScaled(a, product, -1, &next)) return false;
    a.swap(next);
    quotient->push_back(std::move(term));
  }
  return true;
}

const DimExpr* Either(Dim a, Dim b) {
  return a.expr() ? a.expr() : b.expr();
}

// -------------------------------------------------------------------------------------------------- floor
// division

// Where `dim` is floor(x/c) + k with constants c > 0 and k: x, c and k.
bool IsFloorPlus(Dim dim, Dim* x, int64_t* c, int64_t* k) {
  const DimTerms& terms = dim.expr()->terms;
  if (terms.size() > 2 || terms[0].coefficient != 1 || terms[0].atoms.size() != 1) return false;
  if (terms.size() == 2 && !terms[1].atoms.empty()) return false;
  const DimAtom& atom = dim.expr()->store->atoms[static_cast<size_t>(terms[0].atoms[0])];
  if (atom.op != DimOp::kFloorDiv || !atom.b.IsConstant()) return false;
  *x = atom.a;
  *c = atom.b.constant();
  *k = terms.size() == 2 ? terms[1].coefficient : 0;
  return *c > 0;
}

// floor(a / c) for an expression a and a constant c > 1, in the form that equal divisions share: whole
// multiples of c leave the division, a common factor is cancelled, nested divisions become one.
Dim FloorDivConstant(Dim a, int64_t c) {
  DimStore& store = *a.expr()->store;
  DimTerms whole, rest;
  int64_t common = c;
  for (const DimTerm& term : a.expr()->terms) {
    const int64_t quotient = FloorDivInt(term.coefficient, c);
    const int64_t remainder = term.coefficient - quotient * c;
    if (quotient != 0) whole.push_back({quotient, term.atoms});
    if (remainder == 0) continue;
    rest.push_back({remainder, term.atoms});
    if (!term.atoms.empty()) common = std::gcd(common, remainder);
  }
  const Dim outside = store.Intern(std::move(whole));
  if (rest.empty() || rest.front().atoms.empty()) return outside;  // a constant below c divides to zero
  for (DimTerm& term : rest) term.coefficient = FloorDivInt(term.coefficient, common);
  if (rest.back().coefficient == 0) rest.pop_back();
  c /= common;
  const Dim inside = store.Intern(std::move(rest));
  if (c == 1) return outside + inside;
  Dim x;
  int64_t inner = 0, k = 0, product = 0, shift = 0;
  if (IsFloorPlus(inside, &x, &inner, &k) && !__builtin_mul_overflow(inner, c, &product) &&
      !__builtin_mul_overflow(inner, k, &shift)) {
    return outside + Dim::FloorDiv(x + Dim(shift), product);
  }
  return outside + store.Opaque(DimOp::kFloorDiv, inside, c, FloorDivRange(DimStore::RangeOf(inside), c));
}

// --------------------------------------------------------------------------------------------------------------
// text

constexpr size_t kMostText = 1000;

void AppendDim(Dim dim, std::string* text);

void AppendAtom(const DimStore& store, const DimAtom& atom, std::string* text) {
  if (atom.op == DimOp::kSymbol) {
    *text += store.symbol_names[static_cast<size_t>(atom.symbol)];
    return;
  }
  auto operand = [&](Dim dim, bool bare) {
    const bool parentheses = !bare && !dim.IsConstant() && DimPool::SymbolIndex(dim) < 0;
    if (parentheses) *text += '(';
    AppendDim(dim, text);
    if (parentheses) *text += ')';
  };
  const bool division = atom.op == DimOp::kFloorDiv;
  const bool call = !division && atom.op != DimOp::kAdd && atom.op != DimOp::kMul;
  *text += atom.op == DimOp::kMin         ? "min("
           : atom.op == DimOp::kMax       ? "max("
           : atom.op == DimOp::kBroadcast ? "broadcast("
           : division                     ? "floor("
                                          : "(";
  operand(atom.a, call);
  *text += call ? ", " : division ? "/" : atom.op == DimOp::kAdd ? " + " : "*";
  operand(atom.b, call);
  *text += ')';
}

void AppendDim(Dim dim, std::string* text) {
  if (dim.IsConstant()) {
    *text += std::to_string(dim.constant());
    return;
  }
  bool first = true;
  for (const DimTerm& term : dim.expr()->terms) {
    if (text->size() > kMostText) return;
    const bool minus = term.coefficient < 0;
    text->append(first ? (minus ? "-" : "") : minus ? " - " : " + ");
    first = false;
    const uint64_t size =
        minus ? 0 - static_cast<uint64_t>(term.coefficient) : static_cast<uint64_t>(term.coefficient);
    if (size != 1 || term.atoms.empty()) *text += std::to_string(size);
    bool star = size != 1;
    for (int32_t atom : term.atoms) {
      if (star) *text += '*';
      star = true;
      AppendAtom(*dim.expr()->store, dim.expr()->store->atoms[static_cast<size_t>(atom)], text);
    }
  }
}

}  // namespace

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? -kDimInfinity : kDimInfinity;
  return Symmetric(sum);
}

int64_t SaturatingMul(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return (a < 0) != (b < 0) ? -kDimInfinity : kDimInfinity;
  return Symmetric(product);
}

int64_t FloorDivInt(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return -Symmetric(a);
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// ------------------------------------------------------------------------------------------------------------
// the store

size_t DimStore::AtomHash::operator()(const AtomKey& key) const {
  size_t hash = static_cast<size_t>(key.op);
  for (const Dim& dim : {key.a, key.b}) {
    hash = hash * 0x9e3779b97f4a7c15u + std::hash<const void*>()(dim.expr());
    hash = hash * 0x9e3779b97f4a7c15u + std::hash<int64_t>()(dim.constant_);
  }
  return hash;
}

DimTerms DimStore::TermsOf(Dim dim) {
  if (dim.expr()) return dim.expr()->terms;
  if (dim.constant() == 0) return {};
  return {DimTerm{dim.constant(), {}}};
}

DimRange DimStore::RangeOf(Dim dim) {
  return dim.expr() ? dim.expr()->range : DimRange{Symmetric(dim.constant()), Symmetric(dim.constant())};
}

int DimStore::DepthOf(Dim dim) {
  return dim.expr() ? dim.expr()->depth : 0;
}

DimRange DimStore::RangeOfTerms(const DimTerms& terms) const {
  DimRange range{0, 0};
  for (const DimTerm& term : terms) {
    DimRange product{Symmetric(term.coefficient), Symmetric(term.coefficient)};
    for (int32_t atom : term.atoms) product = MulRanges(product, atoms[static_cast<size_t>(atom)].range);
    range = AddRanges(range, product);
  }
  return range;
}

Dim DimStore::Intern(DimTerms terms) {
  if (terms.empty()) return 0;
  if (terms.size() == 1 && terms[0].atoms.empty()) return terms[0].coefficient;
  auto expr = std::make_unique<DimExpr>();
  for (const DimTerm& term : terms) {
    expr->hash = expr->hash * 0x9e3779b97f4a7c15u + static_cast<size_t>(term.coefficient);
    for (int32_t atom : term.atoms) {
      expr->hash = (expr->hash ^ static_cast<size_t>(atom)) * 0xff51afd7ed558ccdu;
      expr->depth = std::max(expr->depth, atoms[static_cast<size_t>(atom)].depth);
    }
  }
  expr->terms = std::move(terms);
  if (const auto found = expressions_.find(expr); found != expressions_.end())
    return Dim::OfExpr(found->get());
  expr->store = this;
  expr->serial = expressions_.size();
  expr->range = RangeOfTerms(expr->terms);
  return Dim::OfExpr(expressions_.insert(std::move(expr)).first->get());
}

Dim DimStore::OfAtom(int32_t atom) {
  return Intern({DimTerm{1, {atom}}});
}

Dim DimStore::NewSymbol(std::string name, DimRange range) {
  DimAtom atom;
  atom.symbol = static_cast<int>(symbol_names.size());
  atom.range = range;
  symbol_names.push_back(std::move(name));
  atoms.push_back(atom);
  return OfAtom(static_cast<int32_t>(atoms.size() - 1));
}

Dim DimStore::Opaque(DimOp op, Dim a, Dim b, DimRange range) {
  const auto [found, made] = operations_.try_emplace(AtomKey{op, a, b}, static_cast<int32_t>(atoms.size()));
  if (!made) return OfAtom(found->second);
  DimAtom atom{op, -1, a, b, range, 1 + std::max(DepthOf(a), DepthOf(b))};
  if (atom.depth > kMostDepth) {
    atom = DimAtom{DimOp::kSymbol, static_cast<int>(symbol_names.size()), {}, {}, range, 0};
    symbol_names.push_back(fmt::format("?{}", ++fresh_count));
  }
  atoms.push_back(atom);
  return OfAtom(found->second);
}

// -----------------------------------------------------------------------------------------------------------
// arithmetic

Dim operator+(Dim a, Dim b) {
  if (a.IsConstant() && b.IsConstant()) return SaturatingAdd(a.constant(), b.constant());
  DimStore& store = *Either(a, b)->store;
  DimTerms sum;
  if (AddScaled(DimStore::TermsOf(a), DimStore::TermsOf(b), 1, &sum) && sum.size() <= DimStore::kMostTerms) {
    return store.Intern(std::move(sum));
  }
  return store.Opaque(DimOp::kAdd, a, b, AddRanges(DimStore::RangeOf(a), DimStore::RangeOf(b)));
}

Dim operator-(Dim a, Dim b) {
  return a + Dim(-1) * b;
}

Dim operator*(Dim a, Dim b) {
  if (a.IsConstant() && b.IsConstant()) return SaturatingMul(a.constant(), b.constant());
  DimStore& store = *Either(a, b)->store;
  DimTerms product;
  if (MulTerms(DimStore::TermsOf(a), DimStore::TermsOf(b), &product)) return store.Intern(std::move(product));
  return store.Opaque(DimOp::kMul, a, b, MulRanges(DimStore::RangeOf(a), DimStore::RangeOf(b)));
}

Dim Dim::FloorDiv(Dim a, Dim b) {
  if (a.IsConstant() && b.IsConstant()) return FloorDivInt(a.constant(), b.constant());
  if (a.Is(0) || b.Is(0)) return 0;
  if (b.Is(1)) return a;
  DimStore& store = *Either(a, b)->store;
  if (b.IsConstant()) {
    if (b.constant() > 1) return FloorDivConstant(a, b.constant());
    if (b.constant() >= -kDimInfinity) return FloorDiv(Dim(-1) * a, -b.constant());
  }
  DimTerms quotient, remainder;
  if (!DivideTerms(DimStore::TermsOf(a), DimStore::TermsOf(b), &quotient, &remainder)) {
    return store.Opaque(DimOp::kFloorDiv, a, b, FloorDivRange(DimStore::RangeOf(a), b));
  }
  const Dim outside = store.Intern(std::move(quotient));
  if (remainder.empty()) return outside;
  const Dim rest = store.Intern(std::move(remainder));
  return outside + store.Opaque(DimOp::kFloorDiv, rest, b, FloorDivRange(DimStore::RangeOf(rest), b));
}

Dim Dim::CeilDiv(Dim a, Dim b) {
  if (b.IsConstant()) {
    if (b.constant() < 0) return CeilDiv(Dim(-1) * a, Dim(-1) * b);
    if (a.IsConstant()) {
      const int64_t quotient = FloorDivInt(a.constant(), b.constant());
      return quotient + (b.constant() != 0 && quotient * b.constant() != a.constant() ? 1 : 0);
    }
    if (b.Is(0)) return 0;
  }
  return FloorDiv(a + b - 1, b);
}

Dim Dim::Min(Dim a, Dim b) {
  if (a.IsConstant() && b.IsConstant()) return std::min(a.constant(), b.constant());
  const DimRange difference = DimStore::RangeOf(a - b);
  if (difference.high <= 0) return a;
  if (difference.low >= 0) return b;
  const DimRange x = DimStore::RangeOf(a), y = DimStore::RangeOf(b);
  if (x.high <= y.low) return a;
  if (y.high <= x.low) return b;
  if (a.IsConstant()) std::swap(a, b);  // one order, so that min(N, 3) and min(3, N) are one
  if (!b.IsConstant() && b.expr()->serial < a.expr()->serial) std::swap(a, b);
  return Either(a, b)->store->Opaque(DimOp::kMin, a, b, {std::min(x.low, y.low), std::min(x.high, y.high)});
}

Dim Dim::Max(Dim a, Dim b) {
  if (a.IsConstant() && b.IsConstant()) return std::max(a.constant(), b.constant());
  const DimRange difference = DimStore::RangeOf(a - b);
  if (difference.high <= 0) return b;
  if (difference.low >= 0) return a;
  const DimRange x = DimStore::RangeOf(a), y = DimStore::RangeOf(b);
  if (x.high <= y.low) return b;
  if (y.high <= x.low) return a;
  if (a.IsConstant()) std::swap(a, b);
  if (!b.IsConstant() && b.expr()->serial < a.expr()->serial) std::swap(a, b);
  return Either(a, b)->store->Opaque(DimOp::kMax, a, b, {std::max(x.low, y.low), std::max(x.high, y.high)});
}

namespace {

// Whether `part` is min(whole, c) with a constant c of at least 1: a table of c rows, cut to what is there.
// The two fit where they are equal, and where c is 1.
bool IsCutOf(Dim part, Dim whole) {
  if (part.expr() == nullptr || part.expr()->terms.size() != 1) return false;
  const DimTerm& term = part.expr()->terms.front();
  if (term.coefficient != 1 || term.atoms.size() != 1) return false;
  const DimAtom& atom = part.expr()->store->atoms[static_cast<size_t>(term.atoms[0])];
  if (atom.op != DimOp::kMin) return false;
  const auto cuts = [&](Dim kept, Dim most) {
    return kept == whole && most.IsConstant() && most.constant() >= 1;
  };
  return cuts(atom.a, atom.b) || cuts(atom.b, atom.a);
}

}  // namespace

Dim Dim::Broadcast(Dim a, Dim b) {
  if (a == b || b.Is(1)) return a;
  if (a.Is(1) || b.IsConstant()) return b;
  if (a.IsConstant()) return a;
  if (IsCutOf(b, a)) return a;
  if (IsCutOf(a, b)) return b;
  if (b.expr()->serial < a.expr()->serial) std::swap(a, b);
  const DimRange x = DimStore::RangeOf(a), y = DimStore::RangeOf(b);
  return a.expr()->store->Opaque(DimOp::kBroadcast, a, b, {std::min(x.low, y.low), std::max(x.high, y.high)});
}

std::string DimText(Dim dim) {
  std::string text;
  AppendDim(dim, &text);
  if (text.size() > kMostText) {
    text.resize(kMostText);
    text += "...";
  }
  return text;
}

// -------------------------------------------------------------------------------------------------------------
// the pool

DimPool::DimPool() : store_(std::make_unique<DimStore>()) {}
DimPool::~DimPool() = default;

Dim DimPool::Symbol(std::string_view name) {
  const auto [found, made] = store_->named.try_emplace(std::string(name));
  if (made) found->second = store_->NewSymbol(std::string(name), {0, kDimInfinity});
  return found->second;
}

Dim DimPool::Fresh() {
  return store_->NewSymbol(fmt::format("?{}", ++store_->fresh_count), {});
}

int DimPool::symbol_count() const {
  return static_cast<int>(store_->symbol_names.size());
}

int DimPool::SymbolIndex(Dim dim) {
  if (dim.IsConstant()) return -1;
  const DimTerms& terms = dim.expr()->terms;
  if (terms.size() != 1 || terms[0].coefficient != 1 || terms[0].atoms.size() != 1) return -1;
  return dim.expr()->store->atoms[static_cast<size_t>(terms[0].atoms[0])].symbol;
}

std::string_view DimPool::SymbolName(int index) const {
  return store_->symbol_names[static_cast<size_t>(index)];
}

}  // namespace ortolan::graph
