// Bytes -> session -> one run on small feeds: the passes, the plan and the operators behind what model_fuzz
// sees. Whatever the bytes are, the answer is values or a status.
//
// Memory and time that a model asks for honestly are no findings: tensors beyond a few megabytes are not fed,
// the arena has a bound, and a watch stops what takes seconds.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "session/session.h"

namespace {

using ortolan::Dims;
using ortolan::Tensor;
using ortolan::Value;
namespace session = ortolan::session;

constexpr int64_t kMostElements = 1 << 12;
constexpr auto kMostTime = std::chrono::milliseconds(1500);

// Sets a flag when time is up, unless it is destroyed before.
class Watch {
 public:
  Watch() : thread_([this] { Wait(); }) {}
  ~Watch() {
    over_ = true;
    thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  const std::shared_ptr<std::atomic<bool>>& flag() const { return flag_; }

 private:
  void Wait() {
    const auto end = std::chrono::steady_clock::now() + kMostTime;
    while (!over_ && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    *flag_ = true;
  }
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

// A feed of the declared type, unknown sizes 2, elements that are small numbers in most types; none where
// there is no such tensor.
Value FeedFor(const ortolan::import::DeclaredValue& declared, uint8_t seed) {
  if (declared.type.kind != ortolan::ValueType::Kind::kTensor) return {};
  Dims dims;
  int64_t count = 1;
  for (const auto& dim : declared.dims) {
    dims.push_back(dim.size >= 0 ? dim.size : 2);
    if (dims.back() > kMostElements) return {};
    count *= dims.back();
    if (count > kMostElements) return {};
  }
  ortolan::Result<Tensor> tensor = Tensor::Allocate(declared.type.dtype, dims);
  if (!tensor.ok()) return {};
  if (declared.type.dtype != ortolan::DType::kString) {
    auto* bytes = static_cast<uint8_t*>(tensor->data());
    for (size_t i = 0; i < tensor->bytes(); ++i) bytes[i] = static_cast<uint8_t>((i + seed) % 4 == 0);
  }
  return std::move(*tensor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Watch watch;
  session::Options options;
  options.intra_op_threads = 1;
  options.most_arena_bytes = 64 << 20;
  options.log_severity = 4;
  options.cancel_load = watch.flag();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const auto made = session::Session::FromBytes(bytes, nullptr, options);
  if (!made.ok()) return 0;
  session::Session& loaded = **made;
  std::vector<Value> feeds;
  for (const auto& input : loaded.inputs()) feeds.push_back(FeedFor(input, data[size / 2]));
  feeds.resize(feeds.size() + loaded.overridable_initializers().size());
  std::vector<Value> results(loaded.outputs().size());
  session::RunOptions run;
  run.terminate = watch.flag();
  run.log_severity = 4;
  (void)loaded.Run(feeds, {}, run, results);
  return 0;
}
