// Every pass as text before and after.
#include "passes/pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <tuple>

#include "passes/passes.h"
#include "support/graph_text.h"

namespace ortolan::passes {
namespace {

using support::Lines;
using support::ParseGraph;

// Elementwise operators as far as these passes need them: inference and no kernel.
constexpr FormalParameter kOne[] = {{"X", "T"}};
constexpr FormalParameter kTwo[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kResult[] = {{"Y", "T"}};
constexpr FormalParameter kThree[] = {{"X", "T"}, {"ratio", "T1"}, {"training_mode", "tensor(bool)"}};
constexpr FormalParameter kResultAndMask[] = {{"Y", "T"}, {"mask", "tensor(bool)", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr OpDef kUnary{
    .name = "Unary", .inputs = kOne, .outputs = kResult, .types = kTypes, .infer = InferSameShape};
constexpr OpDef kBinary{
    .name = "Add", .inputs = kTwo, .outputs = kResult, .types = kTypes, .infer = InferBroadcast};
constexpr OpDef kMulOp{
    .name = "Mul", .inputs = kTwo, .outputs = kResult, .types = kTypes, .infer = InferBroadcast};
constexpr OpDef kIdentityOp{
    .name = "Identity", .inputs = kOne, .outputs = kResult, .types = kTypes, .infer = InferSameShape};
constexpr OpDef kDropoutOp{
    .name = "Dropout", .inputs = kThree, .outputs = kResultAndMask, .types = kTypes, .infer = InferSameShape};
constexpr OpDef kRandom{.name = "Random",
                        .inputs = kOne,
                        .outputs = kResult,
                        .types = kTypes,
                        .traits = {.pure = false},
                        .infer = InferSameShape};
constexpr const OpDef* kOps[] = {&kUnary, &kBinary, &kMulOp, &kIdentityOp, &kDropoutOp, &kRandom};

void ExpectPass(Status (*pass)(graph::Graph&, PassContext&), std::string_view before,
                std::string_view after) {
  const auto graph = ParseGraph(before, kOps);
  ASSERT_NE(graph, nullptr);
  ASSERT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  ThreadPool threads(1);
  PassContext context{threads};
  const Status status = pass(*graph, context);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(after));
}

TEST(Dump, ShowsWhatIsKnown) {
  const auto graph = ParseGraph(R"(
    inputs x:float[N,3] y:float
    s = Shape(x)
    t = Transpose(x) {perm: [1,0]} # turn
    u = Add(t, float[1]{2.5})
    v = Add(u, float[3,100])
    outputs s v)",
                                kOps);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(R"(
    inputs %0:float[N,3] %1:float?
    %2:int64[2]{N,3} = Shape(%0)
    %3:float[3,N] = Transpose(%0) {perm: [1,0]}  # turn
    %4:float[3,N] = Add(%3, float[1]{2.5})
    %5:float[3,100] = Add(%4, float[3,100])
    outputs %2 %5)"));
}

TEST(Verify, FindsWhatIsBroken) {
  const auto graph = ParseGraph("inputs x:float[2]\n a = Unary(x)\n b = Unary(a)\n outputs b", kOps);
  ASSERT_TRUE(graph::Verify(*graph).ok());
  graph->MoveBefore(graph->last(), graph->first());
  EXPECT_THAT(graph::Verify(*graph).message(), ::testing::HasSubstr("before anything made it"));
  graph->MoveBefore(graph->last(), graph->first());
  ASSERT_TRUE(graph::Verify(*graph).ok());
  graph->first()->op = nullptr;
  EXPECT_THAT(graph::Verify(*graph).message(), ::testing::HasSubstr("no operator"));
  graph->first()->op = &kUnary;
  graph::Value* lost = graph->NewValue("lost");
  graph->last()->SetInput(0, lost);
  EXPECT_FALSE(graph::Verify(*graph).ok());
}

TEST(Fold, ShapeArithmeticOfKnownShapes) {
  ExpectPass(RunFold, R"(
    inputs x:float[2,3,4]
    s = Shape(x)
    g = Gather(s, int64{1})
    u = Unsqueeze(g, int64[1]{0})
    c = Concat(u, int64[1]{-1}) {axis: 0}
    y = Reshape(x, c)
    outputs y)",
             R"(
    inputs %0:float[2,3,4]
    %1:float[3,8] = Reshape(%0, int64[2]{3,-1})
    outputs %1)");
}

TEST(Fold, LeavesSymbolsAlone) {
  const char* text = R"(
    inputs %0:float[N,3,4]
    %1:int64[3]{N,3,4} = Shape(%0)
    outputs %1)";
  ExpectPass(RunFold, "inputs x:float[N,3,4]\n s = Shape(x)\n outputs s", text);
}

TEST(Fold, DecidesWhatSizesCannotBe) {
  ExpectPass(RunFold, R"(
    inputs x:float[N,3] y:float[1,1]
    s = Shape(x)
    c = Concat(s, int64[1]{-1}) {axis: 0}
    e = Equal(c, int64[3]{-1,-1,-1})
    w = Where(e, int64[3]{1,1,1}, c)
    z = Expand(y, w)
    outputs z)",
             R"(
    inputs %0:float[N,3] %1:float[1,1]
    %2:int64[2]{N,3} = Shape(%0)
    %3:int64[3]{N,3,-1} = Concat(%2, int64[1]{-1}) {axis: 0}
    %4:int64[3]{N,3,1} = Where(bool[3]{false,false,true}, int64[3]{1,1,1}, %3)
    %5:float[N,3,1] = Expand(%1, %4)
    outputs %5)");
}

