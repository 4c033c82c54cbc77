// Tile programs against naive loops: broadcasting, types, aliasing, strides, faults; every ISA level.
#include "kernels/elementwise/program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/half.h"
#include "base/isa.h"
#include "kernels/elementwise/epilogue.h"

namespace ortolan::kernels {
namespace {

using Shape = std::vector<int64_t>;

std::vector<Isa> Levels() {
  std::vector<Isa> levels;
  for (Isa isa : kIsaLevels) {
    if (isa <= GetCpuInfo().isa) levels.push_back(isa);
  }
  return levels;
}

int64_t CountOf(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dim : shape) count *= dim;
  return count;
}

// Position in an operand of `own` shape of element i of `out` shape.
int64_t Place(const Shape& out, const Shape& own, int64_t i) {
  int64_t place = 0, step = 1;
  for (size_t axis = 0; axis < out.size(); ++axis) {
    const int64_t dim = out[out.size() - 1 - axis];
    const int64_t at = i % dim;
    i /= dim;
    if (axis >= own.size()) continue;
    const int64_t size = own[own.size() - 1 - axis];
    place += (size == 1 ? 0 : at) * step;
    step *= size;
  }
  return place;
}

template <typename T>
std::vector<T> RandomItems(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> items(static_cast<size_t>(count));
  for (T& item : items) {
    if constexpr (std::is_floating_point_v<T>) {
      item = std::uniform_real_distribution<T>(-4, 4)(random);
    } else {
      item = static_cast<T>(random() ^ (uint64_t{random()} << 32));
    }
  }
  return items;
}

std::shared_ptr<const Program> Built(ProgramBuilder& builder, Isa isa) {
  auto program = builder.Build(isa);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return program.ok() ? *program : nullptr;
}

TileFault Execute(const Program& program, const Shape& out, const std::vector<Shape>& shapes,
                  const std::vector<const void*>& inputs, const std::vector<void*>& outputs,
                  int threads = 2) {
  std::vector<std::span<const int64_t>> spans(shapes.begin(), shapes.end());
  auto loop = MakeBroadcastLoop(program, out, spans);
  EXPECT_TRUE(loop.ok()) << loop.status().message();
  if (!loop.ok()) return TileFault::kNone;
  ThreadPool pool(threads);
  return RunProgram(program, *loop, inputs, outputs, pool);
}

struct BroadcastCase {
  Shape a, b, out;
};
const BroadcastCase kBroadcasts[] = {
    {{}, {}, {}},
    {{1}, {1}, {1}},
    {{5}, {5}, {5}},
    {{0, 3}, {3}, {0, 3}},
    {{100003}, {100003}, {100003}},
    {{100003}, {}, {100003}},
    {{1}, {70001}, {70001}},
    {{300, 700}, {700}, {300, 700}},                  // rows as operand
    {{300, 700}, {300, 1}, {300, 700}},               // one value a row
    {{2000, 64}, {64}, {2000, 64}},                   // short rows: periods
    {{2000, 50}, {2000, 1}, {2000, 50}},              // short rows: gathered
    {{700, 191}, {191}, {700, 191}},                  // a period that no tile is a power of two of
    {{2, 5, 90, 16}, {2, 5, 1, 16}, {2, 5, 90, 16}},  // a scale for each block of channels
    {{2, 5, 9, 16}, {2, 5, 1, 16}, {2, 5, 9, 16}},
    {{500, 3, 5}, {3, 5}, {500, 3, 5}},
    {{40, 1, 7, 4}, {1, 50, 1, 4}, {40, 50, 7, 4}},  // both operands repeat
    {{2, 33, 7, 7}, {33, 1, 1}, {2, 33, 7, 7}},      // channels
    {{2, 5, 20, 30}, {5, 1, 1}, {2, 5, 20, 30}},
    {{40, 1, 30}, {1, 50, 1}, {40, 50, 30}},
    {{40, 1}, {1, 50}, {40, 50}},
    {{3, 1, 5, 1, 7}, {2, 1, 4, 1}, {3, 2, 5, 4, 7}},
    {{8, 12, 200, 1}, {12, 1, 200}, {8, 12, 200, 200}},
    {{3, 1000, 3}, {3, 1, 1}, {3, 1000, 3}},
};

// Runs the program whose result emit(builder, a, b) gives over every kind of broadcast, at every level, and
// compares with expected(a, b); check(program) sees each one before.
template <typename Emit, typename Check, typename Expected>
void CompareOverBroadcasts(Emit emit, Check check, Expected expected) {
  for (Isa isa : Levels()) {
    for (const BroadcastCase& c : kBroadcasts) {
      ProgramBuilder builder;
      const Reg a = builder.Input(Element::kF32), b = builder.Input(Element::kF32);
      builder.Output(emit(builder, a, b), Element::kF32);
      const auto program = Built(builder, isa);
      check(*program);
      const auto x = RandomItems<float>(CountOf(c.a), 1), y = RandomItems<float>(CountOf(c.b), 2);
      std::vector<float> z(static_cast<size_t>(CountOf(c.out)) + 1, 77.0f);
      Execute(*program, c.out, {c.a, c.b}, {x.data(), y.data()}, {z.data()});
      for (int64_t i = 0; i < CountOf(c.out); ++i) {
        const float p = x[static_cast<size_t>(Place(c.out, c.a, i))],
                    q = y[static_cast<size_t>(Place(c.out, c.b, i))];
        ASSERT_EQ(z[static_cast<size_t>(i)], expected(p, q))
            << i << " of case " << (&c - kBroadcasts) << " at " << IsaName(isa);
      }
      EXPECT_EQ(z.back(), 77.0f);
    }
  }
}

TEST(TileProgram, BroadcastsAtEveryLevel) {
  CompareOverBroadcasts(
      [](ProgramBuilder& builder, Reg a, Reg b) {
        const Reg sum = builder.Emit(TileOp::kAdd, a, b);
        const Reg half = builder.Constant(Element::kF32, 0.5);
        return builder.Emit(TileOp::kMul, sum, builder.Emit(TileOp::kSub, b, half));
      },
      [](const Program&) {}, [](float p, float q) { return (p + q) * (q - 0.5f); });
}

// A sum that alone reads a product is one instruction with it, which rounds as the two do.
TEST(TileProgram, JoinsProductsWithSums) {
  CompareOverBroadcasts(
      [](ProgramBuilder& builder, Reg a, Reg b) {
        const Reg once = builder.Emit(TileOp::kMul, a, builder.Constant(Element::kF32, 0.7));
        const Reg twice = builder.Emit(TileOp::kMul, a, b);
        return builder.Emit(TileOp::kAdd, builder.Emit(TileOp::kAdd, twice, once), twice);
      },
      [](const Program& program) {
        EXPECT_NE(program.Text().find("MulAdd"), std::string::npos) << program.Text();
        EXPECT_EQ(program.code.size(), 3u) << program.Text();
      },
      [](float p, float q) {
        const float product = p * q, other = p * 0.7f;
        return (product + other) + product;
      });
}

// 8-bit numbers that are only chosen are never widened; signed ones and constants too.
TEST(TileProgram, ChoosesAmongBytes) {
  for (Isa isa : Levels()) {
    for (const BroadcastCase& c : kBroadcasts) {
      ProgramBuilder builder;
      const Reg a = builder.Input(Element::kBool), b = builder.Input(Element::kI8);
      const Reg three = builder.Constant(Element::kI8, -3);
      builder.Output(builder.Emit(TileOp::kSelect, a, b, three), Element::kI8);
      const auto program = Built(builder, isa);
      std::vector<uint8_t> x(static_cast<size_t>(CountOf(c.a)));
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0;
      const auto y = RandomItems<int8_t>(CountOf(c.b), 2);
      std::vector<int8_t> z(static_cast<size_t>(CountOf(c.out)) + 1, 77);
      Execute(*program, c.out, {c.a, c.b}, {x.data(), y.data()}, {z.data()});
      for (int64_t i = 0; i < CountOf(c.out); ++i) {
        const bool chosen = x[static_cast<size_t>(Place(c.out, c.a, i))] != 0;
        ASSERT_EQ(z[static_cast<size_t>(i)], chosen ? y[static_cast<size_t>(Place(c.out, c.b, i))] : -3)
            << i << " of case " << (&c - kBroadcasts) << " at " << IsaName(isa);
      }
      EXPECT_EQ(z.back(), 77);
    }
  }
}

TEST(TileProgram, RefusesShapesThatDoNotBroadcast) {
  ProgramBuilder builder;
  builder.Output(builder.Emit(TileOp::kAdd, builder.Input(Element::kF32), builder.Input(Element::kF32)),
                 Element::kF32);
  const auto program = Built(builder, Isa::kScalar);
  const Shape out{4, 3}, a{4, 3}, b{2};
  const std::span<const int64_t> shapes[] = {a, b};
  const auto loop = MakeBroadcastLoop(*program, out, shapes);
  ASSERT_FALSE(loop.ok());
  EXPECT_EQ(loop.status().message(), "Attempting to broadcast an axis by a dimension other than 1. 2 by 3");
}

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

// C's arithmetic on T, through a type that cannot overflow.
template <typename T>
T Wrap(Int128 value) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(value));
}

