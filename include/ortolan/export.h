// Marks what the shared library exports.
#pragma once

#if defined(_WIN32)
#define ORTOLAN_EXPORT __declspec(dllexport)
#else
#define ORTOLAN_EXPORT __attribute__((visibility("default")))
#endif
