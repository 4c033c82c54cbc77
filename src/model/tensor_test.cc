#include "model/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

#include "model/six_bits.h"
#include "support/model_builder.h"

namespace ortolan::model {
namespace {

using ::ortolan::testing::ModelBuilder;
using ::ortolan::testing::RawTensorMessage;
using ::ortolan::testing::TensorMessage;
using ::protozero::pbf_writer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// A model whose only initializer is this TensorProto; the bytes live as long as the fixture.
class TensorReaderTest : public ::testing::Test {
 protected:
  Result<Tensor> Read(const std::string& tensor) {
    builder_ = {};
    builder_.graph.Message(5, tensor);
    Result<ModelView> view = ParseModel(builder_.Bytes(), nullptr);
    if (!view.ok()) return view.status();
    view_ = std::move(*view);
    return TensorReader(view_).Read(view_.graph.initializers[0]);
  }
  Result<Tensor> ReadSparse(const std::string& values, const std::string& indices,
                            std::vector<int64_t> dims) {
    std::string sparse;
    pbf_writer writer(sparse);
    writer.add_message(1, values);
    writer.add_message(2, indices);
    writer.add_packed_int64(3, dims.begin(), dims.end());
    builder_ = {};
    builder_.graph.Message(15, sparse);
    Result<ModelView> view = ParseModel(builder_.Bytes(), nullptr);
    if (!view.ok()) return view.status();
    view_ = std::move(*view);
    return TensorReader(view_).ReadSparse(view_.graph.sparse_initializers[0]);
  }

  ModelBuilder builder_;
  ModelView view_;
};

std::string Typed(DType dtype, std::initializer_list<int64_t> dims) {
  std::string tensor;
  pbf_writer writer(tensor);
  writer.add_packed_int64(1, dims.begin(), dims.end());
  writer.add_int32(2, static_cast<int32_t>(dtype));
  return tensor;
}

std::vector<uint8_t> BytesOf(const Tensor& tensor) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.data());
  return {bytes, bytes + tensor.bytes()};
}

TEST_F(TensorReaderTest, RawDataIsBorrowedWhereAligned) {
  const Result<Tensor> bytes = Read(RawTensorMessage("w", DType::kUInt8, std::vector<int64_t>{3}, "abc"));
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->data(), view_.graph.initializers[0].raw.data());
  // One of eight names pushes a double's data to an eight-byte border; the others are copied. All are right.
  for (size_t length = 1; length <= 8; ++length) {
    const Result<Tensor> tensor = Read(TensorMessage<double>(std::string(length, 'w'), {2}, {1.5, -2}));
    ASSERT_TRUE(tensor.ok());
    EXPECT_THAT(tensor->Items<double>(), ElementsAre(1.5, -2));
    const char* raw = view_.graph.initializers[0].raw.data();
    EXPECT_EQ(tensor->data() == raw, reinterpret_cast<uintptr_t>(raw) % 8 == 0);
  }
}

TEST_F(TensorReaderTest, RawDataMustHaveTheRightSize) {
  const Status status = Read(RawTensorMessage("w", DType::kFloat, std::vector<int64_t>{3}, "abcd")).status();
  EXPECT_EQ(status.code(), StatusCode::kFail);
  EXPECT_EQ(status.message(), "TensorProto: w raw data size mismatch. Computed size: 12, raw_data size: 4");
}

TEST_F(TensorReaderTest, RawBoolsBecomeZeroOrOne) {
  const Result<Tensor> tensor =
      Read(RawTensorMessage("w", DType::kBool, std::vector<int64_t>{3}, std::string_view("\0\2\1", 3)));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(BytesOf(*tensor), ElementsAre(0, 1, 1));
}

TEST_F(TensorReaderTest, PackedAndUnpackedFloats) {
  std::string mixed = Typed(DType::kFloat, {3});
  const std::vector<float> packed = {1, 2};
  pbf_writer writer(mixed);
  writer.add_packed_float(4, packed.begin(), packed.end());
  writer.add_float(4, 3);
  const Result<Tensor> tensor = Read(mixed);
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_THAT(tensor->Items<float>(), ElementsAre(1, 2, 3));
}