template <typename T>
void CheckInteger(Element element, Isa isa) {
  const int64_t n = 1531;
  const Shape shape{n};
  const auto a = RandomItems<T>(n, 3), b = RandomItems<T>(n, 4);
  const auto binary = [&](TileOp op, auto expected) {
    ProgramBuilder builder;
    const Reg x = builder.Input(element), y = builder.Input(element);
    builder.Output(builder.Emit(op, x, y), element);
    std::vector<T> out(static_cast<size_t>(n));
    const auto program = Built(builder, isa);
    Execute(*program, shape, {shape, shape}, {a.data(), b.data()}, {out.data()});
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(out[i], expected(a[i], b[i]))
          << program->Text() << +a[i] << ' ' << +b[i] << ' ' << IsaName(isa);
    }
  };
  binary(TileOp::kAdd, [](T x, T y) { return Wrap<T>(Int128{x} + y); });
  binary(TileOp::kSub, [](T x, T y) { return Wrap<T>(Int128{x} - y); });
  binary(TileOp::kMul,
         [](T x, T y) { return static_cast<T>(static_cast<UInt128>(x) * static_cast<UInt128>(y)); });
  binary(TileOp::kMin, [](T x, T y) { return std::min(x, y); });
  binary(TileOp::kMax, [](T x, T y) { return std::max(x, y); });
  binary(TileOp::kAnd, [](T x, T y) { return static_cast<T>(x & y); });
  binary(TileOp::kXor, [](T x, T y) { return static_cast<T>(x ^ y); });
  binary(TileOp::kDiv, [](T x, T y) { return y == 0 ? T(0) : Wrap<T>(Int128{x} / y); });
  binary(TileOp::kFmod, [](T x, T y) { return y == 0 ? T(0) : Wrap<T>(Int128{x} % y); });
  binary(TileOp::kMod, [](T x, T y) {
    if (y == 0) return T(0);
    const Int128 rest = Int128{x} % y;
    return Wrap<T>(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
  });
  // A chain: what leaves the range has to come back before it is compared, divided or widened.
  ProgramBuilder builder;
  const Reg x = builder.Input(element), y = builder.Input(element);
  const Reg sum = builder.Emit(TileOp::kAdd, x, y);
  builder.Output(builder.Emit(TileOp::kLess, sum, x), Element::kBool);
  builder.Output(builder.Convert(builder.Emit(TileOp::kMul, sum, y), Element::kF64), Element::kF64);
  builder.Output(builder.Emit(TileOp::kDiv, sum, builder.ConstantInt(element, 3)), element);
  std::vector<uint8_t> less(static_cast<size_t>(n));
  std::vector<double> wide(static_cast<size_t>(n));
  std::vector<T> third(static_cast<size_t>(n));
  Execute(*Built(builder, isa), shape, {shape, shape}, {a.data(), b.data()},
          {less.data(), wide.data(), third.data()});
  for (size_t i = 0; i < less.size(); ++i) {
    const T total = Wrap<T>(Int128{a[i]} + b[i]);
    ASSERT_EQ(less[i], total < a[i]);
    ASSERT_EQ(wide[i],
              static_cast<double>(static_cast<T>(static_cast<UInt128>(total) * static_cast<UInt128>(b[i]))));
    ASSERT_EQ(third[i], static_cast<T>(total / T(3)));
  }
}

