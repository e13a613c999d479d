// The programs at the ends of a bridge that is measured; plain.c does the same without rings.
//
//   rings send NAME COUNT SIZE
//   rings receive NAME COUNT          "SECONDS MISSING", from the first record to the last
//   rings times NAME COUNT            when each came, in ns
//   rings echo FROM TO
//   rings ping TO FROM COUNT SIZE     "NS" of each way there and back
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringbell/ringbell.hpp>

namespace {

using namespace ringbell;
using Clock = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "rings: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Sender sender_of(const char* name) {
  return must(Sender::create(name, {.capacity_bytes = 4UL << 20}));
}
Receiver receiver_of(const char* name) { return must(Receiver::open(name, kForever)); }

int send(const char* name, std::uint64_t count, std::size_t size) {
  Sender sender = sender_of(name);
  std::vector<std::byte> record(size);
  for (std::uint64_t number = 0; number < count; ++number) {
    std::memcpy(record.data(), &number, sizeof number);
    (void)must(sender.send(record, kForever));
  }
  (void)must(sender.claim_for(sender.max_record_bytes(), kForever));  // all is taken out
  return 0;
}

int receive(const char* name, std::uint64_t count) {
  Receiver receiver = receiver_of(name);
  std::puts("ready");
  std::fflush(stdout);
  std::uint64_t next = 0;
  std::uint64_t missing = 0;
  Clock::time_point first;
  Clock::time_point last;
  while (next < count) {
    const Timeout patience = next == 0 ? kForever : std::chrono::seconds(10);
    const auto record = must(receiver.peek_for(patience));
    if (!record) break;  // what is missing at the end does not come
    std::uint64_t number = 0;
    std::memcpy(&number, record->data(), sizeof number);
    receiver.release();
    missing += number - next;
    last = Clock::now();
    if (next == 0) first = last;
    next = number + 1;
  }
  std::printf("%f %llu\n", std::chrono::duration<double>(last - first).count(),
              static_cast<unsigned long long>(missing + count - next));
  return 0;
}

int times(const char* name, std::uint64_t count) {
  Receiver receiver = receiver_of(name);
  std::vector<std::int64_t> at;
  at.reserve(count);
  while (at.size() < count) {
    if (!must(receiver.peek_for(std::chrono::seconds(60)))) return 1;
    at.push_back(Clock::now().time_since_epoch().count());
    receiver.release();
  }
  for (const std::int64_t ns : at) std::printf("%lld\n", static_cast<long long>(ns));
  return 0;
}

int echo(const char* from, const char* to) {
  Sender sender = sender_of(to);
  Receiver receiver = receiver_of(from);
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const auto record = receiver.peek_for(std::chrono::seconds(60));
    if (!record || !*record) return 0;
    (void)must(sender.send(**record, kForever));
    receiver.release();
  }
}

int ping(const char* to, const char* from, std::uint64_t count, std::size_t size) {
  Sender sender = sender_of(to);
  Receiver receiver = receiver_of(from);
  const std::vector<std::byte> record(size);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    (void)must(sender.send(record, kForever));
    if (!must(receiver.peek_for(std::chrono::seconds(60)))) return 1;
    receiver.release();
    std::printf("%lld\n", static_cast<long long>((Clock::now() - begin).count()));
  }
  return 0;
}

std::uint64_t number_of(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  const std::string_view verb = argc > 1 ? words[1] : "";
  if (verb == "send" && argc == 5) return send(words[2], number_of(words[3]), number_of(words[4]));
  if (verb == "receive" && argc == 4) return receive(words[2], number_of(words[3]));
  if (verb == "times" && argc == 4) return times(words[2], number_of(words[3]));
  if (verb == "echo" && argc == 4) return echo(words[2], words[3]);
  if (verb == "ping" && argc == 6) {
    return ping(words[2], words[3], number_of(words[4]), number_of(words[5]));
  }
  return 2;
}
