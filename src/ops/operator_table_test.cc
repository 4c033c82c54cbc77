#include "ops/operator_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace ortolan {
namespace {

TEST(OperatorTable, IsTheOneInTheDocumentation) {
  std::ifstream file(ORTOLAN_SOURCE_DIR "/docs/operators.md", std::ios::binary);
  const std::string written((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(written, OperatorTable()) << "run: ortolan operators > docs/operators.md";
}

TEST(OperatorTable, HasARowForEachDomainOfOnnxruntime) {
  const std::string table = OperatorTable();
  EXPECT_NE(table.find("\n## com.microsoft ("), std::string::npos);
  EXPECT_NE(table.find("\n## com.microsoft.nchwc ("), std::string::npos);
  EXPECT_NE(table.find("\n| Gelu | 20 |"), std::string::npos);
}

}  // namespace
}  // namespace ortolan