TEST_F(TensorReaderTest, NarrowTypesComeFromInt32Data) {
  const auto decode = [this](DType dtype, int64_t count, std::vector<int32_t> items) {
    std::string tensor = Typed(dtype, {count});
    pbf_writer(tensor).add_packed_int32(5, items.begin(), items.end());
    const Result<Tensor> read = Read(tensor);
    EXPECT_TRUE(read.ok()) << DTypeName(dtype) << ": " << read.status().message();
    return read.ok() ? BytesOf(*read) : std::vector<uint8_t>();
  };
  EXPECT_THAT(decode(DType::kInt8, 2, {-1, 5}), ElementsAre(0xff, 5));
  EXPECT_THAT(decode(DType::kUInt8, 2, {200, 5}), ElementsAre(200, 5));
  EXPECT_THAT(decode(DType::kInt16, 1, {-2}), ElementsAre(0xfe, 0xff));
  EXPECT_THAT(decode(DType::kUInt16, 1, {0x1234}), ElementsAre(0x34, 0x12));
  EXPECT_THAT(decode(DType::kInt32, 1, {-2}), ElementsAre(0xfe, 0xff, 0xff, 0xff));
  EXPECT_THAT(decode(DType::kBool, 3, {0, 1, 7}), ElementsAre(0, 1, 1));
  EXPECT_THAT(decode(DType::kFloat16, 1, {0x3c00}), ElementsAre(0x00, 0x3c));
  EXPECT_THAT(decode(DType::kBFloat16, 1, {0x3f80}), ElementsAre(0x80, 0x3f));
  EXPECT_THAT(decode(DType::kFloat8E4M3FN, 2, {0x38, 0xb8}), ElementsAre(0x38, 0xb8));
  EXPECT_THAT(decode(DType::kFloat8E5M2FNUZ, 1, {0x40}), ElementsAre(0x40));
  EXPECT_THAT(decode(DType::kFloat8E8M0, 1, {0x7f}), ElementsAre(0x7f));
  // Packed types: an item holds one byte of two (or four) elements.
  EXPECT_THAT(decode(DType::kUInt4, 3, {0x21, 0x03}), ElementsAre(0x21, 0x03));
  EXPECT_THAT(decode(DType::kInt4, 4, {0xf1, 0x28}), ElementsAre(0xf1, 0x28));
  EXPECT_THAT(decode(DType::kFloat4E2M1, 2, {0x52}), ElementsAre(0x52));
  EXPECT_THAT(decode(DType::kUInt2, 5, {0xe4, 0x01}), ElementsAre(0xe4, 0x01));
  EXPECT_THAT(decode(DType::kInt2, 4, {0x1b}), ElementsAre(0x1b));
  // An item of these holds one element, of which only the low six bits count.
  EXPECT_THAT(decode(DType::kFloat6E2M3, 3, {0x3f, 0x01, 0x7f}), ElementsAre(0x3f, 0x01, 0x3f));
}

// Four elements in three bytes: the bits of 1, 2, 3, 63 and 33 in a row, from the lowest.
TEST_F(TensorReaderTest, SixBitsComePackedInRawData) {
  using std::literals::operator""sv;
  const auto raw = [this](int64_t count, std::string_view bytes) {
    const int64_t dims[] = {count};
    return Read(RawTensorMessage("t", DType::kFloat6E3M2, dims, bytes));
  };
  const Result<Tensor> whole = raw(5, "\x81\x30\xfc\x21");
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  EXPECT_THAT(BytesOf(*whole), ElementsAre(1, 2, 3, 63, 33));
  EXPECT_THAT(BytesOf(*raw(2, "\x81\x00"sv)), ElementsAre(1, 2));
  EXPECT_THAT(BytesOf(*raw(3, "\x81\x30\x00"sv)), ElementsAre(1, 2, 3));
  EXPECT_TRUE(raw(0, "").ok());
  EXPECT_FALSE(raw(5, "\x81\x30\xfc").ok());
  EXPECT_FALSE(raw(3, "\x81\x30\x00\x00"sv).ok());
  const uint8_t codes[] = {1, 2, 3, 63, 33};
  for (int64_t count : {0, 1, 2, 3, 4, 5}) {
    const std::string packed = PackSixBits(codes, count);
    EXPECT_EQ(packed.size(), FileBytes(DType::kFloat6E3M2, Dims{count}));
    std::vector<uint8_t> back(static_cast<size_t>(count));
    UnpackSixBits(packed.data(), count, back.data());
    EXPECT_EQ(back, std::vector<uint8_t>(codes, codes + count));
  }
}

