#include "model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "support/model_builder.h"

namespace ortolan::model {
namespace {

using ::ortolan::testing::AttributeSpecs;
using ::ortolan::testing::GraphBuilder;
using ::ortolan::testing::ModelBuilder;
using ::ortolan::testing::Unknown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

ModelBuilder Small() {
  ModelBuilder model;
  model.Opset("", 21).Metadata("author", "x");
  model.graph.Input("x", DType::kFloat, {"N", 3, Unknown{}})
      .Initializer<float>("w", {2}, {1, 2})
      .Node("LeakyRelu", {"x", ""}, {"z"}, AttributeSpecs().Float("alpha", 0.5f).Ints("axes", {1, -2}),
            {.domain = "", .name = "n"})
      .Output("z", DType::kFloat);
  return model;
}

TEST(Model, ReadsTheFieldsOfASmallModel) {
  ModelBuilder builder = Small();
  const Result<ModelView> parsed = ParseModel(builder.Bytes(), nullptr);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const ModelView& model = *parsed;
  EXPECT_EQ(model.ir_version, 10);
  ASSERT_EQ(model.opset_imports.size(), 1u);
  EXPECT_EQ(model.opset_imports[0].version, 21);
  EXPECT_EQ(model.metadata[0].key, "author");
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  const NodeView& node = model.graph.nodes[0];
  EXPECT_THAT(node.inputs, ElementsAre("x", ""));
  EXPECT_EQ(node.name, "n");
  ASSERT_EQ(node.attributes.size(), 2u);
  EXPECT_EQ(node.attributes[0].kind, AttributeKind::kFloat);
  EXPECT_EQ(node.attributes[0].f, 0.5f);
  EXPECT_THAT(node.attributes[1].ints, ElementsAre(1, -2));
  const TypeView& type = model.graph.inputs[0].type;
  ASSERT_EQ(type.dims.size(), 3u);
  EXPECT_EQ(type.dims[0].symbol, "N");
  EXPECT_EQ(type.dims[1].value, 3);
  EXPECT_EQ(type.dims[2].kind, DimView::Kind::kUnknown);
  EXPECT_TRUE(type.has_shape);
  EXPECT_FALSE(model.graph.outputs[0].type.has_shape);
  EXPECT_EQ(model.graph.initializers[0].raw.size(), 8u);
}

TEST(Model, DumpShowsEverySection) {
  ModelBuilder builder = Small();
  const std::string text = DumpModel(*ParseModel(builder.Bytes(), nullptr));
  EXPECT_EQ(text,
            "model ir 10 producer \"\" \"\"\n"
            "opset ai.onnx 21\n"
            "metadata \"author\": \"x\"\n"
            "graph \"\"\n"
            "  input x: float[N, 3, ?]\n"
            "  initializer w: float[2] raw 8 bytes\n"
            "  LeakyRelu \"n\" (x, _) -> (z) {alpha: 0.5, axes: [1, -2]}\n"
            "  output z: float\n");
}

TEST(Model, ErrorsOfBytesUseTheKnownWords) {
  const Status garbage = ParseModel(AsBytes("garbage bytes here"), nullptr).status();
  EXPECT_EQ(garbage.code(), StatusCode::kInvalidProtobuf);
  EXPECT_EQ(garbage.message(), "Failed to load model because protobuf parsing failed.");
  const Status empty = ParseModel({}, nullptr).status();
  EXPECT_EQ(empty.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(empty.message(), "No graph was found in the protobuf.");
}

TEST(Model, ErrorsOfFilesNameThePath) {
  const fs::path folder = fs::path(::testing::TempDir()) / "ortolan_model_test";
  fs::create_directories(folder);
  const Status missing = OpenModel("/nonexistent/a.onnx").status();
  EXPECT_EQ(missing.code(), StatusCode::kNoSuchFile);
  EXPECT_EQ(
      missing.message(),
      "Load model from /nonexistent/a.onnx failed:Load model /nonexistent/a.onnx failed. File doesn't exist");
  const Status directory = OpenModel(folder.string()).status();
  EXPECT_EQ(directory.code(), StatusCode::kInvalidProtobuf);
  EXPECT_EQ(directory.message(), "Load model from " + folder.string() + " failed:Protobuf parsing failed.");
  const std::string empty = (folder / "empty.onnx").string();
  std::ofstream(empty).flush();
  EXPECT_EQ(OpenModel(empty).status().message(),
            "Load model from " + empty + " failed:No graph was found in the protobuf.");
  EXPECT_EQ(OpenModel(std::string("a\0b", 3)).status().code(), StatusCode::kInvalidArgument);
}

TEST(Model, NoPrefixOfAModelIsUndefinedBehaviour) {
  ModelBuilder builder = Small();
  const std::span<const std::byte> whole = builder.Bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> part(
        whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // exact end for ASan
    (void)ParseModel(part, nullptr);
  }
}

TEST(Model, WireTypesThatDoNotExistAreErrors) {
  for (const char wire : {3, 4, 6, 7}) {
    const std::string bytes = {static_cast<char>((7 << 3) | wire), 0};
    EXPECT_EQ(ParseModel(AsBytes(bytes), nullptr).status().code(), StatusCode::kInvalidProtobuf) << int{wire};
  }
  // Field 0 and a varint of eleven bytes.
  EXPECT_EQ(ParseModel(AsBytes(std::string_view("\0\0", 2)), nullptr).status().code(),
            StatusCode::kInvalidProtobuf);
  std::string long_varint(12, '\xff');
  long_varint.front() = 0x08;
  long_varint.back() = 0x01;
  EXPECT_EQ(ParseModel(AsBytes(long_varint), nullptr).status().code(), StatusCode::kInvalidProtobuf);
}

TEST(Model, KnownFieldOfAnotherWireTypeIsSkipped) {
  ModelBuilder builder = Small();
  std::string bytes(reinterpret_cast<const char*>(builder.Bytes().data()), builder.Bytes().size());
  ::protozero::pbf_writer(bytes).add_string(1, "ir version as text");
  const Result<ModelView> parsed = ParseModel(AsBytes(bytes), nullptr);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->ir_version, 10);
}

std::string NestedGraph(int levels) {
  GraphBuilder graph;
  for (int i = 1; i < levels; ++i) {
    GraphBuilder outer;
    outer.Node("If", {"c"}, {"z"}, AttributeSpecs().Graph("then_branch", graph.bytes()));
    graph = outer;
  }
  return graph.bytes();
}

TEST(Model, NestingIsLimited) {
  for (const auto& [levels, ok] : {std::pair{kMostNesting, true}, {kMostNesting + 1, false}}) {
    std::string bytes;
    ::protozero::pbf_writer(bytes).add_message(7, NestedGraph(levels));
    EXPECT_EQ(ParseModel(AsBytes(bytes), nullptr).ok(), ok) << levels;
  }
  std::string type = ::ortolan::testing::TensorTypeMessage(DType::kFloat, nullptr);
  for (int i = 0; i < kMostNesting; ++i) type = ::ortolan::testing::SequenceTypeMessage(type);
  ModelBuilder builder;
  builder.graph.InputOfType("x", type);
  const Status status = ParseModel(builder.Bytes(), nullptr).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidProtobuf);
  EXPECT_THAT(status.message(), HasSubstr("nested deeper"));
}

TEST(Model, AttributesWithoutATypeTakeThatOfTheirField) {
  std::string attribute, node, graph, bytes;
  ::protozero::pbf_writer writer(attribute);
  writer.add_string(1, "axis");
  writer.add_int64(3, 2);
  ::protozero::pbf_writer(node).add_message(5, attribute);
  ::protozero::pbf_writer(graph).add_message(1, node);
  ::protozero::pbf_writer(bytes).add_message(7, graph);
  const Result<ModelView> parsed = ParseModel(AsBytes(bytes), nullptr);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->graph.nodes[0].attributes[0].kind, AttributeKind::kInt);
}

TEST(Model, ContainerTypesAreRead) {
  ModelBuilder builder;
  const std::string tensor = ::ortolan::testing::TensorTypeMessage(DType::kFloat, nullptr);
  builder.graph
      .InputOfType("q", ::ortolan::testing::SequenceTypeMessage(
                            ::ortolan::testing::MapTypeMessage(DType::kInt64, tensor)))
      .InputOfType("o", ::ortolan::testing::OptionalTypeMessage(tensor));
  const Result<ModelView> parsed = ParseModel(builder.Bytes(), nullptr);
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(DumpModel(*parsed), HasSubstr("input q: seq(map(int64, float))\n  input o: optional(float)\n"));
}

}  // namespace
}  // namespace ortolan::model
