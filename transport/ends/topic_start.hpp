// Where a subscriber of a topic (topic.hpp) begins.
#pragma once

#include <cstdint>

#include <ringbell/core/broadcast_memory.hpp>

namespace ringbell {

class TopicStart {
 public:
  static const TopicStart usual;   // in a lossless topic the oldest, in a lossy one the newest
  static const TopicStart oldest;  // the oldest message that is safe
  static const TopicStart newest;  // what is published next; of several publishers, what is claimed
  // Where a subscriber of the same ring was: at its position(). What is gone by now counts as
  // missed(). A position that the ring has not reached is of another one: the oldest.
  [[nodiscard]] static constexpr TopicStart at(std::uint64_t position) noexcept {
    TopicStart start(Kind::position);
    start.position_ = position;
    return start;
  }
  constexpr TopicStart(core::BroadcastStart start) noexcept  // NOLINT: the same, of core
      : TopicStart(start == core::BroadcastStart::oldest ? Kind::oldest : Kind::newest) {}

 private:
  friend class Subscriber;
  enum class Kind : std::uint8_t { usual, oldest, newest, position };

  constexpr explicit TopicStart(Kind kind) noexcept : kind_(kind) {}
  [[nodiscard]] constexpr core::BroadcastStart end_of(bool lossy) const noexcept {
    const bool newest_first = kind_ == Kind::newest || (kind_ == Kind::usual && lossy);
    return newest_first ? core::BroadcastStart::newest : core::BroadcastStart::oldest;
  }

  Kind kind_;
  std::uint64_t position_ = 0;
};
inline constexpr TopicStart TopicStart::usual{TopicStart::Kind::usual};
inline constexpr TopicStart TopicStart::oldest{TopicStart::Kind::oldest};
inline constexpr TopicStart TopicStart::newest{TopicStart::Kind::newest};

}  // namespace ringbell
