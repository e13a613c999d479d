#include <tests/support/troupe.hpp>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/support/leftovers.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr std::chrono::seconds kStuck{20};

std::uint64_t load(const std::uint64_t& word) noexcept {
  return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(word)).load();
}

}  // namespace

std::size_t kills_wanted() {
  std::size_t wanted = kSanitized ? 200 : 1000;
  if (const char* const given = std::getenv("RINGBELL_CRASH_KILLS")) {
    std::from_chars(given, given + std::strlen(given), wanted);
  }
  return wanted;
}

bool Stage::is_over(Act act) const noexcept { return load(act_) >= act; }

void Stage::went_on() noexcept { std::atomic_ref<std::uint64_t>(arrived_).fetch_add(1); }

Troupe::Troupe(std::string what, std::vector<Player> players) : what_(std::move(what)) {
  for (Player& player : players) {
    cast_.push_back({std::move(player), -1, pages_.take<char>(kComplaintBytes)});
  }
}

Troupe::~Troupe() {
  for (Cast& one : cast_) {
    if (one.pid > 0) kill(one);
  }
}

void Troupe::enter(Cast& one) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  one.pid = ::fork();
  ASSERT_GE(one.pid, 0) << "fork failed: " << std::strerror(errno);
  if (one.pid > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const std::string complaint = one.player.play(stage_);
  std::strncpy(one.complaint, complaint.c_str(), kComplaintBytes - 1);
  ::_exit(complaint.empty() ? 0 : 1);
}

void Troupe::judge(Cast& one, int status) {
  EXPECT_STREQ(one.complaint, "") << what_ << ", " << one.player.role;
  const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
      << what_ << ", " << one.player.role << ": status " << status;
}

void Troupe::kill(Cast& one) {
  ::kill(one.pid, SIGKILL);
  int status = 0;
  while (::waitpid(one.pid, &status, 0) < 0 && errno == EINTR) {
  }
  one.pid = -1;
  judge(one, status);
}

std::uint64_t Troupe::arrived() const noexcept { return load(stage_.arrived_); }

// More than may have been under way.
void Troupe::await_arrivals(const std::vector<std::string>& dead) {
  const std::uint64_t enough = arrived() + 3;
  const Clock::time_point limit = Clock::now() + kStuck;
  while (arrived() < enough) {
    for (const Cast& one : cast_) {
      ASSERT_STREQ(one.complaint, "") << what_ << ", " << one.player.role;
    }
    ASSERT_LT(Clock::now(), limit) << what_ << ": nothing moves after the death of "
                                   << fmt::to_string(fmt::join(dead, " and "));
    std::this_thread::sleep_for(microseconds(20));
  }
}

void Troupe::end(Stage::Act act) {
  std::atomic_ref<std::uint64_t>(stage_.act_).store(act);
  for (Cast& one : cast_) {
    if (one.player.ends != act) continue;
    int status = 0;
    const Clock::time_point limit = Clock::now() + kStuck;
    while (::waitpid(one.pid, &status, WNOHANG) == 0) {
      ASSERT_LT(Clock::now(), limit) << what_ << ", " << one.player.role << ": does not end";
      std::this_thread::sleep_for(microseconds(100));
    }
    one.pid = -1;
    judge(one, status);
  }
}

void Troupe::perform(std::size_t kills) {
  const PrintedSeed printed;
  const Leftovers leftovers;
  Dice dice(mix(seed() ^ cast_.size()));
  for (Cast& one : cast_) ASSERT_NO_FATAL_FAILURE(enter(one));
  ASSERT_NO_FATAL_FAILURE(await_arrivals({"none"}));
  std::size_t done = 0;
  while (done < kills && !::testing::Test::HasFailure()) {
    const Clock::time_point moment = Clock::now() + microseconds(dice.roll(400));
    while (Clock::now() < moment) {
      if (dice.roll(2) == 0) std::this_thread::yield();
    }
    std::vector<Cast*> dying = {&cast_[dice.roll(cast_.size())]};
    Cast* const second = &cast_[dice.roll(cast_.size())];
    if (dice.roll(3) == 0 && second != dying[0]) dying.push_back(second);
    std::vector<std::string> names;
    for (Cast* const one : dying) {
      kill(*one);
      names.push_back(one->player.role);
    }
    const Clock::time_point noticed = Clock::now();
    for (Cast* const one : dying) one->player.bury();
    for (Cast* const one : dying) ASSERT_NO_FATAL_FAILURE(enter(*one));
    ASSERT_NO_FATAL_FAILURE(await_arrivals(names));
    times_.add(Clock::now() - noticed);
    done += dying.size();
  }
  ASSERT_NO_FATAL_FAILURE(end(Stage::kFirstEnds));
  ASSERT_NO_FATAL_FAILURE(end(Stage::kSecondEnds));
  std::vector<std::string> roles;
  for (const Cast& one : cast_) roles.push_back(one.player.role);
  std::printf("%s: kills: %zu, roles: %s, messages: %llu, survivors' time: %s\n", what_.c_str(),
              done, fmt::to_string(fmt::join(roles, ", ")).c_str(),
              static_cast<unsigned long long>(arrived()), times_.judged().c_str());
  std::fflush(stdout);
}

}  // namespace ringbell::test
