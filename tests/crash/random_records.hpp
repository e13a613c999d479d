// What the tests of random kills have in common: messages that tell their number, and what is known
// of a writer and of what was read of it when one of them has died.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include <fmt/format.h>

#include <ringbell/transport/base/error.hpp>

#include <tests/support/message.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell::crash {

// So many troupes share the kills.
inline std::size_t kills_of_each() { return (test::kills_wanted() + 25) / 26; }

inline std::string said(const Error& error) {
  return fmt::format("{}: {}", name_of(error.code), error.message);
}

// Its peer is closed or dead, and there will be another one.
inline bool is_gone(const Error& error) {
  return error.code == ErrorCode::peer_dead || error.code == ErrorCode::closed;
}

inline std::uint64_t number_in(std::span<const std::byte> message) {
  std::uint64_t number = 0;
  std::memcpy(&number, message.data(), sizeof number);
  return number;
}

// At least the number itself.
inline std::uint32_t size_of(std::uint64_t number) {
  return 8 + test::size_of_message(number, 300);
}

inline bool is_right(std::span<const std::byte> message) {
  if (message.size() < sizeof(std::uint64_t)) return false;
  const std::uint64_t number = number_in(message);
  return message.size() == size_of(number) && test::is_message(message, number);
}

// What successors must know of a writer and of what was read of it.
struct Record {
  test::Progress written;
  std::uint64_t tail;  // when the last one was begun
  test::Progress read;
};

// Where the writer that died had come to: whether the one that it had begun is there, the ring
// tells.
inline std::uint64_t next_of(std::uint64_t tail, const Record& record) {
  return tail == record.tail ? record.written.least() : record.written.most();
}

// A message that arrived: right, and the next one; or, if it is the first one that this reader
// sees, one that the reader before may have read, not too far back.
class Checker {
 public:
  Checker(Record& record, std::uint64_t most_repeated)
      : record_(record), most_repeated_(most_repeated) {}

  [[nodiscard]] std::string check(std::span<const std::byte> message) {
    if (!is_right(message)) return "torn";
    const std::uint64_t number = number_in(message);
    if (first_ ? number > record_.read.most() : number != due_) {
      return fmt::format("{} came, {} was due", number, first_ ? record_.read.most() : due_);
    }
    const std::uint64_t read = record_.read.least();
    if (first_ && read > number && read - number > most_repeated_) {
      return fmt::format("{} came again, {} had been read", number, read);
    }
    first_ = false;
    due_ = number + 1;
    return {};
  }
  template <class Release>
  void give_back(Release&& release) {
    record_.read = {.begun = due_, .done = due_ - 1};
    release();
    record_.read.finish();
  }

 private:
  Record& record_;
  std::uint64_t most_repeated_;
  bool first_ = true;
  std::uint64_t due_ = 0;
};

}  // namespace ringbell::crash