TEST(Fold, RunsNodesOnConstants) {
  ExpectPass(RunFold, R"(
    inputs x:float[2]
    t = Transpose(float[2,2]{1,2,3,4}) {perm: [1,0]}
    r = Reshape(t, int64[1]{-1})
    e = Expand(float[1]{3}, int64[1]{100000})
    k = Random(float[1]{3})
    outputs r e k)",
             R"(
    inputs %0:float[2]
    %1:float[100000] = Expand(float[1]{3}, int64[1]{100000})
    %2:float[1] = Random(float[1]{3})
    outputs float[4]{1,3,2,4} %1 %2)");
}

TEST(Fold, KeepsOneConstantBehindViewsThatChangeNothing) {
  const auto graph = ParseGraph(R"(
    inputs x:float[2]
    a = Reshape(float[2]{1,2}, int64[1]{2})
    b = Reshape(a, int64[1]{-1})
    c = Reshape(a, int64[1]{2})
    y = Add(x, a)
    z = Add(y, b)
    w = Add(z, c)
    outputs w)",
                                kOps);
  ThreadPool threads(1);
  PassContext context{threads};
  ASSERT_TRUE(RunFold(*graph, context).ok());
  std::set<const graph::Value*> constants;
  for (const graph::Node* node = graph->first(); node != nullptr; node = node->next()) {
    EXPECT_EQ(node->op->name, "Add");
    constants.insert(node->input(1));
  }
  EXPECT_EQ(constants.size(), 1u);
}

TEST(Fold, LeavesErrorsForTheRun) {
  ExpectPass(RunFold, R"(
    inputs x:float[2]
    g = Gather(float[2]{1,2}, int64[1]{9})
    outputs g)",
             R"(
    inputs %0:float[2]
    %1:float[1] = Gather(float[2]{1,2}, int64[1]{9})
    outputs %1)");
}

TEST(Identity, RemovesWhatChangesNothing) {
  ExpectPass(RunIdentity, R"(
    inputs x:float[N,3]
    a = Identity(x)
    b, m = Dropout(a, -, -)
    c = Transpose(b) {perm: [0,1]}
    d = Reshape(c, int64[2]{-1,3})
    e = Mul(d, float{1})
    f = Add(e, float[1]{0})
    g = Slice(f, int64[1]{0}, int64[1]{3}, int64[1]{1})
    y = Unary(g)
    outputs y a)",
             R"(
    inputs %0:float[N,3]
    %1:float[N,3] = Unary(%0)
    outputs %1 %0)");
}

TEST(Identity, KeepsWhatChangesSomething) {
  const char* text = R"(
    inputs %0:float[2,2] %1:bool[]
    %2:float[2,2], %3:bool[2,2] = Dropout(%0, -, -)
    %4:float[2,2] = Dropout(%2, -, %1)
    %5:float[2,2] = Transpose(%4) {perm: [1,0]}
    %6:float[2,2] = Slice(%5, int64[1]{-1}, int64[1]{-3}, int64[1]{0}, int64[1]{-1})
    %7:float[2,2] = Add(float[2,2]{0,1,2,3}, %6)
    outputs %7 %3)";
  ExpectPass(RunIdentity, R"(
    inputs x:float[2,2] t:bool[]
    a, m = Dropout(x, -, -)
    b = Dropout(a, -, t)
    c = Transpose(b) {perm: [1,0]}
    d = Slice(c, int64[1]{-1}, int64[1]{-3}, int64[1]{0}, int64[1]{-1})
    e = Add(float[2,2], d)
    outputs e m)",
             text);
}