TEST_F(TensorReaderTest, WideTypesComeFromTheirFields) {
  std::string longs = Typed(DType::kInt64, {2});
  const std::vector<int64_t> long_items = {-1, int64_t{1} << 40};
  pbf_writer(longs).add_packed_int64(7, long_items.begin(), long_items.end());
  EXPECT_THAT(Read(longs)->Items<int64_t>(), ElementsAre(-1, int64_t{1} << 40));

  std::string words = Typed(DType::kUInt32, {1});
  pbf_writer(words).add_uint64(11, 0xfffffffe);
  EXPECT_THAT(Read(words)->Items<uint32_t>(), ElementsAre(0xfffffffe));

  std::string unsigned_longs = Typed(DType::kUInt64, {1});
  pbf_writer(unsigned_longs).add_uint64(11, ~uint64_t{0});
  EXPECT_THAT(Read(unsigned_longs)->Items<uint64_t>(), ElementsAre(~uint64_t{0}));

  std::string doubles = Typed(DType::kDouble, {1});
  pbf_writer(doubles).add_double(10, 0.1);
  EXPECT_THAT(Read(doubles)->Items<double>(), ElementsAre(0.1));

  std::string complexes = Typed(DType::kComplex64, {1});
  const std::vector<float> parts = {1, -2};
  pbf_writer(complexes).add_packed_float(4, parts.begin(), parts.end());
  const Result<Tensor> complex_tensor = Read(complexes);
  ASSERT_TRUE(complex_tensor.ok());
  EXPECT_EQ(static_cast<const float*>(complex_tensor->data())[1], -2);
}

TEST_F(TensorReaderTest, Strings) {
  std::string texts = Typed(DType::kString, {2, 1});
  pbf_writer writer(texts);
  writer.add_bytes(6, std::string("a\0b", 3));
  writer.add_bytes(6, std::string(100, 'x'));
  const Result<Tensor> tensor = Read(texts);
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->Items<std::string>(), ElementsAre(std::string("a\0b", 3), std::string(100, 'x')));
}

TEST_F(TensorReaderTest, ClaimsBeyondTheDataAreRefusedBeforeAllocating) {
  EXPECT_THAT(Read(Typed(DType::kFloat, {int64_t{1} << 40})).status().message(),
              HasSubstr("does not match the data size"));
  EXPECT_FALSE(Read(Typed(DType::kString, {int64_t{1} << 40})).ok());
  EXPECT_FALSE(Read(Typed(DType::kFloat, {int64_t{1} << 40, int64_t{1} << 40})).ok());
  EXPECT_FALSE(Read(Typed(DType::kFloat, {-1})).ok());
  EXPECT_FALSE(Read(Typed(DType::kUndefined, {1})).ok());
  EXPECT_FALSE(Read(Typed(static_cast<DType>(99), {1})).ok());
  std::string short_data = Typed(DType::kInt64, {2});
  pbf_writer(short_data).add_int64(7, 1);
  EXPECT_FALSE(Read(short_data).ok());
  std::string long_data = Typed(DType::kInt64, {1});
  const std::vector<int64_t> three = {1, 2, 3};
  pbf_writer(long_data).add_packed_int64(7, three.begin(), three.end());
  EXPECT_FALSE(Read(long_data).ok());
}

