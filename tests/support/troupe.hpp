// Processes that play the roles of a ring under load, of which one or two at a time are killed at
// random and replaced.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::test {

// How many kills the tests of random kills make, all together: RINGBELL_CRASH_KILLS, else 1000.
[[nodiscard]] std::size_t kills_wanted();

// What the players share besides their ring.
class Stage {
 public:
  // The players that must end first (writers, callers) end in the first act; those that must see
  // all that these did, in the second.
  enum Act : std::uint64_t { kPlaying = 0, kFirstEnds = 1, kSecondEnds = 2 };

  [[nodiscard]] bool is_over(Act act) const noexcept;
  // Call for each message, call or the like that has arrived and was found right.
  void went_on() noexcept;

 private:
  friend class Troupe;

  std::uint64_t act_;
  std::uint64_t arrived_;
};

struct Player {
  std::string role;
  // In a child, until the stage says that its act is over. What is wrong, else nothing. For a
  // successor it is the same.
  std::function<std::string(Stage&)> play;
  Stage::Act ends = Stage::kFirstEnds;
  // In the parent, when the child is dead, before its successor comes.
  std::function<void()> bury = [] {};
};

class Troupe {
 public:
  Troupe(std::string what, std::vector<Player> players);
  Troupe(const Troupe&) = delete;
  Troupe& operator=(const Troupe&) = delete;
  // Kills the players that are left.
  ~Troupe();

  // So many SIGKILLs, after each of which things must go on; then all end in order. Prints
  // what it did. Fails the test if a player found something wrong, or nothing moves, or anything
  // is left behind.
  void perform(std::size_t kills);

 private:
  struct Cast {
    Player player;
    pid_t pid = -1;
    char* complaint = nullptr;  // shared, kComplaintBytes
  };
  static constexpr std::size_t kComplaintBytes = 512;

  void enter(Cast& one);
  void kill(Cast& one);
  void await_arrivals(const std::vector<std::string>& dead);
  void end(Stage::Act act);
  void judge(Cast& one, int status);
  [[nodiscard]] std::uint64_t arrived() const noexcept;

  std::string what_;
  SharedPages pages_{65536};
  Stage& stage_ = *pages_.take<Stage>();
  std::vector<Cast> cast_;
  SurvivorTimes times_;
};

}  // namespace ringbell::test