TEST(Identity, JoinsMovements) {
  ExpectPass(RunIdentity, R"(
    inputs x:float[2,3,4]
    a = Transpose(x) {perm: [1,2,0]}
    b = Transpose(a) {perm: [2,0,1]}
    c = Transpose(a) {perm: [1,0,2]}
    d = Reshape(b, int64[1]{24})
    e = Reshape(d, int64[2]{4,6})
    outputs b c e)",
             R"(
    inputs %0:float[2,3,4]
    %1:float[3,4,2] = Transpose(%0) {perm: [1,2,0]}
    %2:float[4,3,2] = Transpose(%0) {perm: [2,1,0]}
    %3:float[24] = Reshape(%0, int64[1]{24})
    %4:float[4,6] = Reshape(%0, int64[2]{4,6})
    outputs %0 %2 %4)");
}

TEST(Identity, ScattersBlocks) {
  for (const auto& [indices, updates, expected] :
       {std::tuple{"int64[N,1,1]", "float[N,4,5]", "ScatterND"},
        std::tuple{"int64[N,4,1]", "float[N,4,5]", "ScatterElements"},
        std::tuple{"int64[N,1,1]", "float[N,4,3]", "ScatterElements"},
        std::tuple{"int64[M,1,1]", "float[N,4,5]", "ScatterElements"},
        std::tuple{"int32[N,1,1]", "float[N,4,5]", "ScatterElements"}}) {
    const auto graph = ParseGraph(fmt::format(R"(
      inputs data:float[R,4,5] indices:{} updates:{} shape:int64[3]
      expanded = Expand(indices, shape)
      y = ScatterElements(data, expanded, updates) {{axis: 0}}
      outputs y)",
                                              indices, updates),
                                  kOps);
    ASSERT_NE(graph, nullptr);
    ThreadPool threads(1);
    PassContext context{threads};
    ASSERT_TRUE(RunIdentity(*graph, context).ok());
    EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
    EXPECT_EQ(graph->last()->op->name, expected) << indices << ' ' << updates;
  }
}

TEST(Cse, MergesEqualNodesAndConstants) {
  ExpectPass(RunCse, R"(
    inputs x:float[2,3]
    a = Transpose(x) {perm: [1,0]}
    b = Transpose(x) {perm: [1,0]}
    c = Reshape(a, int64[1]{6})
    d = Reshape(b, int64[1]{6})
    e = Add(c, d)
    r = Random(x)
    s = Random(x)
    t = Transpose(x) {perm: [0,1]}
    outputs e r s t)",
             R"(
    inputs %0:float[2,3]
    %1:float[3,2] = Transpose(%0) {perm: [1,0]}
    %2:float[6] = Reshape(%1, int64[1]{6})
    %3:float[6] = Add(%2, %2)
    %4:float[2,3] = Random(%0)
    %5:float[2,3] = Random(%0)
    %6:float[2,3] = Transpose(%0) {perm: [0,1]}
    outputs %3 %4 %5 %6)");
}

TEST(Dead, DropsWhatNoOutputNeeds) {
  ExpectPass(RunDead, R"(
    inputs x:float[2]
    a = Unary(x)
    b = Unary(a)
    c = Add(b, float[2])
    r = Random(x)
    d, m = Dropout(a, -, -)
    outputs d)",
             R"(
    inputs %0:float[2]
    %1:float[2] = Unary(%0)
    %2:float[2] = Random(%0)
    %3:float[2] = Dropout(%1, -, -)
    outputs %3)");
}

TEST(Partition, CopiesWhereAValueCrosses) {
  const auto graph = ParseGraph(R"(
    inputs x:float[2]
    a = Unary(x)
    b = Mul(a, x)
    c = Mul(b, x)
    d = Add(c, a)
    e = Mul(d, d)
    outputs d e)",
                                kOps);
  ASSERT_NE(graph, nullptr);
  ThreadPool threads(1);
  PassContext context{threads};
  context.place = [](const graph::Node& node) {
    return node.op_type == "Mul" ? Device{Device::Kind::kCuda, 1} : Device{};
  };
  ASSERT_TRUE(RunPartition(*graph, context).ok());
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(R"(
    inputs %0:float[2]
    %1:float[2] = Unary(%0)
    %2:float[2]@1:1 = Copy(%1)
    %3:float[2]@1:1 = Copy(%0)
    %4:float[2]@1:1 = Mul(%2, %3)
    %5:float[2]@1:1 = Mul(%4, %3)
    %6:float[2] = Copy(%5)
    %7:float[2] = Add(%6, %1)
    %8:float[2]@1:1 = Copy(%7)
    %9:float[2]@1:1 = Mul(%8, %8)
    %10:float[2] = Copy(%9)
    outputs %7 %10)"));
}