TEST(TileProgram, IntegersWrapAtEveryLevel) {
  for (Isa isa : Levels()) {
    CheckInteger<int8_t>(Element::kI8, isa);
    CheckInteger<uint8_t>(Element::kU8, isa);
    CheckInteger<int16_t>(Element::kI16, isa);
    CheckInteger<uint16_t>(Element::kU16, isa);
    CheckInteger<int32_t>(Element::kI32, isa);
    CheckInteger<uint32_t>(Element::kU32, isa);
    CheckInteger<int64_t>(Element::kI64, isa);
    CheckInteger<uint64_t>(Element::kU64, isa);
  }
}

TEST(TileProgram, DivisionFaultsWithoutTrap) {
  for (Isa isa : Levels()) {
    for (TileOp op : {TileOp::kDiv, TileOp::kMod, TileOp::kFmod}) {
      ProgramBuilder builder;
      const Reg x = builder.Input(Element::kI32), y = builder.Input(Element::kI32);
      builder.Output(builder.Emit(op, x, y), Element::kI32);
      const auto program = Built(builder, isa);
      const int32_t lowest = std::numeric_limits<int32_t>::min();
      std::vector<int32_t> a{lowest, 7, 1}, b{-1, -2, 0}, c(3);
      EXPECT_EQ(Execute(*program, {3}, {{3}, {3}}, {a.data(), b.data()}, {c.data()}),
                TileFault::kDivisionByZero);
      EXPECT_EQ(Execute(*program, {2}, {{2}, {2}}, {a.data(), b.data()}, {c.data()}), TileFault::kNone);
      EXPECT_EQ(c[0], op == TileOp::kDiv ? lowest : 0);
      EXPECT_EQ(c[1], op == TileOp::kDiv ? -3 : op == TileOp::kMod ? -1 : 1);
    }
  }
}

