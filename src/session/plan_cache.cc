#include "session/plan_cache.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "session/pass_options.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ortolan::session {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[8] = {'O', 'R', 'T', 'O', 'P', 'L', 'A', 'N'};
constexpr uint64_t kVersion = 1;
constexpr size_t kDataAlignment = 4096;
constexpr size_t kDigestChunk = size_t{1} << 20;
// A file that was written less than this ago may be written again within the same tick of the clock that its
// times come from: its identity is not trusted yet.
constexpr int64_t kSettledNs = 2'000'000'000;

// Then follow the sizes of the blocks, the blocks from `data_offset` on, each padded to a line, and the
// digest of all before it.
struct Header {
  char magic[8];
  uint64_t version;
  Digest key;
  uint64_t blocks;
  uint64_t data_offset;
  uint64_t file_bytes;
};

size_t Padded(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

Digest DigestOfBytes(const void* data, size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.low64, hash.high64};
}

bool Settled(const FileIdentity& identity) {
  const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  return now - std::max(identity.modified_ns, identity.changed_ns) > kSettledNs;
}

// Weights of living sessions.
struct Living {
  std::mutex mutex;
  std::map<Digest, std::weak_ptr<const std::vector<WeightBlock>>> weights;

  static Living& Get() {
    static auto* const living = new Living;  // sessions may end later than static objects
    return *living;
  }
};

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool WriteAll(int descriptor, const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(descriptor, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

// A file that gets its name when it is whole. What is not finished leaves nothing behind.
class NewFile {
 public:
  explicit NewFile(const std::string& path)
      : path_(path), aside_(AsideOf(path)), descriptor_(open(aside_.c_str(), kFlags, 0644)) {}
  ~NewFile() {
    if (descriptor_.get() >= 0 && !finished_) unlink(aside_.c_str());
  }

  bool Write(const void* data, size_t size) {
    return descriptor_.get() >= 0 && WriteAll(descriptor_.get(), data, size);
  }
  bool Finish() { return finished_ = rename(aside_.c_str(), path_.c_str()) == 0; }
  const std::string& aside() const { return aside_; }

 private:
  static constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  static std::string AsideOf(const std::string& path) {
    static std::atomic<unsigned> count;
    return fmt::format("{}.{}.{}", path, getpid(), count++);
  }

  std::string path_;
  std::string aside_;
  Descriptor descriptor_;
  bool finished_ = false;
};

// Where a plan is made by other code than this, its weights may be packed another way.
std::string LibraryIdentity() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&LibraryIdentity), &info) == 0 || info.dli_fname == nullptr)
    return "";
  std::error_code error;
  const std::filesystem::path path = info.dli_fname;
  const auto size = std::filesystem::file_size(path, error);
  const auto written = std::filesystem::last_write_time(path, error);
  return fmt::format("{} {} {}", path.string(), size, written.time_since_epoch().count());
}

}  // namespace

std::string PlanCacheFolder(const Options& options) {
  const std::string_view named = ConfigOf(options.config, "ortolan.plan_cache");
  if (!named.empty()) return std::string(named);
  const char* variable = std::getenv("ORTOLAN_PLAN_CACHE");
  return variable != nullptr ? variable : "";
}

std::string PlanSettings(const Options& options) {
  static const std::string library = LibraryIdentity();
  std::string text = fmt::format("{}\n{}\nlevel {} deterministic {}\n", library, IsaName(GetCpuInfo().isa),
                                 static_cast<int>(options.optimization_level), options.deterministic_compute);
  for (const std::string& pass : options.disabled_passes) text += fmt::format("without {}\n", pass);
  for (const auto* list : {&options.free_dimensions_by_name, &options.free_dimensions_by_denotation}) {
    for (const auto& [name, size] : *list) text += fmt::format("dimension {} {}\n", name, size);
    text += "\n";
  }
  for (const auto& [key, value] : options.config) text += fmt::format("config {} {}\n", key, value);
  return text;
}

PlanCache::PlanCache(std::string folder, std::span<const std::byte> model,
                     std::shared_ptr<const MappedFile> file,
                     std::vector<std::shared_ptr<const MappedFile>> external, std::string settings,
                     ThreadPool& threads)
    : folder_(std::move(folder)),
      model_(model),
      file_(std::move(file)),
      external_(std::move(external)),
      settings_(std::move(settings)),
      threads_(threads) {
  if (file_ == nullptr) return;
  std::vector<FileIdentity> identities = {file_->identity()};
  for (const auto& each : external_) identities.push_back(each->identity());
  if (!std::ranges::all_of(identities, Settled)) return;
  const Digest parts[] = {DigestOfBytes(identities.data(), identities.size() * sizeof(FileIdentity)),
                          DigestOfBytes(settings_.data(), settings_.size())};
  living_ = DigestOfBytes(parts, sizeof(parts));
}

std::string PlanCache::PathOf(const Digest& name, const char* ending) const {
  return fmt::format("{}/{:016x}{:016x}{}", folder_, name.high, name.low, ending);
}

