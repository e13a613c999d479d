// A round trip of 56 bytes between two processes that sleep at once whenever they have nothing to
// do, in every way to sleep: UringLoop on eventfds (a multishot poll each) and on the futex words
// (IORING_OP_FUTEX_WAIT), epoll on waitable_fd(), the endpoint's own waiting calls on both kinds of
// doorbell, and a WaitSet of 1, 16 and 127 ends. On one CPU and on two. Every answer is checked.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include <ringbell/ringbell.hpp>

#include "bench/micro/micro.hpp"

namespace ringbell::bench {
namespace {

using core::DoorbellKind;
using Payload = Message<56>;

const std::vector<int> kCpus = allowed_cpus();

// Sleeps until the receiver has a record. False: the other side has closed.
using Await = std::function<bool(Receiver&)>;

// Made in the process that sleeps. Empty: not to be had here.
using MakeAwait = Await (*)(Receiver&);

Await by_waiting_call(Receiver& /*receiver*/) {
  return [](Receiver& from) { return from.peek_for().has_value(); };
}

Await by_epoll(Receiver& receiver) {
  const auto epoll = std::make_shared<FileDescriptor>(::epoll_create1(EPOLL_CLOEXEC));
  const Result<int> bell = receiver.waitable_fd();
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  if (!bell || ::epoll_ctl(epoll->get(), EPOLL_CTL_ADD, *bell, &wanted) != 0) return {};
  return [epoll](Receiver& from) {
    while (!from.peek()) {
      epoll_event event{};
      if (from.arm()) {
        ::epoll_wait(epoll->get(), &event, 1, -1);
      } else if (!from.peek_for(Timeout::zero())) {
        return false;
      }
    }
    return true;
  };
}

template <bool futex_wait>
Await by_uring(Receiver& receiver) {
  struct State {
    std::optional<UringLoop> loop;
    bool there = false;
    bool closed = false;
  };
  const auto state = std::make_shared<State>();
  Result<UringLoop> loop = UringLoop::create({.futex_wait = futex_wait});
  if (!loop) return {};
  state->loop.emplace(std::move(*loop));
  const auto watched =
      state->loop->watch(receiver, [self = state.get()](const Result<void>& there) {
        self->there = there.has_value();
        self->closed = !there;
      });
  if (!watched) return {};
  return [state](Receiver& from) {
    if (from.peek()) return true;
    state->there = false;
    while (!state->there && !state->closed) {
      if (!state->loop->turn()) return false;
    }
    return !state->closed;
  };
}

// Among ends on which nothing comes, in as many queues.
template <std::size_t ends>
Await by_wait_set(Receiver& receiver) {
  struct State {
    std::vector<QueueReceiver> idle;  // before the set: it goes after it
    WaitSet set;
  };
  Result<WaitSet> set =
      WaitSet::create({.wait = {.spin_budget = std::chrono::nanoseconds::zero()}, .words = ends});
  if (!set) return {};
  const auto state = std::make_shared<State>(State{{}, std::move(*set)});
  for (std::size_t i = 1; i < ends; ++i) {
    Result<Region> queue = Region::create(QueueOptions{.messages = 8, .participants = 2}.region());
    if (!queue) return {};
    state->idle.push_back(QueueReceiver::open(std::move(*queue)).value());
  }
  for (QueueReceiver& idle : state->idle) {
    if (!state->set.add(idle)) return {};
  }
  if (!state->set.add(receiver)) return {};
  return [state](Receiver& /*from*/) {
    const auto events = state->set.wait();
    return events && events->front().what == WaitSet::What::ready;
  };
}

struct Way {
  const char* name;
  DoorbellKind doorbell;
  MakeAwait make_await;
};

constexpr Way kWays[] = {
    {"uring_eventfd", DoorbellKind::eventfd, by_uring<false>},
    {"uring_futex", DoorbellKind::futex, by_uring<true>},
    {"epoll", DoorbellKind::eventfd, by_epoll},
    {"receiver_eventfd", DoorbellKind::eventfd, by_waiting_call},
    {"receiver_futex", DoorbellKind::futex, by_waiting_call},
    {"wait_set_of_1", DoorbellKind::futex, by_wait_set<1>},
    {"wait_set_of_16", DoorbellKind::futex, by_wait_set<16>},
    {"wait_set_of_127", DoorbellKind::futex, by_wait_set<127>},
};

// One of the two processes.
class Party {
 public:
  Party(const Channel& out, const Channel& in, const Way& way)
      : sender_(Sender::attach(out.fds(), kAtOnce)),
        receiver_(Receiver::attach(in.fds(), kAtOnce)),
        await_(receiver_ ? way.make_await(*receiver_) : Await{}) {}

  [[nodiscard]] bool is_ready() const { return sender_ && receiver_ && await_; }
  [[nodiscard]] bool send(const Payload& payload) {
    return sender_->send(std::as_bytes(std::span(&payload, 1))).value_or(false);
  }
  [[nodiscard]] std::optional<Payload> receive() {
    if (!await_(*receiver_)) return std::nullopt;
    const std::optional<std::span<const std::byte>> record = receiver_->peek();
    Payload payload{};
    if (!record || record->size() != sizeof payload) return std::nullopt;
    std::memcpy(&payload, record->data(), sizeof payload);
    receiver_->release();
    return payload;
  }

 private:
  static constexpr WaitOptions kAtOnce{.spin_budget = std::chrono::nanoseconds::zero()};

  Result<Sender> sender_;
  Result<Receiver> receiver_;
  Await await_;  // goes before the receiver
};

// The child: answers each message with its number inverted, until the parent closes.
int answer_all(const Channel& out, const Channel& in, const Way& way, int cpu, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return 1;
  pin(cpu);
  Party party(out, in, way);
  if (!party.is_ready()) return 1;
  while (std::optional<Payload> payload = party.receive()) {
    payload->sequence = ~payload->sequence;
    if (!party.send(*payload)) return 1;
  }
  return 0;
}

void round_trips(benchmark::State& state, const Way& way, bool two_cpus) {
  if (kCpus.size() < 2 && two_cpus) return state.SkipWithError("needs two CPUs");
  const ChannelOptions options{.doorbell = way.doorbell};
  const Result<Channel> there = Channel::create(options);
  const Result<Channel> back = Channel::create(options);
  if (!there || !back) return state.SkipWithError("no channel to be had");
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(answer_all(*back, *there, way, kCpus[two_cpus ? 1 : 0], parent));
  pin(kCpus[0]);
  bool right = true;
  {
    Party party(*there, *back, way);
    Payload payload{};
    right = party.is_ready();
    if (!right) state.SkipWithError("this way to sleep is not to be had here");
    for ([[maybe_unused]] auto _ : state) {
      ++payload.sequence;
      right = right && party.send(payload);
      const std::optional<Payload> answer = right ? party.receive() : std::nullopt;
      right = answer && answer->sequence == ~payload.sequence;
      if (!right) {
        state.SkipWithError("an answer was not that to the message");
        break;
      }
    }
  }  // closes: the child ends
  int status = 0;
  ::waitpid(child, &status, 0);
  if (right && status != 0) state.SkipWithError("the other process failed");
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const Way& way : kWays) {
    for (const bool two_cpus : {false, true}) {
      const std::string name =
          std::string("sleep/") + way.name + (two_cpus ? "/two_cpus" : "/one_cpu");
      benchmark::RegisterBenchmark(name.c_str(), [&way, two_cpus](benchmark::State& state) {
        round_trips(state, way, two_cpus);
      })->UseRealTime();
    }
  }
  return true;
}();

}  // namespace
}  // namespace ringbell::bench
