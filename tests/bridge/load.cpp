// The programs at both ends of a bridge that the tests kill: what one sends the other must get,
// each record once, in order, whole. They outlive every bridge: a peer that died is waited for.
//
//   load send KIND NAME COUNT SECONDS   makes the ring; spread over these seconds. Of a channel it
//                                       ends when all is taken out, else it stays until killed
//   load serve NAME                     a service that turns each request around; "await PATH" it
//                                       answers when there is such a file
//   load call NAME REQUEST SECONDS      the response, or the Error's number, or "time is up"
//   load receive NAME COUNT             "records N, lost N, doubled N, late N, spoilt N", once the
//                                       last one came; 0 if all are right
//
// A sender begins when the file RINGBELL_LOAD_AFTER is there, and sends its last record when
// RINGBELL_LOAD_LAST is; RINGBELL_LOAD_SLOTS is how many messages its topic keeps.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include "bridge/nats/config.hpp"
#include "bridge/rings/ring_reader.hpp"
#include "bridge/rings/ring_writer.hpp"

#include <tests/support/message.hpp>

namespace {

using namespace std::chrono_literals;
using namespace ringbell;

constexpr std::uint32_t kLargest = 200;

// Each has room for its number.
std::uint32_t size_of(std::uint64_t number) {
  return 8 + test::size_of_message(number, kLargest - 8);
}

bool waits(const Error& error) {
  return error.code == ErrorCode::peer_dead || error.code == ErrorCode::closed;
}

void await_file(const char* path) {
  while (path != nullptr && ::access(path, F_OK) != 0) std::this_thread::sleep_for(5ms);
}

int complain(const Error& error) {
  std::fprintf(stderr, "load: %s\n", error.message.c_str());
  return 1;
}

int send(const std::string& kind, const std::string& name, std::uint64_t count, double seconds) {
  const std::optional<core::RingKind> named = bridge::kind_named(kind);
  if (!named) return 2;
  // A topic keeps what comes while it has no subscriber.
  const char* const slots = std::getenv("RINGBELL_LOAD_SLOTS");
  const core::RingShape shape = bridge::shape_of(
      {.kind = *named,
       .messages = slots != nullptr ? std::strtoull(slots, nullptr, 10) : std::uint64_t{1} << 15,
       .message_bytes = kLargest});
  Result<bridge::RingWriter> writer = bridge::RingWriter::create(name, shape);
  if (!writer) return complain(writer.error());
  await_file(std::getenv("RINGBELL_LOAD_AFTER"));
  const auto start = std::chrono::steady_clock::now();
  std::array<std::byte, kLargest> bytes{};
  for (std::uint64_t number = 0; number < count;) {
    const double share = static_cast<double>(number) / static_cast<double>(count);
    std::this_thread::sleep_until(start + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                              std::chrono::duration<double>(seconds * share)));
    for (std::uint64_t i = 0; i < 64 && number < count;) {
      const std::span<std::byte> record = std::span(bytes).first(size_of(number));
      test::write_message(record, number);
      if (number + 1 == count) await_file(std::getenv("RINGBELL_LOAD_LAST"));
      const Result<bool> sent = writer->send(record, 100ms);
      if (!sent && !waits(sent.error())) return complain(sent.error());
      if (!sent) std::this_thread::sleep_for(5ms);
      if (sent && *sent) {
        ++number;
        ++i;
      }
    }
  }
  // Until the last is taken out: the channel goes with its last end.
  for (;;) {
    const Result<bool> drained = writer->drained(100ms);
    if (!drained && !waits(drained.error())) return complain(drained.error());
    if (drained && *drained && *named == core::RingKind::spsc) return 0;
    if (!drained || *drained) std::this_thread::sleep_for(5ms);
  }
}

// By its own words: a record of the tests begins with its number.
std::uint64_t number_in(std::span<const std::byte> record) {
  std::uint64_t number = 0;
  std::memcpy(&number, record.data(), sizeof number);
  return number;
}