TEST(TileProgram, HalfTypesComputeInFloat) {
  for (Isa isa : Levels()) {
    const int64_t n = 1003;
    const auto items = RandomItems<float>(n, 5);
    std::vector<Float16> a;
    std::vector<BFloat16> b;
    for (float item : items) {
      a.emplace_back(item);
      b.emplace_back(item);
    }
    ProgramBuilder builder;
    const Reg x = builder.Input(Element::kF16), y = builder.Input(Element::kBF16);
    builder.Output(builder.Emit(TileOp::kAdd, x, x), Element::kF16);
    builder.Output(builder.Emit(TileOp::kMul, y, y), Element::kBF16);
    builder.Output(builder.Convert(x, Element::kBF16),
                   Element::kF32);  // rounded although it never goes to memory
    std::vector<Float16> sum(items.size());
    std::vector<BFloat16> square(items.size());
    std::vector<float> rounded(items.size());
    Execute(*Built(builder, isa), {n}, {{n}, {n}}, {a.data(), b.data()},
            {sum.data(), square.data(), rounded.data()});
    for (size_t i = 0; i < items.size(); ++i) {
      const float p = static_cast<float>(a[i]), q = static_cast<float>(b[i]);
      ASSERT_EQ(sum[i].bits, Float16(p + p).bits);
      ASSERT_EQ(square[i].bits, BFloat16(q * q).bits);
      ASSERT_EQ(rounded[i], static_cast<float>(BFloat16(p)));
    }
  }
}

TEST(TileProgram, ConvertsEveryHalf) {
  for (Isa isa : Levels()) {
    std::vector<uint16_t> all(65536), back(65536), brain(65536), brain_back(65536);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
    std::vector<float> wide(65536);
    ProgramBuilder builder;
    const Reg x = builder.Input(Element::kF16);
    builder.Output(x, Element::kF16);
    builder.Output(x, Element::kF32);
    Execute(*Built(builder, isa), {65536}, {{65536}}, {all.data()}, {back.data(), wide.data()});
    for (size_t i = 0; i < all.size(); ++i) {
      const float expected = Float16::ToFloat(all[i]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(wide[i]) && std::isnan(Float16::ToFloat(back[i])));
      } else {
        ASSERT_EQ(wide[i], expected);
        ASSERT_EQ(back[i], all[i]);
      }
    }
  }
}

