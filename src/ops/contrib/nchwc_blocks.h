// How wide onnxruntime's blocks of channels are. A model that it saved with its layout is for machines like
// the one that saved it, and so for this one's vectors.
#pragma once

#include <cstdint>

namespace ortolan {

inline int64_t ChannelBlock() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") ? 16 : 8;
#else
  return 8;
#endif
}
// What `channels` lack to whole blocks.
inline int64_t MissingChannels(int64_t channels) {
  return (ChannelBlock() - channels % ChannelBlock()) % ChannelBlock();
}

}  // namespace ortolan