// Of the digests of the chunks, which the threads share.
Digest PlanCache::DigestOf(std::span<const std::byte> bytes, const MappedFile* file) const {
  std::string remembered;
  if (file != nullptr && Settled(file->identity())) {
    const FileIdentity& identity = file->identity();
    remembered = PathOf(DigestOfBytes(&identity, sizeof(identity)), ".seen");
    Digest found[2];  // and its own digest
    const Descriptor reading(open(remembered.c_str(), O_RDONLY | O_CLOEXEC));
    if (reading.get() >= 0 && read(reading.get(), found, sizeof(found)) == sizeof(found) &&
        found[1] == DigestOfBytes(&found[0], sizeof(Digest))) {
      return found[0];
    }
  }
  std::vector<Digest> chunks((bytes.size() + kDigestChunk - 1) / kDigestChunk);
  threads_.ParallelFor(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    const auto part = bytes.subspan(static_cast<size_t>(i) * kDigestChunk);
    chunks[static_cast<size_t>(i)] = DigestOfBytes(part.data(), std::min(part.size(), kDigestChunk));
  });
  const Digest digest = DigestOfBytes(chunks.data(), chunks.size() * sizeof(Digest));
  if (!remembered.empty()) {
    const Digest line[2] = {digest, DigestOfBytes(&digest, sizeof(digest))};
    NewFile seen(remembered);
    if (seen.Write(line, sizeof(line))) seen.Finish();  // or not: it only saves time
  }
  return digest;
}

Digest PlanCache::Key() {
  if (has_key_) return key_;
  std::vector<Digest> parts = {DigestOf(model_, file_.get())};
  for (const auto& each : external_) parts.push_back(DigestOf(each->bytes(), each.get()));
  parts.push_back(DigestOfBytes(settings_.data(), settings_.size()));
  key_ = DigestOfBytes(parts.data(), parts.size() * sizeof(Digest));
  has_key_ = true;
  return key_;
}

std::vector<WeightBlock> PlanCache::Find(std::string* problem) {
  if (living_ != Digest()) {
    Living& living = Living::Get();
    const std::lock_guard lock(living.mutex);
    const auto found = living.weights.find(living_);
    if (found != living.weights.end()) {
      if (const SharedWeights blocks = found->second.lock()) return *blocks;
    }
  }
  if (folder_.empty()) return {};
  const std::string path = PathOf(Key(), ".plan");
  Result<std::vector<WeightBlock>> blocks = Read(path);
  if (blocks.ok()) return std::move(*blocks);
  if (blocks.status().code() != StatusCode::kNoSuchFile)
    *problem = fmt::format("{} is not used and will be written anew: {}", path, blocks.status().message());
  return {};
}

Result<std::vector<WeightBlock>> PlanCache::Read(const std::string& path) {
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  const std::span<const std::byte> bytes = file->bytes();
  Header header{};
  if (bytes.size() < sizeof(header) + sizeof(Digest)) return Fail("it is cut off");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion ||
      header.key != key_) {
    return Fail("it is no plan of this model");
  }
  const size_t end = bytes.size() - sizeof(Digest);
  const bool sound = header.file_bytes == bytes.size() && header.data_offset % kDataAlignment == 0 &&
                     header.data_offset <= end && header.blocks <= end / sizeof(uint64_t) &&
                     sizeof(header) + header.blocks * sizeof(uint64_t) <= header.data_offset;
  Digest digest;
  std::memcpy(&digest, bytes.data() + end, sizeof(digest));
  if (!sound || digest != DigestOf(bytes.first(end), file.get())) return Fail("it is damaged");
  std::vector<WeightBlock> blocks;
  size_t offset = header.data_offset;
  for (uint64_t i = 0; i < header.blocks; ++i) {
    uint64_t size = 0;
    std::memcpy(&size, bytes.data() + sizeof(header) + i * sizeof(size), sizeof(size));
    if (size > end - offset || Padded(size) > end - offset) return Fail("it is damaged");
    // Blocks that are known are only read.
    blocks.emplace_back(const_cast<std::byte*>(bytes.data()) + offset, size, file);
    offset += Padded(size);
  }
  return blocks;
}

Status PlanCache::Keep(std::vector<WeightBlock> blocks, bool grew, SharedWeights* kept) {
  *kept = std::make_shared<const std::vector<WeightBlock>>(std::move(blocks));
  if ((*kept)->empty()) return OkStatus();
  if (living_ != Digest()) {
    Living& living = Living::Get();
    const std::lock_guard lock(living.mutex);
    std::erase_if(living.weights, [](const auto& item) { return item.second.expired(); });
    living.weights[living_] = *kept;
  }
  if (folder_.empty()) return OkStatus();
  const std::string path = PathOf(Key(), ".plan");
  if (!grew && fs::exists(path)) return OkStatus();
  return Write(path, **kept);
}

Status PlanCache::Write(const std::string& path, const std::vector<WeightBlock>& blocks) {
  std::error_code error;
  fs::create_directories(folder_, error);
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.key = key_;
  header.blocks = blocks.size();
  const size_t sizes_end = sizeof(header) + blocks.size() * sizeof(uint64_t);
  header.data_offset = (sizes_end + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  header.file_bytes = header.data_offset + sizeof(Digest);
  std::vector<std::byte> front(header.data_offset);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint64_t size = blocks[i].size();
    std::memcpy(front.data() + sizeof(header) + i * sizeof(size), &size, sizeof(size));
    header.file_bytes += Padded(size);
  }
  std::memcpy(front.data(), &header, sizeof(header));
  NewFile file(path);
  constexpr std::byte kZeros[kBufferAlignment] = {};
  bool written = file.Write(front.data(), front.size());
  for (const WeightBlock& block : blocks) {
    written = written && file.Write(block.data(), block.size()) &&
              file.Write(kZeros, Padded(block.size()) - block.size());
  }
  if (written) {
    ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> whole, MappedFile::Open(file.aside()));
    const Digest digest = DigestOf(whole->bytes(), nullptr);
    written = file.Write(&digest, sizeof(digest)) && file.Finish();
  }
  if (!written) return Fail("The plan cannot be kept in {}: {}", folder_, std::strerror(errno));
  return OkStatus();
}

}  // namespace ortolan::session
