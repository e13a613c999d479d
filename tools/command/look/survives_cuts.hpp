// A look at a ring's memory that outlives it. A process that may write to a ring's file may cut it
// while it is mapped here: the next touch of a page that is gone is SIGBUS, which would end a
// program that only looks, and looks at the rings of other users too.
#pragma once

namespace ringbell::tools {

// While it lives, this thread finds zeros in pages that are gone. One at a time in each thread.
class SurvivesCuts {
 public:
  SurvivesCuts() noexcept;
  SurvivesCuts(const SurvivesCuts&) = delete;
  SurvivesCuts& operator=(const SurvivesCuts&) = delete;
  ~SurvivesCuts();

  // Whether it found one: what was seen is not to be believed.
  [[nodiscard]] bool was_cut() const noexcept;
};

}  // namespace ringbell::tools