TEST(TileProgram, CastsAsTheProcessorDoes) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> values{1.9f,  -1.9f, 300.0f, -1.0f,         3e9f, -3e9f,
                                  1e19f, inf,   -inf,   std::nanf(""), 0.0f, -0.5f};
  const int64_t n = static_cast<int64_t>(values.size());
  for (Isa isa : Levels()) {
    ProgramBuilder builder;
    const Reg x = builder.Input(Element::kF32);
    for (Element to : {Element::kI8, Element::kU8, Element::kI32, Element::kU32, Element::kI64, Element::kU64,
                       Element::kBool}) {
      builder.Output(x, to);
    }
    std::vector<int8_t> i8(values.size());
    std::vector<uint8_t> u8(values.size()), truth(values.size());
    std::vector<int32_t> i32(values.size());
    std::vector<uint32_t> u32(values.size());
    std::vector<int64_t> i64(values.size());
    std::vector<uint64_t> u64(values.size());
    Execute(*Built(builder, isa), {n}, {{n}}, {values.data()},
            {i8.data(), u8.data(), i32.data(), u32.data(), i64.data(), u64.data(), truth.data()});
    constexpr int32_t kLow = std::numeric_limits<int32_t>::min();
    constexpr int64_t kLow64 = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(i8, (std::vector<int8_t>{1, -1, 44, -1, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(u8, (std::vector<uint8_t>{1, 255, 44, 255, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(i32, (std::vector<int32_t>{1, -1, 300, -1, kLow, kLow, kLow, kLow, kLow, kLow, 0, 0}));
    EXPECT_EQ(u32, (std::vector<uint32_t>{1, 4294967295u, 300, 4294967295u, 3000000000u, 1294967296u, 0, 0, 0,
                                          0, 0, 0}));
    EXPECT_EQ(i64, (std::vector<int64_t>{1, -1, 300, -1, 3000000000, -3000000000, kLow64, kLow64, kLow64,
                                         kLow64, 0, 0}));
    EXPECT_EQ(u64[0], 1u);
    EXPECT_EQ(u64[1], ~uint64_t{0});
    EXPECT_EQ(u64[6], 9999999980506447872u);
    EXPECT_EQ(truth, (std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1}));
  }
}

TEST(TileProgram, WritesOverItsInput) {
  for (Isa isa : Levels()) {
    const int64_t n = 50001;
    const auto x = RandomItems<float>(n, 6), y = RandomItems<float>(n, 7);
    ProgramBuilder builder;
    const Reg a = builder.Input(Element::kF32), b = builder.Input(Element::kF32);
    const Reg sum = builder.Emit(TileOp::kAdd, a, b);
    builder.Output(sum, Element::kF32);                                 // known early, over a ...
    builder.Output(builder.Emit(TileOp::kMul, sum, a), Element::kF32);  // ... which is still read here
    std::vector<float> first = x, second(x.size());
    Execute(*Built(builder, isa), {n}, {{n}, {n}}, {first.data(), y.data()}, {first.data(), second.data()});
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(first[i], x[i] + y[i]);
      ASSERT_EQ(second[i], (x[i] + y[i]) * x[i]);
    }
  }
}

TEST(TileProgram, SharesAndDropsInstructions) {
  ProgramBuilder builder;
  const Reg x = builder.Input(Element::kF32);
  const Reg once = builder.Emit(TileOp::kExp, x), again = builder.Emit(TileOp::kExp, x);
  EXPECT_EQ(once, again);
  EXPECT_EQ(builder.Constant(Element::kF32, 2), builder.Constant(Element::kF32, 2));
  builder.Emit(TileOp::kSin, x);  // nothing reads it
  builder.Output(builder.Emit(TileOp::kAdd, once, builder.Constant(Element::kF32, 2)), Element::kF32);
  const auto program = Built(builder, Isa::kScalar);
  EXPECT_EQ(program->code.size(), 2u);
  EXPECT_EQ(program->slot_count, 1);
  EXPECT_EQ(program->Text(), "%1:f32 = Exp in0\n%4:f32 = Add %1 2\nout0:f32 = %4\n");
}

// The one instruction that a spelling of an activation ends as; kCopy where it stays several.
TileOp SpelledAs(const std::function<Reg(ProgramBuilder&, Reg)>& spell) {
  ProgramBuilder builder;
  const Reg x = builder.Input(Element::kF32);
  builder.Output(spell(builder, x), Element::kF32);
  const auto program = Built(builder, Isa::kScalar);
  return program->code.size() == 1 ? program->code[0].op : TileOp::kCopy;
}

TEST(TileProgram, KnowsActivationsSpelledOut) {
  const auto number = [](ProgramBuilder& b, double value) { return b.Constant(Element::kF32, value); };
  const auto gate = [&](ProgramBuilder& b, Reg x, double root) {
    return b.Emit(TileOp::kAdd, b.Emit(TileOp::kErf, b.Emit(TileOp::kDiv, x, number(b, root))), number(b, 1));
  };
  const auto tanh_gate = [&](ProgramBuilder& b, Reg x, Reg cube) {
    const Reg sum = b.Emit(TileOp::kAdd, x, b.Emit(TileOp::kMul, cube, number(b, 0.044715)));
    return b.Emit(TileOp::kAdd, number(b, 1),
                  b.Emit(TileOp::kTanh, b.Emit(TileOp::kMul, number(b, 0.7978845608), sum)));
  };
  EXPECT_EQ(SpelledAs([](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kSigmoid, x), x);
            }),
            TileOp::kSilu);
  for (const double slope : {1.0 / 6, 0.2}) {
    EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
                const Reg line =
                    b.Emit(TileOp::kAdd, b.Emit(TileOp::kMul, x, number(b, slope)), number(b, 0.5));
                return b.Emit(TileOp::kMul, b.Emit(TileOp::kClip, line, number(b, 0), number(b, 1)), x);
              }),
              slope == 0.2 ? TileOp::kCopy : TileOp::kHardSwish);
  }
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, x, gate(b, x, 1.41421354)), number(b, 0.5));
            }),
            TileOp::kGelu);
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, number(b, 0.5), x), gate(b, x, 1.4142135));
            }),
            TileOp::kGelu);
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, x, b.Emit(TileOp::kMul, gate(b, x, 1.41421356), number(b, 0.5)));
            }),
            TileOp::kGelu);
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              const Reg cube = b.Emit(TileOp::kPow, x, number(b, 3));
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, x, number(b, 0.5)), tanh_gate(b, x, cube));
            }),
            TileOp::kGeluTanh);
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              const Reg cube = b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, x, x), x);
              return b.Emit(TileOp::kMul, number(b, 0.5), b.Emit(TileOp::kMul, x, tanh_gate(b, x, cube)));
            }),
            TileOp::kGeluTanh);
  // Near misses stay as they are.
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, x, gate(b, x, 1.5)), number(b, 0.5));
            }),
            TileOp::kCopy);
  EXPECT_EQ(SpelledAs([&](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kMul, x, gate(b, x, 1.41421354)), number(b, 0.25));
            }),
            TileOp::kCopy);
  EXPECT_EQ(SpelledAs([](ProgramBuilder& b, Reg x) {
              return b.Emit(TileOp::kMul, b.Emit(TileOp::kSigmoid, b.Emit(TileOp::kNeg, x)), x);
            }),
            TileOp::kCopy);
}

