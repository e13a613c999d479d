// One end of one ring for as long as it is let: it goes on whatever becomes of the others, checks
// all that comes, and tells once a second what came and how late.
//
//   ringbell-soak-player KIND reads|writes NAME
//
// SIGTERM ends it in order, SIGUSR1 interrupts its wait, SIGUSR2 makes it slow for the next
// messages. Exit status: 0; 1, if something came that must not, or an Error that nothing here
// explains.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

constexpr auto kTurn = 200ms;         // of a wait
constexpr auto kPace = 1ms;           // of a writer
constexpr std::uint32_t kBytes = 64;  // more than a call has in its line
// Of a laggard: at the writers' pace, more comes meanwhile than any ring here has places.
constexpr auto kLag = 10ms;
constexpr std::sig_atomic_t kLate = 200;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// --- signals: the end at work ends its wait ------------------------------------------------------

volatile std::sig_atomic_t is_over = 0;
volatile std::sig_atomic_t late = 0;  // messages that are still to be taken slowly
void* volatile end_at_work = nullptr;
void (*volatile interrupt_end)(void*) = nullptr;

extern "C" void on_signal(int signal) {
  if (signal == SIGTERM) is_over = 1;
  if (signal == SIGUSR2) {
    late = kLate;
    return;
  }
  if (end_at_work != nullptr) interrupt_end(end_at_work);
}

template <class End>
class AtWork {
 public:
  explicit AtWork(End& end) {
    interrupt_end = [](void* at) { static_cast<End*>(at)->interrupt(); };
    end_at_work = &end;
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() { end_at_work = nullptr; }
};

void lag() {
  if (late == 0) return;
  late = late - 1;
  std::this_thread::sleep_for(kLag);
}

// --- messages ------------------------------------------------------------------------------------

struct Message {
  std::uint64_t writer;  // another one in each life
  std::uint64_t sequence;
  std::uint64_t sent_ns;
  std::uint64_t check;
  std::array<std::uint64_t, kBytes / 8 - 4> filling{};

  [[nodiscard]] std::uint64_t sum() const {
    return (writer * 31 + sequence) * 0x9e3779b97f4a7c15ULL ^ sent_ns;
  }
};
static_assert(sizeof(Message) == kBytes);

class Writing {
 public:
  [[nodiscard]] Message& next() {
    message_.sent_ns = now_ns();
    message_.check = message_.sum();
    return message_;
  }
  void was_sent() { ++message_.sequence; }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(&message_, 1));
  }

 private:
  Message message_{.writer = now_ns() ^ static_cast<std::uint64_t>(::getpid()) << 44U,
                   .sequence = 0,
                   .sent_ns = 0,
                   .check = 0};
};

// Order, and what may be missing: nothing, or what other readers had or this one was too slow for.
enum class Missing { nothing, some };

class Reading {
 public:
  explicit Reading(Missing missing) : missing_(missing) {}

