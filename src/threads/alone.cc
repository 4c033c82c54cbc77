#include "threads/alone.h"

namespace ortolan {
namespace {

thread_local bool works_alone = false;

}  // namespace

bool WorksAlone() {
  return works_alone;
}

WorkAlone::WorkAlone(bool alone) : before_(works_alone) {
  works_alone = works_alone || alone;
}
WorkAlone::~WorkAlone() {
  works_alone = before_;
}

}  // namespace ortolan
