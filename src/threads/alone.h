// Whether loops of this thread are shared with a pool's workers. Where as many threads compute as there are
// cores, help for one is time taken from another, and costs the hand-over.
#pragma once

namespace ortolan {

// True inside a WorkAlone of this thread that said so.
bool WorksAlone();

// While it lives, the thread that made it works its loops off by itself, in every pool, if `alone`. Results
// do not change: borders of chunks never depend on who works.
class WorkAlone {
 public:
  explicit WorkAlone(bool alone);
  ~WorkAlone();
  WorkAlone(const WorkAlone&) = delete;
  WorkAlone& operator=(const WorkAlone&) = delete;

 private:
  bool before_;
};

}  // namespace ortolan
