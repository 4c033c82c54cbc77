// NumPy's .npy files: little-endian, C order, numbers and bools.
#pragma once

#include <string>

#include "ortolan/session.h"

namespace ortolan::cli {

// Throws Exception: kNoSuchFile, or kInvalidArgument for what is not such a file.
Array ReadNpy(const std::string& path);
// Throws Exception kFail where the file cannot be written, kInvalidArgument for types that NumPy has not.
void WriteNpy(const std::string& path, const Array& array);

}  // namespace ortolan::cli
