// The widening of half types as text before and after.
#include <gtest/gtest.h>

#include "passes/passes.h"
#include "support/graph_text.h"

namespace ortolan::passes {
namespace {

using support::Lines;
using support::ParseGraph;

void ExpectWidened(std::string_view before, std::string_view after) {
  const auto graph = ParseGraph(before);
  ASSERT_NE(graph, nullptr);
  ThreadPool threads(1);
  PassContext context{threads};
  const Status status = RunWiden(*graph, context);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(after));
}

TEST(Widen, CastsStandAtTheEdgesOnly) {
  ExpectWidened(R"(
    inputs x:float16[N,2]
    a = MatMul(x, float16[2,2]{1,2,3,4})
    b = Add(a, float16[2]{0.5,0.25})
    c = Relu(b)
    d = Mul(c, b)
    outputs d)",
                R"(
    inputs %0:float16[N,2]
    %1:float[N,2] = Cast(%0) {to: 1}
    %2:float[N,2] = MatMul(%1, float[2,2]{1,2,3,4})
    %3:float[N,2] = Add(%2, float[2]{0.5,0.25})
    %4:float[N,2] = Relu(%3)
    %5:float[N,2] = Mul(%4, %3)
    %6:float16[N,2] = Cast(%5) {to: 10}
    outputs %6)");
}

TEST(Widen, BFloat16Too) {
  ExpectWidened("inputs x:bfloat16[2]\n a = Exp(x)\n b = Exp(a)\n outputs b", R"(
    inputs %0:bfloat16[2]
    %1:float[2] = Cast(%0) {to: 1}
    %2:float[2] = Exp(%1)
    %3:float[2] = Exp(%2)
    %4:bfloat16[2] = Cast(%3) {to: 16}
    outputs %4)");
}

TEST(Widen, ProductsRememberBFloat16) {
  ExpectWidened("inputs x:bfloat16[N,2] w:bfloat16[2,2]\n a = MatMul(x, w)\n outputs a", R"(
    inputs %0:bfloat16[N,2] %1:bfloat16[2,2]
    %2:float[N,2] = Cast(%0) {to: 1}
    %3:float[2,2] = Cast(%1) {to: 1}
    %4:float[N,2] = MatMul(%2, %3) {ortolan_bfloat16: 1}
    %5:bfloat16[N,2] = Cast(%4) {to: 16}
    outputs %5)");
}

// A Cast of the model's own to the half type rounds; one to float32 and one to the type that is there do not.
TEST(Widen, OwnRoundingsStay) {
  ExpectWidened(R"(
    inputs x:float[2]
    a = Cast(x) {to: 10}
    b = Sqrt(a)
    c = Cast(b) {to: 10}
    d = Exp(c)
    e = Cast(d) {to: 1}
    f = Relu(e)
    outputs f)",
                R"(
    inputs %0:float[2]
    %1:float16[2] = Cast(%0) {to: 10}
    %2:float[2] = Cast(%1) {to: 1}
    %3:float[2] = Sqrt(%2)
    %4:float[2] = Exp(%3)
    %5:float[2] = Cast(%4) {to: 1}
    %6:float[2] = Relu(%5)
    outputs %6)");
}

// What a Cast to another type or an operator that looks at the bits reads is rounded.
TEST(Widen, TypedReadersSeeTheHalfType) {
  ExpectWidened(R"(
    inputs x:float16[2]
    a = Exp(x)
    b = Cast(a) {to: 7}
    c = BitCast(a) {to: 4}
    outputs b c)",
                R"(
    inputs %0:float16[2]
    %1:float[2] = Cast(%0) {to: 1}
    %2:float[2] = Exp(%1)
    %3:float16[2] = Cast(%2) {to: 10}
    %4:int64[2] = Cast(%3) {to: 7}
    %5:uint16[2] = BitCast(%3) {to: 4}
    outputs %4 %5)");
}

// Elements that lie there in half move in half; what was computed moves as it is.
TEST(Widen, MovementsFollowTheirData) {
  ExpectWidened(R"(
    inputs x:float16[2,3] ids:int64[4]
    t = Transpose(x) {perm: [1,0]}
    g = Gather(float16[5,2], ids)
    p = MatMul(g, x)
    u = Transpose(p) {perm: [1,0]}
    v = Softmax(u)
    outputs t v)",
                R"(
    inputs %0:float16[2,3] %1:int64[4]
    %2:float16[3,2] = Transpose(%0) {perm: [1,0]}
    %3:float16[4,2] = Gather(float16[5,2], %1)
    %4:float[4,2] = Cast(%3) {to: 1}
    %5:float[2,3] = Cast(%0) {to: 1}
    %6:float[4,3] = MatMul(%4, %5)
    %7:float[3,4] = Transpose(%6) {perm: [1,0]}
    %8:float[3,4] = Softmax(%7)
    %9:float16[3,4] = Cast(%8) {to: 10}
    outputs %2 %9)");
}

