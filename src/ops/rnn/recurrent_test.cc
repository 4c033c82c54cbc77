// LSTM with constant weights, which are packed, against the same layer in double, which takes the plain path.
// Sizes that are whole vectors and others; one row, which has a step of its own, and several.
#include <gtest/gtest.h>

#include <random>

#include "support/run_op.h"

namespace ortolan {
namespace {

using namespace support;

struct Layer {
  int64_t steps, batch, input, hidden;
  bool lengths;
};

template <typename T>
Value Tensor(const Dims& dims, const std::vector<float>& numbers) {
  return TensorValue<T>(dims, std::vector<T>(numbers.begin(), numbers.end()));
}

template <typename T>
Result<std::vector<Value>> Outputs(const Layer& layer) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> draw(-0.5f, 0.5f);
  const auto make = [&](const Dims& dims) {
    std::vector<float> numbers(static_cast<size_t>(ElementCount(dims)));
    for (float& number : numbers) number = draw(random);
    return Tensor<T>(dims, numbers);
  };
  const int64_t gates = 4 * layer.hidden;
  std::vector<Value> inputs = {make({layer.steps, layer.batch, layer.input}), make({2, gates, layer.input}),
                               make({2, gates, layer.hidden}), make({2, 2 * gates})};
  std::vector<int32_t> lengths;
  for (int64_t b = 0; b < layer.batch; ++b) {
    lengths.push_back(layer.lengths ? static_cast<int32_t>((b * 2 + 3) % (layer.steps + 1))
                                    : static_cast<int32_t>(layer.steps));
  }
  inputs.push_back(TensorValue<int32_t>({layer.batch}, lengths));
  inputs.push_back(make({2, layer.batch, layer.hidden}));
  inputs.push_back(make({2, layer.batch, layer.hidden}));
  return RunOp(
      "LSTM", inputs,
      {.attributes = Attrs({{"hidden_size", layer.hidden}, {"direction", std::string("bidirectional")}}),
       .outputs = 3,
       .constant_inputs = 0b110});
}

TEST(Recurrent, PackedLstmAgreesWithDouble) {
  const Layer layers[] = {{5, 1, 3, 32, false}, {6, 1, 16, 48, true}, {1, 1, 5, 16, false},
                          {4, 1, 7, 8, false},  {4, 1, 7, 24, true},  {4, 1, 9, 17, false},
                          {5, 3, 6, 32, true},  {7, 9, 4, 16, true},  {3, 2, 4, 20, false},
                          {2, 4, 3, 128, false}};
  for (const Layer& layer : layers) {
    const auto expected = Outputs<double>(layer);
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    const auto got = Outputs<float>(layer);
    ASSERT_TRUE(got.ok()) << got.status().message();
    for (size_t output = 0; output < 3; ++output) {
      const auto want = Items<double>((*expected)[output]);
      const auto have = Items<float>((*got)[output]);
      ASSERT_EQ(have.size(), want.size());
      for (size_t i = 0; i < have.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(have[i]), want[i], 2e-5)
            << "hidden " << layer.hidden << " batch " << layer.batch << " output " << output << " at " << i;
      }
    }
  }
}

}  // namespace
}  // namespace ortolan