  // Empty: it is as it must be.
  [[nodiscard]] std::string judge(std::span<const std::byte> bytes, bool again = false) {
    Message message{};
    if (bytes.size() != sizeof message) return fmt::format("{} bytes came", bytes.size());
    std::memcpy(&message, bytes.data(), sizeof message);
    if (message.check != message.sum()) return "a message is torn";
    tell(message.sent_ns);
    lag();
    if (again) return {};
    const auto known = next_.find(message.writer);
    if (known != next_.end()) {
      const bool is_next = missing_ == Missing::nothing ? message.sequence == known->second
                                                        : message.sequence >= known->second;
      if (!is_next) {
        return fmt::format("message {} came where {} was due", message.sequence, known->second);
      }
    } else if (next_.size() >= kWriters) {
      next_.erase(next_.begin());  // of one that is gone, almost always
    }
    next_[message.writer] = message.sequence + 1;
    return {};
  }
  // A message that came, and when it was sent. Prints a line when a second is over.
  void tell(std::uint64_t sent_ns) {
    late_us_.push_back(static_cast<std::uint32_t>((now_ns() - sent_ns) / 1000));
    if (now_ns() - told_ns_ < 1'000'000'000) return;
    std::sort(late_us_.begin(), late_us_.end());
    const auto at = [&](double share) {
      return late_us_[static_cast<std::size_t>(share * static_cast<double>(late_us_.size() - 1))];
    };
    std::printf(R"({"messages": %zu, "p50_us": %u, "p99_us": %u, "max_us": %u})"
                "\n",
                late_us_.size(), at(0.5), at(0.99), late_us_.back());
    std::fflush(stdout);
    late_us_.clear();
    told_ns_ = now_ns();
  }
  void forget() { next_.clear(); }

 private:
  static constexpr std::size_t kWriters = 64;

  Missing missing_;
  std::map<std::uint64_t, std::uint64_t> next_;
  std::vector<std::uint32_t> late_us_;
  std::uint64_t told_ns_ = now_ns();
};

// --- playing -------------------------------------------------------------------------------------

int complain(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  return 1;
}

// What kills, full disks and ends in order bring about.
bool is_to_be_expected(ErrorCode code) {
  switch (code) {
    case ErrorCode::cancelled:
    case ErrorCode::closed:
    case ErrorCode::peer_dead:
    case ErrorCode::not_found:
    case ErrorCode::busy:
    case ErrorCode::no_space:
      return true;
    default:
      return false;
  }
}

// `turn(end)` returns Result<std::string>: what is wrong with what came.
template <class Open, class Turn, class Anew>
int play(Open&& open, Turn&& turn, Anew&& anew) {
  while (is_over == 0) {
    auto end = open();
    if (!end && !is_to_be_expected(end.error().code)) return complain(end.error().message);
    if (!end) {
      std::this_thread::sleep_for(10ms);
      continue;
    }
    anew();
    const AtWork<std::remove_reference_t<decltype(*end)>> at_work(*end);
    while (is_over == 0) {
      const Result<std::string> done = turn(*end);
      if (done && !done->empty()) return complain(*done);
      if (done || done.error().code == ErrorCode::cancelled) continue;
      if (!is_to_be_expected(done.error().code)) return complain(done.error().message);
      if (done.error().code == ErrorCode::closed) break;
      std::this_thread::sleep_for(2ms);
    }
  }
  return 0;
}

template <class Open, class Send>
int write_all(Open&& open, Send&& send) {
  Writing writing;
  return play(
      open,
      [&](auto& end) -> Result<std::string> {
        (void)writing.next();
        const Result<bool> sent = send(end, writing.bytes());
        if (!sent) return tl::unexpected(sent.error());
        if (*sent) writing.was_sent();
        std::this_thread::sleep_for(kPace);
        return {};
      },
      [] {});
}

// `next(end, reading)` returns Result<std::string>.
template <class Open, class Next>
int read_all(Missing missing, Open&& open, Next&& next) {
  Reading reading(missing);
  return play(
      open, [&](auto& end) { return next(end, reading); }, [&] { reading.forget(); });
}

template <class End>
Result<std::string> receive(End& end, Reading& reading) {
  std::array<std::byte, kBytes> into{};
  const Result<std::optional<std::size_t>> got = end.receive(into, kTurn);
  if (!got) return tl::unexpected(got.error());
  return *got ? reading.judge(std::span(into).first(**got)) : std::string();
}

const auto kSend = [](auto& end, std::span<const std::byte> bytes) {
  return end.send(bytes, kTurn);
};
const auto kPublish = [](auto& end, std::span<const std::byte> bytes) {
  return end.publish(bytes, kTurn);
};

int channel(bool reads, const std::string& name) {
  if (!reads) return write_all([&] { return Sender::create(name); }, kSend);
  return read_all(
      Missing::nothing, [&] { return Receiver::open(name, 1s); }, receive<Receiver>);
}

int queue(bool reads, const std::string& name) {
  const QueueOptions options{.messages = 256, .message_bytes = kBytes, .participants = 16};
  if (!reads) return write_all([&] { return QueueSender::create(name, options); }, kSend);
  return read_all(
      Missing::some, [&] { return QueueReceiver::create(name, options); },
      [](QueueReceiver& end, Reading& reading) -> Result<std::string> {
        const auto message = end.peek_for(kTurn);
        if (!message) return tl::unexpected(message.error());
        if (!*message) return {};
        std::string wrong = reading.judge(**message, end.redelivered());
        (void)end.release();
        return wrong;
      });
}

int topic(bool reads, const std::string& name, TopicOptions::Policy policy) {
  const TopicOptions options{
      .policy = policy, .messages = 1024, .message_bytes = kBytes, .subscribers = 8};
  if (!reads) return write_all([&] { return Publisher::create(name, options); }, kPublish);
  const bool is_lossy = policy == TopicOptions::Policy::lossy;
  return read_all(
      is_lossy ? Missing::some : Missing::nothing,
      [&] { return Subscriber::open(name, Subscriber::Start::usual, 1s); }, receive<Subscriber>);
}

int collector(bool reads, const std::string& name) {
  const CollectorOptions options{.contributors = 8, .capacity_bytes = 16384};
  if (!reads) return write_all([&] { return Contributor::open(name, 1s); }, kSend);
  return read_all(
      Missing::nothing, [&] { return Collector::create(name, options); }, receive<Collector>);
}

int state(bool reads, const std::string& name) {
  if (!reads) {
    return write_all([&] { return StateWriter::create(name, {.value_bytes = kBytes}); },
                     [](StateWriter& end, std::span<const std::byte> bytes) -> Result<bool> {
                       const Result<void> done = end.set(bytes);
                       if (!done) return tl::unexpected(done.error());
                       return true;
                     });
  }
  return read_all(
      Missing::some, [&] { return StateReader::open(name, 1s); },
      [](StateReader& end, Reading& reading) -> Result<std::string> {
        const Result<bool> changed = end.wait_changed(kTurn);
        if (!changed) return tl::unexpected(changed.error());
        if (!*changed) return {};
        std::array<std::byte, kBytes> into{};
        const auto got = end.get(into);
        if (!got) return tl::unexpected(got.error());
        return *got ? reading.judge(std::span(into).first(**got)) : std::string();
      });
}

int serve(const std::string& name) {
  const ServiceOptions options{.clients = 8, .message_bytes = kBytes};
  return play([&] { return Server::create(name, options); },
              [](Server& end) -> Result<std::string> {
                const auto served = end.serve(
                    [](std::span<const std::byte> request, auto&& claim) {
                      lag();
                      const std::optional<std::span<std::byte>> room = claim(request.size());
                      if (room) std::memcpy(room->data(), request.data(), request.size());
                    },
                    1, kTurn);
                if (!served) return tl::unexpected(served.error());
                return {};
              },
              [] {});
}

int call(const std::string& name) {
  Writing writing;
  Reading answers(Missing::some);
  return play([&] { return Client::open(name, 1s); },
              [&](Client& end) -> Result<std::string> {
                std::array<std::byte, kBytes> into{};
                (void)writing.next();
                const auto size = end.call(writing.bytes(), into, kTurn);
                if (!size) return tl::unexpected(size.error());
                if (!*size) return {};
                if (!std::ranges::equal(into, writing.bytes())) return "another call's answer";
                writing.was_sent();
                std::string wrong = answers.judge(std::span(into).first(**size));
                std::this_thread::sleep_for(kPace);
                return wrong;
              },
              [] {});
}

int run(std::string_view kind, bool reads, const std::string& name) {
  if (kind == "channel") return channel(reads, name);
  if (kind == "queue") return queue(reads, name);
  if (kind == "lossy") return topic(reads, name, TopicOptions::Policy::lossy);
  if (kind == "lossless") return topic(reads, name, TopicOptions::Policy::lossless);
  if (kind == "collector") return collector(reads, name);
  if (kind == "state") return state(reads, name);
  if (kind == "service") return reads ? serve(name) : call(name);
  return complain(fmt::format("no kind of ring '{}'", kind));
}

}  // namespace
}  // namespace ringbell

int main(int count, char** arguments) {
  if (count != 4) return ringbell::complain("usage: ringbell-soak-player KIND reads|writes NAME");
  struct sigaction action {};
  action.sa_handler = ringbell::on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGUSR1, &action, nullptr);
  ::sigaction(SIGUSR2, &action, nullptr);
  return ringbell::run(arguments[1], std::string_view(arguments[2]) == "reads", arguments[3]);
}