// past in, present out: only the new rows are rounded, and only what is computed with is widened.
TEST(Widen, CachesStayHalf) {
  ExpectWidened(R"(
    inputs past:float16[1,4] x:float16[1,4]
    k = Exp(x)
    present = Concat(past, k) {axis: 0}
    y = ReduceSum(present)
    outputs present y)",
                R"(
    inputs %0:float16[1,4] %1:float16[1,4]
    %2:float[1,4] = Cast(%1) {to: 1}
    %3:float[1,4] = Exp(%2)
    %4:float16[1,4] = Cast(%3) {to: 10}
    %5:float16[2,4] = Concat(%0, %4) {axis: 0}
    %6:float[2,4] = Cast(%5) {to: 1}
    %7:float[1,1] = ReduceSum(%6)
    %8:float16[1,1] = Cast(%7) {to: 10}
    outputs %5 %8)");
}

// A table of 2 MB, of which item i is i modulo 256.
Tensor HalfTable() {
  std::vector<BFloat16> items(size_t{1} << 20);
  for (size_t i = 0; i < items.size(); ++i)
    items[i] = BFloat16::FromBits(BFloat16::FromFloat(static_cast<float>(i % 256)));
  return Tensor::Of<BFloat16>({1 << 10, 1 << 10}, items);
}

std::shared_ptr<graph::Graph> FoldedWithTable(std::string_view text, ThreadPool& threads) {
  const std::shared_ptr<graph::Graph> graph = ParseGraph(text);
  graph->first()->input(0)->set_constant(HalfTable());
  PassContext context{threads};
  EXPECT_TRUE(RunInfer(*graph, context).ok());
  EXPECT_TRUE(RunFold(*graph, context).ok());
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  return graph;
}

TEST(Widen, LargeConstantsAreMadeWhenLookedAt) {
  ThreadPool threads(2);
  const auto graph = FoldedWithTable(R"(
    inputs x:float[M,K]
    t = Cast(bfloat16[1,1]{0}) {to: 1}
    m = MatMul(x, t)
    outputs m)",
                                     threads);
  ASSERT_EQ(graph->first()->op_type, "MatMul");
  const Tensor& wide = graph->first()->input(1)->constant();
  EXPECT_TRUE(wide.pending());
  ASSERT_EQ(wide.count(), 1 << 20);
  const std::span<const float> items = wide.Items<float>();
  for (size_t i = 0; i < items.size(); ++i) ASSERT_EQ(items[i], static_cast<float>(i % 256)) << i;
}

TEST(Widen, TablesAreWidenedBehindTheGather) {
  ThreadPool threads(2);
  const auto graph = FoldedWithTable(R"(
    inputs i:int64[N]
    t = Cast(bfloat16[1,1]{0}) {to: 1}
    g = Gather(t, i)
    h = Gather(t, i) {axis: 1}
    outputs g h)",
                                     threads);
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(R"(
    inputs %0:int64[N]
    %1:bfloat16[N,1024] = Gather(bfloat16[1024,1024], %0)
    %2:float[N,1024] = Cast(%1) {to: 1}
    %3:bfloat16[1024,N] = Gather(bfloat16[1024,1024], %0) {axis: 1}
    %4:float[1024,N] = Cast(%3) {to: 1}
    outputs %2 %4)"));
}

// What another node reads whole is widened once.
TEST(Widen, TablesWithOtherReadersBecomeFloat) {
  ThreadPool threads(2);
  const auto graph = FoldedWithTable(R"(
    inputs i:int64[N] x:float[M,K]
    t = Cast(bfloat16[1,1]{0}) {to: 1}
    g = Gather(t, i)
    m = MatMul(x, t)
    outputs g m)",
                                     threads);
  EXPECT_EQ(graph->first()->op_type, "Gather");
  EXPECT_EQ(graph->first()->input(0)->type, ValueType::TensorOf(DType::kFloat));
}

TEST(Widen, OtherTypesAreLeftAlone) {
  const char* text = R"(
    inputs %0:float[2] %1:double[2]
    %2:float[2] = Exp(%0)
    %3:double[2] = Exp(%1)
    outputs %2 %3)";
  ExpectWidened("inputs x:float[2] y:double[2]\n a = Exp(x)\n b = Exp(y)\n outputs a b", text);
}

}  // namespace
}  // namespace ortolan::passes
