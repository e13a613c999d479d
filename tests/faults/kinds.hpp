// What the kinds of `./dev faults` have in common: what a run came to, and the messages.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <ringbell/ringbell.hpp>

namespace ringbell::faults {

enum Outcome : int { whole = 0, refused = 1, wrong = 2 };
inline constexpr std::uint64_t kMessages = 150;
// How long an end waits for one that may never have come.
inline constexpr std::chrono::seconds kLong{3};
// By then either process has ended; each has if the other is gone. A wait for an end that was there
// is longer, so that one that is not told of it is found.
inline constexpr std::chrono::seconds kEnds{10};
inline constexpr std::chrono::seconds kTold{15};

inline Outcome told(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return error.message.empty() ? wrong : refused;
}

inline std::array<std::byte, 96> message(std::uint64_t number) {
  std::array<std::byte, 96> bytes{};
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] = std::byte(static_cast<std::uint8_t>(number * 7 + at));
  }
  return bytes;
}

// Sends all, or says why not. `send(bytes)` is a Result<bool>.
template <class Send>
Outcome send_all(Send&& send) {
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const auto bytes = message(number);
    const Result<bool> sent = send(std::span(bytes));
    if (!sent) return told(sent.error());
    if (!*sent) return refused;
  }
  return whole;
}

// `receive(into)` is a Result<optional<size>>.
template <class Receive>
Outcome receive_all(Receive&& receive) {
  std::array<std::byte, 256> into{};
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const Result<std::optional<std::size_t>> size = receive(std::span(into));
    if (!size) return told(size.error());
    if (!*size) return refused;
    const auto expected = message(number);
    if (**size != expected.size() || !std::equal(expected.begin(), expected.end(), into.begin())) {
      return wrong;
    }
  }
  return whole;
}

// An end on a region that fork() has shared.
template <class End>
Result<End> open_on(const Region& region) {
  Result<FileDescriptor> fd = duplicate(region.fd());
  if (!fd) return tl::unexpected(std::move(fd.error()));
  Result<Region> mine = Region::attach(std::move(*fd));
  if (!mine) return tl::unexpected(std::move(mine.error()));
  return End::open(std::move(*mine));
}

// `ours` and `theirs` run side by side, the second in a child; each has an end of a socketpair.
Outcome between_two(const std::function<Outcome(FileDescriptor)>& ours,
                    const std::function<Outcome(FileDescriptor)>& theirs);

// Those that need no other process (alone.cpp).
std::map<std::string, std::function<Outcome()>> kinds_of_one_process();
// Rings of many, by name and by descriptor, and what waits on several (groups.cpp).
std::map<std::string, std::function<Outcome()>> kinds_of_groups();
// States, rings that are set aside, files with seals (newer.cpp).
std::map<std::string, std::function<Outcome()>> newer_kinds();

}  // namespace ringbell::faults
