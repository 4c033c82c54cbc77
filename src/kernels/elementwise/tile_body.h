// All primitives of one ISA level. An ISA unit includes this file and calls FillTable.
#pragma once

#include "kernels/elementwise/tile_convert_body.h"
#include "kernels/elementwise/tile_f32_body.h"
#include "kernels/elementwise/tile_plain_body.h"

namespace ortolan::kernels {
namespace {

void FillTable(TileTable* table) {
  FillF32(table);
  FillF64(table);
  FillInteger<int32_t>(table, ComputeType::kI32);
  FillInteger<int64_t>(table, ComputeType::kI64);
  FillInteger<uint64_t>(table, ComputeType::kU64);
  FillCrossing(table);
  FillConversions(table);
}

}  // namespace
}  // namespace ortolan::kernels