TEST(TileProgram, RefusesWhatNoPrimitiveDoes) {
  ProgramBuilder builder;
  builder.Output(builder.Emit(TileOp::kSin, builder.Input(Element::kI32)), Element::kI32);
  const auto program = builder.Build(Isa::kScalar);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), StatusCode::kNotImplemented);
}

// A program of many live tiles and types: slots are shared correctly if it still computes.
TEST(TileProgram, KeepsManyTilesAlive) {
  for (Isa isa : Levels()) {
    const int64_t n = 3001;
    const auto x = RandomItems<float>(n, 8);
    ProgramBuilder builder;
    const Reg a = builder.Input(Element::kF32);
    std::vector<Reg> terms;
    for (int k = 0; k < 40; ++k)
      terms.push_back(builder.Emit(TileOp::kMul, a, builder.Constant(Element::kF32, k)));
    Reg sum = builder.Convert(terms.back(), Element::kF64);
    for (int k = 38; k >= 0; --k) {
      const Reg term = builder.Convert(terms[static_cast<size_t>(k)], Element::kF64);
      const Reg small = builder.Emit(TileOp::kLess, term, builder.Constant(Element::kF64, 3));
      sum = builder.Emit(TileOp::kAdd, sum,
                         builder.Emit(TileOp::kSelect, small, term, builder.Constant(Element::kF64, 3)));
    }
    builder.Output(sum, Element::kF64);
    std::vector<double> out(x.size());
    Execute(*Built(builder, isa), {n}, {{n}}, {x.data()}, {out.data()});
    for (size_t i = 0; i < x.size(); ++i) {
      double expected = static_cast<double>(x[i] * 39.0f);
      for (int k = 38; k >= 0; --k) {
        const double term = static_cast<double>(x[i] * static_cast<float>(k));
        expected += term < 3 ? term : 3;
      }
      ASSERT_EQ(out[i], expected);
    }
  }
}

