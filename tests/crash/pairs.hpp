// The two sides of everything that has a name behind one set of functions, so that a scenario is
// written once for all: a writer writes numbers, a reader reads them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/steps.hpp>

namespace ringbell::crash {

// A survivor asks after its peer once a millisecond; how soon it asks is its user's choice and does
// not count.
inline constexpr WaitOptions kWait{.spin_budget = std::chrono::nanoseconds(0),
                                   .longest_sleep = std::chrono::milliseconds(1)};
inline constexpr Timeout kLong = std::chrono::seconds(60);
inline constexpr std::uint32_t kBytes = 40;
inline constexpr const char* kRing = "crash";
inline constexpr std::uint64_t kTorn = UINT64_MAX;

inline const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

// Which message it is, every byte of it; kTorn: none.
inline std::uint64_t number_of(std::span<const std::byte> bytes) {
  std::uint64_t number = kTorn;
  if (bytes.size() == kBytes) std::memcpy(&number, bytes.data(), sizeof number);
  return messages().is(bytes, number) ? number : kTorn;
}

inline std::string said(const Error& error) {
  return fmt::format("{}: {}", name_of(error.code), error.message);
}

// What is read: a number; nothing: not now.
using Read = Result<std::optional<std::uint64_t>>;

// What stands under the name: as usual, or with other options.
enum class Shape : std::uint8_t { usual, other };

// Those of which either side makes what stands under the name, or joins.
template <class WriterType, class ReaderType, class Options>
struct NamedPair {
  using Writer = WriterType;
  using Reader = ReaderType;
  static constexpr bool kReaderMakes = true;
  // What is unread when the last one closes in order, is there for the next.
  static constexpr bool kKeptAtClose = true;
  // A message of a dead writer is there for a reader that comes later.
  static constexpr bool kKeptAtDeath = true;
  // Messages that a writer can have on their way.
  static constexpr std::uint64_t kUnread = 3;

  static Result<Writer> make_writer(Shape shape = Shape::usual, const WaitOptions& wait = kWait) {
    return Writer::create(kRing, Options()(shape), wait);
  }
  static Result<Writer> open_writer() { return Writer::open(kRing, Timeout::zero(), kWait); }
  static Result<Reader> make_reader() {
    return Reader::create(kRing, Options()(Shape::usual), kWait);
  }
  static Result<Reader> open_reader(Timeout timeout = {}, const WaitOptions& wait = kWait) {
    return Reader::open(kRing, timeout, wait);
  }
  // Where all others are dead.
  static Result<Reader> inherit_reader() { return open_reader(); }

  static Result<bool> write(Writer& writer, std::uint64_t number, Timeout timeout) {
    return writer.send(messages().get(number), timeout);
  }
  // What remains for the writer to do when its message was read.
  static Result<void> settle(Writer& /*writer*/) { return {}; }
};

struct ChannelShape {
  ChannelOptions operator()(Shape shape) const {
    return {.capacity_bytes = shape == Shape::usual ? 4096U : 8192U};
  }
};
struct ChannelPair : NamedPair<Sender, Receiver, ChannelShape> {
  static constexpr const char* kName = "Channel";

  static Read read(Reader& reader, Timeout timeout) {
    const auto bytes = reader.peek_for(timeout);
    if (!bytes) return tl::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    const std::uint64_t number = number_of(**bytes);
    reader.release();
    return number;
  }
};

struct QueueShape {
  QueueOptions operator()(Shape shape) const {
    return {
        .messages = shape == Shape::usual ? 64U : 128U, .message_bytes = kBytes, .participants = 3};
  }
};
struct QueuePair : NamedPair<QueueSender, QueueReceiver, QueueShape> {
  static constexpr const char* kName = "Queue";

  static Read read(Reader& reader, Timeout timeout) {
    const auto bytes = reader.peek_for(timeout);
    if (!bytes) return tl::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    const std::uint64_t number = number_of(**bytes);
    if (reader.release()) return number;
    return fail(ErrorCode::system, "a living receiver was declared dead");
  }
};

struct CollectorShape {
  CollectorOptions operator()(Shape shape) const {
    return {.contributors = 2, .capacity_bytes = shape == Shape::usual ? 4096U : 8192U};
  }
};
struct CollectorPair : NamedPair<Contributor, Collector, CollectorShape> {
  static constexpr const char* kName = "Collector";

