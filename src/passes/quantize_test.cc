#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "ops/op.h"
#include "passes/passes.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;

// Builds networks as a quantiser writes them and runs them node by node.
class Net {
 public:
  Net() : graph(std::make_shared<graph::DimPool>()), threads(2) {}

  graph::Value* Input(const Dims& dims) {
    graph::Value* value = graph.NewValue("x");
    value->type = ValueType::TensorOf(DType::kFloat);
    value->shape = graph::Shape::OfConstants(dims);
    graph.AddInput(value);
    return value;
  }
  graph::Value* Add(std::string_view op, std::vector<graph::Value*> inputs,
                    graph::Attributes attributes = {}) {
    Node* node = graph.AppendNode();
    node->op = FindOp("", op);
    node->op_type = std::string(op);
    node->attributes = std::move(attributes);
    node->SetInputs(std::move(inputs));
    graph::Value* y = graph.NewValue("y");
    node->SetOutput(0, y);
    EXPECT_TRUE(InferNode(*node, *graph.dims()).ok()) << op;
    return y;
  }
  graph::Value* Scale(float scale) { return graph.NewConstant("scale", Tensor::Scalar<float>(scale)); }
  graph::Value* Zero(int zero) {
    return graph.NewConstant("zero", Tensor::Scalar<uint8_t>(static_cast<uint8_t>(zero)));
  }
  // Quantized and brought back.
  graph::Value* Both(graph::Value* x, float scale, int zero) {
    graph::Value* bytes = Add("QuantizeLinear", {x, Scale(scale), Zero(zero)});
    return Add("DequantizeLinear", {bytes, Scale(scale), Zero(zero)});
  }
  graph::Value* Weights(const Dims& dims, float scale) {
    std::vector<int8_t> items(static_cast<size_t>(ElementCount(dims)));
    for (int8_t& item : items) item = static_cast<int8_t>(static_cast<int>(random_() % 255) - 127);
    return Add("DequantizeLinear", {graph.NewConstant("w", Tensor::Of<int8_t>(dims, items)), Scale(scale),
                                    graph.NewConstant("w0", Tensor::Scalar<int8_t>(0))});
  }
  graph::Value* Conv(graph::Value* x, int64_t in, int64_t out, int64_t kernel, int64_t groups = 1) {
    graph::Attributes attributes;
    attributes.Set("group", groups);
    attributes.Set("pads", std::vector<int64_t>(4, kernel / 2));
    return Add("Conv", {x, Weights({out, in / groups, kernel, kernel}, 0.002f)}, attributes);
  }

  std::vector<Tensor> Run() {
    std::map<const graph::Value*, Value> values;
    std::mt19937 random(5);
    for (const graph::Value* input : graph.inputs()) {
      Dims dims;
      for (graph::Dim dim : input->shape.dims()) dims.push_back(dim.constant());
      std::vector<float> items(static_cast<size_t>(ElementCount(dims)));
      for (float& item : items) item = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
      values[input] = Tensor::Of<float>(dims, items);
    }
    for (Node* node = graph.first(); node; node = node->next()) {
      std::vector<Value> inputs;
      for (const graph::Value* input : node->inputs()) {
        inputs.push_back(!input                ? Value()
                         : input->IsConstant() ? Value(input->constant())
                                               : values.at(input));
      }
      auto outputs = Evaluate(*node, inputs, threads);
      EXPECT_TRUE(outputs.ok()) << node->op->name << ": " << outputs.status().message();
      if (!outputs.ok()) return {};
      for (size_t i = 0; i < node->outputs().size(); ++i) {
        if (node->output(i)) values[node->output(i)] = (*outputs)[i];
      }
    }
    std::vector<Tensor> results;
    for (const graph::Value* output : graph.outputs()) results.push_back(values.at(output).tensor());
    return results;
  }