TEST(TileProgram, WalksStrides) {
  for (Isa isa : Levels()) {
    for (int64_t width : {5, 300}) {
      // out[i][j] at a pitch, from a transposed operand.
      const int64_t height = 400, pitch = width + 3;
      const auto x = RandomItems<float>(height * width, 9);
      std::vector<float> out(static_cast<size_t>(height * pitch), 7.0f);
      ProgramBuilder builder;
      builder.Output(builder.Emit(TileOp::kNeg, builder.Input(Element::kF32)), Element::kF32);
      const auto program = Built(builder, isa);
      const Shape dims{height, width}, in{1, height}, to{pitch, 1};
      const std::span<const int64_t> in_strides[] = {in}, out_strides[] = {to};
      const auto loop = MakeTileLoop(*program, dims, in_strides, out_strides);
      ASSERT_TRUE(loop.ok());
      ThreadPool pool(2);
      const void* inputs[] = {x.data()};
      void* outputs[] = {out.data()};
      RunProgram(*program, *loop, inputs, outputs, pool);
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < pitch; ++j) {
          const float expected = j < width ? -x[static_cast<size_t>(j * height + i)] : 7.0f;
          ASSERT_EQ(out[static_cast<size_t>(i * pitch + j)], expected);
        }
      }
    }
  }
}

// (tile + per_m) * per_n + full, then clipped below by a scalar: wide and narrow tiles, plain and blocked
// channels.
TEST(Epilogue, RunsInPlace) {
  for (Isa isa : Levels()) {
    ProgramBuilder builder;
    const Reg tile = builder.Input(Element::kF32), per_m = builder.Input(Element::kF32),
              per_n = builder.Input(Element::kF32);
    const Reg full = builder.Input(Element::kF32), limit = builder.Input(Element::kF16);
    Reg value = builder.Emit(TileOp::kMul, builder.Emit(TileOp::kAdd, tile, per_m), per_n);
    value = builder.Emit(TileOp::kAdd, value, full);
    builder.Output(builder.Emit(TileOp::kMax, value, builder.Relabel(limit, Element::kF32)), Element::kF32);
    const auto program = Built(builder, isa);
    for (int64_t n_count : {1, 16, 31, 96, 250, 3000}) {
      for (bool blocked : {false, true}) {
        const int64_t rows = 13, n_total = n_count + 16, ld = n_count + 5, batch = 1, m0 = 2, n0 = 8;
        const int64_t m_total = rows + m0;
        const auto m_items = RandomItems<float>(2 * m_total, 10), n_items = RandomItems<float>(n_total, 11);
        const auto f_items = RandomItems<float>(2 * m_total * (n_total + 32), 12);
        const Float16 low(-2.0f);
        std::vector<EpilogueOperand> operands(4);
        operands[0] = {m_items.data(), m_total, 1, 0};
        operands[1] = {n_items.data(), 0, 0, 1};
        operands[2] = {f_items.data(), m_total * n_total, n_total, 1};
        if (blocked) operands[2] = {f_items.data(), m_total * (n_total + 16), 16, 1, 16, m_total * 16};
        operands[3] = {&low, 0, 0, 0};
        Epilogue epilogue;
        epilogue.program = program.get();
        epilogue.operands = operands;
        const auto before = RandomItems<float>(rows * ld, 13);
        std::vector<float> after = before;
        RunEpilogue(epilogue, after.data(), ld, batch, m0, rows, n0, n_count);
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < ld; ++j) {
            const size_t at = static_cast<size_t>(i * ld + j);
            if (j >= n_count) {
              ASSERT_EQ(after[at], before[at]);
              continue;
            }
            const int64_t m = m0 + i, n = n0 + j;
            const int64_t place = blocked ? m_total * (n_total + 16) + m * 16 + n / 16 * m_total * 16 + n % 16
                                          : m_total * n_total + m * n_total + n;
            const float sum =
                (before[at] + m_items[static_cast<size_t>(m_total + m)]) * n_items[static_cast<size_t>(n)] +
                f_items[static_cast<size_t>(place)];
            ASSERT_EQ(after[at], std::max(sum, -2.0f)) << n_count << ' ' << blocked << ' ' << i << ' ' << j;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