  static Read read(Reader& reader, Timeout timeout) {
    const auto bytes = reader.peek_for(timeout);
    if (reader.corrupt_lanes() > 0) return fail(ErrorCode::corrupt, "a lane is corrupt");
    if (!bytes) return tl::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    const std::uint64_t number = number_of(**bytes);
    reader.release();
    return number;
  }
};

struct ServiceShape {
  ServiceOptions operator()(Shape shape) const {
    return {.clients = shape == Shape::usual ? 2U : 3U, .message_bytes = kBytes};
  }
};
// To read is to answer; the answer to a client that is gone is dropped.
struct ServicePair : NamedPair<Client, Server, ServiceShape> {
  static constexpr const char* kName = "Service";
  static constexpr bool kKeptAtClose = false;
  static constexpr bool kKeptAtDeath = false;
  static constexpr std::uint64_t kUnread = 1;

  static Result<Server> inherit_reader() { return make_reader(); }
  static Result<bool> write(Writer& writer, std::uint64_t number, Timeout timeout) {
    const auto room = writer.claim_for(kBytes, timeout);
    if (!room) return tl::unexpected(room.error());
    if (!*room) return false;
    messages().put(**room, number);
    writer.call();
    return true;
  }
  static Read read(Reader& reader, Timeout timeout) {
    const auto request = reader.request_for(timeout);
    if (reader.corrupt_lines() > 0) return fail(ErrorCode::corrupt, "a line is corrupt");
    if (!request) return tl::unexpected(request.error());
    if (!*request) return std::nullopt;
    const std::uint64_t number = number_of(**request);
    messages().put(reader.claim(kBytes).value(), kAnswer);
    reader.respond();
    return number;
  }
  static Result<void> settle(Writer& writer) {
    const auto answer = writer.answer_for(kLong);
    if (!answer) return tl::unexpected(answer.error());
    if (*answer && number_of(**answer) == kAnswer) return {};
    return fail(ErrorCode::system, "half an answer, or none");
  }

 private:
  static constexpr std::uint64_t kAnswer = 499;
};

template <TopicOptions::Policy kPolicy>
struct TopicPair {
  using Writer = Publisher;
  using Reader = Subscriber;
  static constexpr const char* kName =
      kPolicy == TopicOptions::Policy::lossy ? "Lossy topic" : "Lossless topic";
  static constexpr bool kReaderMakes = false;
  static constexpr bool kKeptAtClose = false;
  static constexpr bool kKeptAtDeath = true;
  static constexpr std::uint64_t kUnread = 3;

  static Result<Writer> make_writer(Shape shape = Shape::usual, const WaitOptions& wait = kWait) {
    const TopicOptions options{.policy = kPolicy,
                               .messages = shape == Shape::usual ? 64U : 128U,
                               .message_bytes = kBytes,
                               .subscribers = 2};
    return Publisher::create(kRing, options, wait);
  }
  static Result<Reader> open_reader(Timeout timeout = {}, const WaitOptions& wait = kWait) {
    return Subscriber::open(kRing, Subscriber::Start::oldest, timeout, wait);
  }
  static Result<bool> write(Writer& writer, std::uint64_t number, Timeout timeout) {
    return writer.publish(messages().get(number), timeout);
  }
  static Read read(Reader& reader, Timeout timeout) {
    std::array<std::byte, kBytes> bytes{};
    const Result<std::optional<std::size_t>> size = reader.receive(bytes, timeout);
    if (!size) return tl::unexpected(size.error());
    if (!*size) return std::nullopt;
    return number_of(std::span(bytes).first(**size));
  }
  static Result<void> settle(Writer& /*writer*/) { return {}; }
};
using LosslessPair = TopicPair<TopicOptions::Policy::lossless>;
using LossyPair = TopicPair<TopicOptions::Policy::lossy>;

// For typed tests.
struct PairNames {
  template <class Pair>
  // NOLINTNEXTLINE(readability-identifier-naming): GoogleTest's name
  static std::string GetName(int /*index*/) {
    std::string name = Pair::kName;
    std::erase_if(name, [](char letter) { return letter == ' ' || letter == ','; });
    return name;
  }
};

}  // namespace ringbell::crash