int receive(const std::string& name, std::uint64_t count) {
  Result<bridge::RingReader> reader = bridge::RingReader::open(name, kForever);
  if (!reader) return complain(reader.error());
  std::vector<bool> came(count);
  std::uint64_t records = 0;
  std::uint64_t next = 0;     // behind the last one that came in order
  std::uint64_t doubled = 0;  // came again
  std::uint64_t late = 0;     // came behind a later one
  std::uint64_t spoilt = 0;
  // What comes twice may come after the last one.
  auto last = std::chrono::steady_clock::now();
  while (next < count || std::chrono::steady_clock::now() - last < 1s) {
    const auto message = reader->next(100ms);
    if (!message && !waits(message.error())) return complain(message.error());
    if (!message) std::this_thread::sleep_for(5ms);
    if (!message || !*message) continue;
    last = std::chrono::steady_clock::now();
    ++records;
    const std::span<const std::byte> record = (*message)->bytes;
    const std::uint64_t number =
        record.size() >= sizeof(std::uint64_t) ? number_in(record) : UINT64_MAX;
    if (number >= count || record.size() != size_of(number) || !test::is_message(record, number)) {
      ++spoilt;
    } else if (came[number]) {
      ++doubled;
    } else {
      came[number] = true;
      if (number < next) ++late;
      next = std::max(next, number + 1);
    }
    reader->release();
  }
  const auto lost = static_cast<std::uint64_t>(std::count(came.begin(), came.end(), false));
  std::printf("records %llu, lost %llu, doubled %llu, late %llu, spoilt %llu\n",
              static_cast<unsigned long long>(records), static_cast<unsigned long long>(lost),
              static_cast<unsigned long long>(doubled), static_cast<unsigned long long>(late),
              static_cast<unsigned long long>(spoilt));
  return lost + doubled + late + spoilt == 0 && records == count ? 0 : 1;
}

int serve(const std::string& name) {
  Result<Server> server = Server::create(name, {.clients = 4, .message_bytes = 512});
  if (!server) return complain(server.error());
  for (;;) {
    const auto served = server->serve(
        [](std::span<const std::byte> request, auto&& claim) {
          constexpr std::string_view kAwait = "await ";
          std::string text(reinterpret_cast<const char*>(request.data()), request.size());
          if (text.starts_with(kAwait)) await_file(text.c_str() + kAwait.size());
          std::reverse(text.begin(), text.end());
          if (const auto room = claim(text.size())) {
            std::memcpy(room->data(), text.data(), text.size());
          }
        },
        UINT64_MAX, 100ms);
    if (!served) return complain(served.error());
  }
}

int call(const std::string& name, std::string_view request, double seconds) {
  Result<Client> client = Client::open(name, kForever);
  if (!client) return complain(client.error());
  std::array<std::byte, 4096> response{};
  const auto answer = client->call(
      std::as_bytes(std::span(request)), response,
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds)));
  if (!answer) {
    std::printf("error %d: %s\n", static_cast<int>(answer.error().code),
                answer.error().message.c_str());
    return 1;
  }
  if (!*answer) {
    std::puts("time is up");
    return 3;
  }
  std::printf("%.*s\n", static_cast<int>(**answer), reinterpret_cast<const char*>(response.data()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (argc == 6 && std::string_view(arguments[1]) == "send") {
    return send(arguments[2], arguments[3], std::strtoull(arguments[4], nullptr, 10),
                std::strtod(arguments[5], nullptr));
  }
  if (argc == 4 && std::string_view(arguments[1]) == "receive") {
    return receive(arguments[2], std::strtoull(arguments[3], nullptr, 10));
  }
  if (argc == 3 && std::string_view(arguments[1]) == "serve") return serve(arguments[2]);
  if (argc == 5 && std::string_view(arguments[1]) == "call") {
    return call(arguments[2], arguments[3], std::strtod(arguments[4], nullptr));
  }
  return 2;
}