TEST_F(TensorReaderTest, EmptyTensorsNeedNoData) {
  const Result<Tensor> tensor = Read(Typed(DType::kFloat, {0, 3}));
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(tensor->count(), 0);
}

TEST_F(TensorReaderTest, SparseByLinearIndicesAndByTuples) {
  const std::string values = TensorMessage<float>("s", {2}, {5, 6});
  const Result<Tensor> linear = ReadSparse(values, TensorMessage<int64_t>("", {2}, {1, 5}), {2, 3});
  ASSERT_TRUE(linear.ok()) << linear.status().message();
  EXPECT_THAT(linear->Items<float>(), ElementsAre(0, 5, 0, 0, 0, 6));
  const Result<Tensor> tuples = ReadSparse(values, TensorMessage<int64_t>("", {2, 2}, {0, 2, 1, 0}), {2, 3});
  ASSERT_TRUE(tuples.ok());
  EXPECT_THAT(tuples->Items<float>(), ElementsAre(0, 0, 5, 6, 0, 0));
}

TEST_F(TensorReaderTest, SparseRefusesWhatIsOutOfBounds) {
  const std::string values = TensorMessage<float>("s", {1}, {5});
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int64_t>("", {1}, {6}), {2, 3}).ok());
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int64_t>("", {1}, {-1}), {2, 3}).ok());
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int64_t>("", {1, 2}, {0, 3}), {2, 3}).ok());
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int64_t>("", {2}, {0, 1}), {2, 3}).ok());
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int32_t>("", {1}, {0}), {2, 3}).ok());
  EXPECT_FALSE(ReadSparse(values, TensorMessage<int64_t>("", {1}, {0}), {int64_t{1} << 40}).ok());
}

// ----------------------------------------------------------------------------------------------------
// external data

class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ("ortolan_external_" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "model");
    const float items[] = {1, 2, 3, 4};
    std::ofstream(root_ / "model" / "data.bin").write(reinterpret_cast<const char*>(items), sizeof items);
    std::ofstream(root_ / "secret.bin").write(reinterpret_cast<const char*>(items), sizeof items);
  }
  void TearDown() override { fs::remove_all(root_); }

  using Entries = std::vector<std::pair<std::string, std::string>>;

  Result<Tensor> Read(const Entries& entries, int64_t count = 2, const std::string& folder = "model") {
    std::string tensor = Typed(DType::kFloat, {count});
    pbf_writer writer(tensor);
    writer.add_string(8, "w");
    for (const auto& [key, value] : entries) {
      std::string pair;
      pbf_writer(pair).add_string(1, key);
      pbf_writer(pair).add_string(2, value);
      writer.add_message(13, pair);
    }
    writer.add_enum(14, 1);
    ModelBuilder builder;
    builder.graph.Message(5, tensor);
    const std::span<const std::byte> bytes = builder.Bytes();
    const std::string path = (root_ / folder / "m.onnx").string();
    std::ofstream(path).write(reinterpret_cast<const char*>(bytes.data()),
                              static_cast<std::streamsize>(bytes.size()));
    ORTOLAN_ASSIGN_OR_RETURN(const ModelView view, OpenModel(path));
    return TensorReader(view).Read(view.graph.initializers[0]);  // the tensor outlives view and reader
  }

  fs::path root_;
};

TEST_F(ExternalDataTest, IsMappedAndOutlivesTheModel) {
  const Result<Tensor> tensor = Read({{"location", "data.bin"}, {"offset", "8"}, {"length", "8"}});
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_THAT(tensor->Items<float>(), ElementsAre(3, 4));
  const Result<Tensor> whole = Read({{"location", "./data.bin"}}, 4);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  EXPECT_THAT(whole->Items<float>(), ElementsAre(1, 2, 3, 4));
}

