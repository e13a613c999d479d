// What the typed ends have in common: how a message of a type stands in bytes, and two handles.
//
//   Loan   room in the ring: filled, then sent; given up when it goes, unless it was sent.
//   Taken  a message where it stands: given back when it goes.
//
// An end has one handle of each kind at a time, and stays where it is meanwhile.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <ringbell/core/object_at.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/typed/type_of.hpp>

namespace ringbell::typed {

// M is T: a message is one of them; or T[]: it is any number of them.
template <SendableMessage M>
using Element = typed_detail::ElementOf<M>;
template <SendableMessage M>
inline constexpr bool kIsOne = typed_detail::kIsOne<M>;

// As a handle shows it, and as send() takes it.
template <SendableMessage M>
using View = std::conditional_t<kIsOne<M>, const Element<M>*, std::span<const Element<M>>>;
template <SendableMessage M>
using Room = std::conditional_t<kIsOne<M>, Element<M>*, std::span<Element<M>>>;
template <SendableMessage M>
using Argument = std::conditional_t<kIsOne<M>, const Element<M>&, std::span<const Element<M>>>;

template <SendableMessage M>
[[nodiscard]] inline std::span<const std::byte> bytes_of(Argument<M> message) noexcept {
  if constexpr (kIsOne<M>) {
    return std::as_bytes(std::span(&message, 1));
  } else {
    return std::as_bytes(message);
  }
}
template <SendableMessage M>
[[nodiscard]] constexpr bool is_one_of(std::size_t size_bytes) noexcept {
  return kIsOne<M> ? size_bytes == sizeof(Element<M>) : size_bytes % sizeof(Element<M>) == 0;
}
// REQUIRES: is_one_of<M>(bytes.size()); aligned, which the region's type record asks for.
template <SendableMessage M>
[[nodiscard]] inline View<M> view_of(std::span<const std::byte> bytes) noexcept {
  const auto* const first = core::object_at<Element<M>>(bytes.data());
  if constexpr (kIsOne<M>) {
    return first;
  } else {
    return {first, bytes.size() / sizeof(Element<M>)};
  }
}
template <SendableMessage M>
[[nodiscard]] inline Room<M> room_of(std::span<std::byte> bytes) noexcept {
  auto* const first = core::object_at<Element<M>>(bytes.data());
  if constexpr (kIsOne<M>) {
    return first;
  } else {
    return {first, bytes.size() / sizeof(Element<M>)};
  }
}

// What a call came to: a place, or nothing: the time is up; or an Error. Empty handles are false.
template <class End, class Place>
class Handle {
 public:
  Handle(Handle&& other) noexcept
      : end_(std::exchange(other.end_, nullptr)),
        place_(other.place_),
        error_(std::move(other.error_)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;

  Handle() noexcept = default;
  explicit Handle(Error error) : error_(std::make_unique<Error>(std::move(error))) {}
  Handle(End& end, Place place) noexcept : end_(&end), place_(place) {}

  [[nodiscard]] explicit operator bool() const noexcept { return end_ != nullptr; }
  // Why there is nothing; nullptr: the time is up.
  [[nodiscard]] const Error* error() const noexcept { return error_.get(); }

  // The message: a T, or a span of them. REQUIRES: not empty.
  [[nodiscard]] decltype(auto) operator*() const noexcept {
    assert(end_ != nullptr);
    if constexpr (std::is_pointer_v<Place>) {
      return *place_;
    } else {
      return Place(place_);
    }
  }
  [[nodiscard]] auto operator->() const noexcept {
    assert(end_ != nullptr);
    if constexpr (std::is_pointer_v<Place>) {
      return place_;
    } else {
      return &place_;
    }
  }

 protected:
  ~Handle() = default;

  [[nodiscard]] End* let_go() noexcept { return std::exchange(end_, nullptr); }
  [[nodiscard]] End* end() const noexcept { return end_; }
  [[nodiscard]] const Place& place() const noexcept { return place_; }

 private:
  End* end_ = nullptr;
  Place place_{};
  std::unique_ptr<Error> error_;
};

// Room for a message, uninitialised: store each member. End has send_loan(bytes), drop_loan().
template <class End, SendableMessage M>
class Loan : public Handle<End, Room<M>> {
 public:
  using Handle<End, Room<M>>::Handle;
  Loan(Loan&&) noexcept = default;
  ~Loan() {
    if (End* const end = this->let_go()) end->drop_loan();
  }

  // The others see the message. Of a T[] the first `count`, if not all; what is more than was
  // loaned is clamped. What the end's send() returns; false if nothing is loaned.
  auto send() noexcept { return send_bytes(size_bytes()); }
  auto send(std::size_t count) noexcept requires(!kIsOne<M>) {
    return send_bytes(std::min(count, this->place().size()) * sizeof(Element<M>));
  }

 private:
  [[nodiscard]] std::size_t size_bytes() const noexcept {
    if constexpr (kIsOne<M>) {
      return sizeof(Element<M>);
    } else {
      return this->place().size_bytes();
    }
  }
  auto send_bytes(std::size_t size_bytes) noexcept
      -> decltype(std::declval<End&>().send_loan(size_bytes)) {
    End* const end = this->let_go();
    if (end == nullptr) return false;
    return end->send_loan(size_bytes);
  }
};

// A message where it stands. It is shared memory: a hostile peer can change it while it is read.
template <class End, SendableMessage M>
class Taken : public Handle<End, View<M>> {
 public:
  using Handle<End, View<M>>::Handle;
  Taken(Taken&&) noexcept = default;
  ~Taken() { release(); }

  // Gives it back now. Nothing happens if there is none.
  void release() noexcept {
    if (End* const end = this->let_go()) end->drop_taken();
  }
};

}  // namespace ringbell::typed
