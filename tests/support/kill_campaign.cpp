#include <tests/support/kill_campaign.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stepped_process.hpp>

namespace ringbell::test {
namespace {

using Clock = std::chrono::steady_clock;

// An operation's instructions in the order in which they ran, and how to come to each soon: a
// breakpoint goes so often to a landmark, single steps from there.
class Path {
 public:
  struct Step {
    std::uint64_t address;
    std::size_t times;     // that it has run by then, this time included
    std::size_t landmark;  // at or before this step
    std::size_t cost;      // of coming here: stops of the child
  };

  void add(std::uint64_t address) {
    const std::size_t at = steps_.size();
    const std::size_t times = ++times_[address];
    if (at > 0 && (address == 0 || steps_.back().cost < times)) {
      steps_.push_back({address, times, steps_.back().landmark, steps_.back().cost + 1});
    } else {
      steps_.push_back({address, times, at, at == 0 ? 0 : times});
    }
  }
  [[nodiscard]] std::size_t length() const noexcept { return steps_.size(); }
  [[nodiscard]] const Step& operator[](std::size_t at) const noexcept { return steps_[at]; }

 private:
  std::vector<Step> steps_;
  std::unordered_map<std::uint64_t, std::size_t> times_;
};

class Campaign {
 public:
  Campaign(const std::string& what, const MakeVictim& make) : what_(what), make_(make) {}

  void every_instruction() { report(kill_before_instructions(kSanitized ? 150 : SIZE_MAX)); }

  void some_instructions(std::size_t instructions) {
    report(kill_before_instructions(instructions));
  }

  void every_system_call(std::size_t instructions) {
    const std::size_t stride = kSanitized ? 4 : 1;
    std::size_t stops = seed() % stride;
    for (bool over = false; !over && !has_ended(); stops += stride) over = kill_at_stop(stops);
    const std::string steps =
        kill_before_instructions(kSanitized ? instructions / 10 : instructions);
    report(fmt::format("{} stops at system calls, {}", stops, steps));
  }

 private:
  // Before every one, or of more than `most` before every n-th, unless all are asked for. Says
  // which, for people.
  std::string kill_before_instructions(std::size_t most) {
    if (most == 0) return "no instructions";
    const Path path = walk();
    const char* const wish = std::getenv("RINGBELL_CRASH_STEPS");
    if (wish != nullptr && std::string_view(wish) == "all") most = SIZE_MAX;
    const std::size_t stride = path.length() / most + 1;
    for (std::size_t n = seed() % stride; n < path.length() && !has_ended(); n += stride) {
      kill_before(path, n);
    }
    if (stride == 1) return fmt::format("every one of {} instructions", path.length());
    return fmt::format("one in {} of {} instructions", stride, path.length());
  }

  [[nodiscard]] bool has_ended() const {
    return skipped_ || ::testing::Test::HasFatalFailure() || ::testing::Test::IsSkipped();
  }

  // Whether the child stands at the beginning of the operation.
  bool stands(const SteppedProcess& child) {
    if (child.trouble().empty()) return true;
    if (child.is_forbidden()) {
      skipped_ = true;
      skip(child.trouble());
    } else {
      fail(child.trouble());
    }
    return false;
  }
  static void skip(const std::string& why) { GTEST_SKIP() << why; }
  void fail(const std::string& why) { FAIL() << what_ << ": " << why; }

  [[nodiscard]] static SteppedProcess start(Victim& victim) {
    return {[&] { victim.prepare(); }, [&] { victim.operate(); }};
  }

  // Steps through all of it, and kills the child behind its end.
  Path walk() {
    Path path;
    if (has_ended()) return path;
    const std::unique_ptr<Victim> victim = make_();
    SteppedProcess child = start(*victim);
    if (!stands(child)) return path;
    while (!child.is_over() && child.trouble().empty()) {
      path.add(child.address());
      child.step();
    }
    end(child, *victim, "behind the end");
    return path;
  }

  void kill_before(const Path& path, std::size_t n) {
    const std::unique_ptr<Victim> victim = make_();
    SteppedProcess child = start(*victim);
    if (!stands(child)) return;
    std::size_t at = path[n].landmark;
    // It may go another way this time (a clock, a wake-up); it is killed somewhere all the same.
    if (at > 0 && !child.run_to(path[at].address, path[at].times)) at = 0;
    for (; at < n && !child.is_over() && child.trouble().empty(); ++at) child.step();
    end(child, *victim, fmt::format("before instruction {} of {}", n, path.length()));
  }

  // True: the operation was over before that stop.
  bool kill_at_stop(std::size_t n) {
    const std::unique_ptr<Victim> victim = make_();
    SteppedProcess child = start(*victim);
    if (!stands(child)) return true;
    for (std::size_t at = 0; at < n && !child.is_over() && child.trouble().empty(); ++at) {
      child.step_to_system_call();
    }
    const bool over = child.is_over();
    end(child, *victim, fmt::format("at stop {} at a system call", n));
    return over || !child.trouble().empty();
  }

  void end(SteppedProcess& child, Victim& victim, const std::string& where) {
    if (!child.trouble().empty()) return fail(child.trouble());
    child.kill_now();
    const ::testing::ScopedTrace trace(__FILE__, __LINE__, what_ + ", killed " + where);
    const Clock::time_point died = Clock::now();
    const bool took_notice = victim.notice();
    const Clock::time_point noticed = Clock::now();
    if (took_notice) notices_.add(noticed - died);
    if (!::testing::Test::HasFatalFailure()) victim.survive();
    times_.add(Clock::now() - noticed);
  }

  void report(const std::string& steps) {
    if (has_ended()) return;
    std::string notice;
    if (notices_.count() > 0) {
      notice = fmt::format("noticed after: {}, ", notices_.judged(std::chrono::milliseconds(500)));
    }
    std::printf("%s: kills: %zu (%s), %ssurvivors' time: %s\n", what_.c_str(), times_.count(),
                steps.c_str(), notice.c_str(), times_.judged().c_str());
    std::fflush(stdout);
  }

  const std::string& what_;
  const MakeVictim& make_;
  SurvivorTimes notices_;
  SurvivorTimes times_;
  bool skipped_ = false;
};

}  // namespace

std::string SurvivorTimes::judged(Duration limit) {
  if (times_.empty()) return "none";
  std::sort(times_.begin(), times_.end());
  const Duration median = times_[times_.size() / 2];
  const Duration worst = times_.back();
  // Times of an emulator say nothing of ringbell; that nothing hangs is checked elsewhere.
  if (std::getenv("RINGBELL_EMULATED") == nullptr) {
    EXPECT_LT(median, limit);
    EXPECT_LT(worst, 10 * limit);
  }
  const auto microseconds = [](Duration time) { return static_cast<double>(time.count()) / 1000; };
  return fmt::format("median {:.0f} us, worst {:.0f} us", microseconds(median),
                     microseconds(worst));
}

void kill_at_every_instruction(const std::string& what, const MakeVictim& make) {
  Campaign(what, make).every_instruction();
}

void kill_at_every_system_call(const std::string& what, const MakeVictim& make,
                               std::size_t instructions) {
  Campaign(what, make).every_system_call(instructions);
}

void kill_at_some_instructions(const std::string& what, const MakeVictim& make,
                               std::size_t instructions) {
  Campaign(what, make).some_instructions(instructions);
}

}  // namespace ringbell::test