TEST(Pipeline, PassesCanBeTurnedOff) {
  for (const bool off : {false, true}) {
    const auto graph = ParseGraph("inputs x:float[2]\n a = Identity(x)\n b = Unary(a)\n outputs b", kOps);
    ThreadPool threads(1);
    PassContext context{threads};
    std::vector<std::string> ran;
    context.after = [&](std::string_view pass, const graph::Graph&) { ran.emplace_back(pass); };
    if (off) context.disabled.insert("identity");
    ASSERT_TRUE(RunPasses(*graph, context).ok());
    EXPECT_EQ(graph->node_count(), off ? 2u : 1u);
    EXPECT_EQ(std::ranges::count(ran, "identity"), off ? 0 : 1);
    EXPECT_EQ(std::ranges::count(ran, "infer"), 1);
  }
}

TEST(Pipeline, PassesThatMakeAPlanPossibleRunAnyway) {
  const auto graph = ParseGraph("inputs x:float[2]\n a = Unary(x)\n outputs a", kOps);
  ThreadPool threads(1);
  PassContext context{threads};
  context.disabled = {"infer", "partition"};
  std::vector<std::string> ran;
  context.after = [&](std::string_view pass, const graph::Graph&) { ran.emplace_back(pass); };
  ASSERT_TRUE(RunPasses(*graph, context).ok());
  EXPECT_EQ(ran.front(), "infer");
  EXPECT_EQ(ran.back(), "partition");
}

TEST(Pipeline, LevelsNest) {
  size_t ran_before = 0;
  for (const Level level : {Level::kAlways, Level::kBasic, Level::kExtended, Level::kLayout}) {
    const auto graph = ParseGraph("inputs x:float[2]\n a = Unary(x)\n outputs a", kOps);
    ThreadPool threads(1);
    PassContext context{threads};
    context.level = level;
    size_t ran = 0;
    context.after = [&](std::string_view, const graph::Graph&) { ++ran; };
    ASSERT_TRUE(RunPasses(*graph, context).ok());
    EXPECT_GT(ran, ran_before);
    ran_before = ran;
  }
  EXPECT_EQ(ran_before, Pipeline().size());
}

TEST(Pipeline, NamesOfAList) {
  EXPECT_THAT(NamesInList("fold, cse;; epilogue "), ::testing::ElementsAre("fold", "cse", "epilogue"));
  EXPECT_THAT(NamesInList(""), ::testing::IsEmpty());
}

TEST(Pipeline, TheTableIsTheDocument) {
  std::ifstream file(ORTOLAN_SOURCE_DIR "/docs/passes.md", std::ios::binary);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(written, PassTable()) << "run: ortolan passes > docs/passes.md";
}

// A pass that looks at all nodes for each would take minutes here.
TEST(Pipeline, TakesTimeInProportionToNodes) {
  std::string text = "inputs x:float[4,8]\n";
  std::string last = "x";
  constexpr int kBlocks = 4000;
  for (int i = 0; i < kBlocks; ++i) {
    text += fmt::format(
        "m{0} = MatMul({1}, float[8,8])\n b{0} = Add(m{0}, float[8])\n s{0} = Sigmoid(b{0})\n"
        " p{0} = Mul(b{0}, s{0})\n t{0} = Transpose(p{0}) {{perm: [1,0]}}\n u{0} = Transpose(t{0}) {{perm: "
        "[1,0]}}\n"
        " d{0} = Sub(x, u{0})\n e{0} = Exp(d{0})\n",
        i, last);
    last = fmt::format("e{}", i);
  }
  const auto graph = ParseGraph(text + "outputs " + last);
  ASSERT_NE(graph, nullptr);
  ThreadPool threads(1);
  PassContext context{threads};
  context.isa = GetCpuInfo().isa;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(RunPasses(*graph, context).ok());
  EXPECT_LT(graph->node_count(), 3u * kBlocks);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace ortolan::passes
