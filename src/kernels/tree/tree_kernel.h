// The plain side of the tree room: what its ISA units and tree.cc share. Only data and function pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// Rows that vote together: the lanes of the widest vector of floats.
inline constexpr int kTreeTile = 16;

// Where x <= split fails, only the leaves in `keep` are left over; leaf i of a tree is bit i.
template <typename T>
struct TreeTest {
  T split;
  int32_t column;
  uint32_t keep_low, keep_high;
};

struct VotedTree {
  int64_t tests;      // tests[tests, tests_nan): NaN fails
  int64_t tests_nan;  // tests[tests_nan, tests_end): NaN passes
  int64_t tests_end;
  int32_t first_leaf;
  bool wide;  // more than 32 leaves
};

// Of each of `count` trees the leaf of each row of a tile.
template <typename T>
using VoteFunction = void (*)(const T* tile, const TreeTest<T>* tests, const VotedTree* trees, int64_t count,
                              int32_t* leaves);

struct TreeVariant {
  const char* name;
  Isa isa;
  // How many steps of a walk a test of 16 rows costs, in 1/8.
  int cost_f32, cost_f64;
  VoteFunction<float> vote_f32;  // or null: rows are walked one by one
  VoteFunction<double> vote_f64;
};

}  // namespace ortolan::kernels