TEST_F(ExternalDataTest, OddOffsetsAreCopied) {
  std::ofstream(root_ / "model" / "odd.bin").write("x\0\0\x80\x3f", 5);
  const Result<Tensor> tensor = Read({{"location", "odd.bin"}, {"offset", "1"}}, 1);
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_THAT(tensor->Items<float>(), ElementsAre(1));
}

TEST_F(ExternalDataTest, ErrorsSayWhatIsWrong) {
  const auto message = [this](const Entries& entries, int64_t count = 2) {
    const Status status = Read(entries, count).status();
    EXPECT_EQ(status.code(), StatusCode::kFail) << status.message();
    return status.message();
  };
  EXPECT_THAT(message({{"location", "nope.bin"}}),
              HasSubstr("External data path validation failed for initializer: w. Error: External data path "
                        "does not exist: \""));
  EXPECT_THAT(message({{"location", "../secret.bin"}}),
              HasSubstr("External data path escapes model directory. External data path: \"../secret.bin\""));
  EXPECT_THAT(message({{"location", "a/../../secret.bin"}}), HasSubstr("escapes model directory"));
  EXPECT_THAT(message({{"location", (root_ / "secret.bin").string()}}), HasSubstr("must not be absolute"));
  EXPECT_THAT(message({}), HasSubstr("is empty"));
  EXPECT_THAT(
      message({{"location", "data.bin"}, {"length", "999999"}}),
      HasSubstr(
          "TensorProto: w external data size mismatch. Computed size: 8, external_data.length: 999999"));
  EXPECT_THAT(message({{"location", "data.bin"}, {"offset", "12"}}), HasSubstr("out of bounds"));
  EXPECT_THAT(message({{"location", "data.bin"}, {"offset", "18446744073709551615"}}),
              HasSubstr("out of bounds"));
  EXPECT_THAT(message({{"location", "data.bin"}, {"offset", "-8"}}), HasSubstr("not a number"));
  EXPECT_FALSE(Read({{"location", "."}}).ok());
}

TEST_F(ExternalDataTest, LinksMayNotLeaveTheFolder) {
  fs::create_symlink(root_ / "secret.bin", root_ / "model" / "link.bin");
  EXPECT_THAT(Read({{"location", "link.bin"}}).status().message(), HasSubstr("escapes model directory"));
  fs::create_symlink(root_ / "model" / "data.bin", root_ / "model" / "inside.bin");
  EXPECT_TRUE(Read({{"location", "inside.bin"}}).ok());
}

TEST_F(ExternalDataTest, LinksMayLeadWhereTheModelsOwnLinkLeads) {
  fs::create_directories(root_ / "snapshot");
  fs::create_directories(root_ / "blobs");
  std::ofstream(root_ / "blobs" / "1").flush();
  fs::create_symlink(root_ / "blobs" / "1", root_ / "snapshot" / "m.onnx");
  fs::copy(root_ / "secret.bin", root_ / "blobs" / "2");
  fs::create_symlink(root_ / "blobs" / "2", root_ / "snapshot" / "data.bin");
  const Result<Tensor> tensor = Read({{"location", "data.bin"}}, 4, "snapshot");
  EXPECT_TRUE(tensor.ok()) << tensor.status().message();
}

TEST_F(ExternalDataTest, BytesNeedAFolder) {
  std::string tensor = Typed(DType::kFloat, {4});
  std::string pair;
  pbf_writer(pair).add_string(1, "location");
  pbf_writer(pair).add_string(2, "data.bin");
  pbf_writer(tensor).add_message(13, pair);
  pbf_writer(tensor).add_enum(14, 1);
  ModelBuilder builder;
  builder.graph.Message(5, tensor);
  const Result<ModelView> view = ParseModel(builder.Bytes(), nullptr);
  ASSERT_TRUE(view.ok());
  EXPECT_THAT(TensorReader(*view).Read(view->graph.initializers[0]).status().message(),
              HasSubstr("model_path must not be empty"));
  const Result<Tensor> read =
      TensorReader(*view, (root_ / "model").string()).Read(view->graph.initializers[0]);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_THAT(read->Items<float>(), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace ortolan::model