  // Results before and after the passes are at most `step` apart; returns the operators afterwards.
  std::string Check(float step) {
    const std::vector<Tensor> before = Run();
    PassContext context{threads};
    context.isa = GetCpuInfo().isa;
    for (auto* pass : {RunQuantize, RunDead, RunByteLayout}) {
      Status status = pass(graph, context);
      EXPECT_TRUE(status.ok()) << status.message();
      status = graph::Verify(graph);
      EXPECT_TRUE(status.ok()) << status.message();
    }
    const std::vector<Tensor> after = Run();
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size() && i < after.size(); ++i) {
      EXPECT_EQ(before[i].dims(), after[i].dims());
      const auto a = before[i].Items<const float>(), b = after[i].Items<const float>();
      for (size_t j = 0; j < a.size() && j < b.size(); ++j)
        EXPECT_NEAR(a[j], b[j], step * 1.001f) << i << " at " << j;
    }
    std::string text;
    for (Node* node = graph.first(); node; node = node->next()) {
      text += text.empty() ? "" : " ";
      text += node->op->name;
    }
    return text;
  }

  Graph graph;
  ThreadPool threads;

 private:
  std::mt19937 random_{3};
};

TEST(Quantize, AResidualBlockIsConvolutionsAlone) {
  Net net;
  graph::Value* x = net.Both(net.Input({1, 3, 12, 12}), 0.01f, 128);
  x = net.Both(net.Add("Relu", {net.Conv(x, 3, 16, 3)}), 0.01f, 0);
  graph::Value* y = net.Both(net.Add("Relu", {net.Conv(x, 16, 16, 3, 16)}), 0.01f, 0);
  y = net.Both(net.Conv(y, 16, 16, 1), 0.02f, 120);
  y = net.Both(net.Add("Add", {x, y}), 0.02f, 100);
  y = net.Both(net.Add("GlobalAveragePool", {y}), 0.02f, 100);
  net.graph.AddOutput(y);
  EXPECT_EQ(net.Check(0.02f),
            "QuantizeLinear ByteConv ByteConv ByteConv ByteGlobalAverage Transpose DequantizeLinear");
}

TEST(Quantize, FunctionsOfOneTensorAreOneTable) {
  Net net;
  graph::Value* x = net.Both(net.Input({2, 5}), 0.01f, 128);
  graph::Value* s = net.Both(net.Add("Sigmoid", {x}), 1.0f / 256, 0);
  graph::Value* y = net.Both(net.Add("Mul", {x, s}), 0.008f, 60);
  y = net.Both(net.Add("Tanh", {y}), 0.008f, 128);
  net.graph.AddOutput(y);
  EXPECT_EQ(net.Check(0.008f), "QuantizeLinear ByteTable DequantizeLinear");
}

TEST(Quantize, WhatMovesElementsMovesBytes) {
  Net net;
  graph::Value* x = net.Both(net.Input({2, 8, 4, 4}), 0.01f, 128);
  graph::Attributes axis;
  axis.Set("axis", int64_t{1});
  graph::Value* y = net.Both(net.Add("Concat", {x, x}, axis), 0.01f, 128);
  graph::Attributes perm;
  perm.Set("perm", std::vector<int64_t>{0, 2, 3, 1});
  y = net.Both(net.Add("Transpose", {y}, perm), 0.01f, 128);
  net.graph.AddOutput(y);
  EXPECT_EQ(net.Check(0), "QuantizeLinear Concat Transpose DequantizeLinear");
}

TEST(Quantize, FloatReadersKeepTheFloats) {
  Net net;
  graph::Value* x = net.Both(net.Input({1, 4, 6, 6}), 0.01f, 128);
  graph::Value* y = net.Conv(x, 4, 8, 1);
  net.graph.AddOutput(y);  // nothing quantizes the result
  EXPECT_EQ(net.Check(0), "QuantizeLinear DequantizeLinear DequantizeLinear Conv");
}

}  // namespace
}  // namespace ortolan::passes
