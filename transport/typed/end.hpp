// The typed ends' common parts: how they are opened, how they send and how they receive. Each is an
// end of bytes with a type, no more: bytes() is that end, for all that has nothing to do with the
// type (interrupt(), arm(), stats(), peer() ...).
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/typed/message.hpp>

namespace ringbell::typed {

// Where an end is opened by descriptor: a Region, or what has one (Channel, Topic).
[[nodiscard]] inline const Region& region_of(const Region& region) noexcept { return region; }
template <class Place>
requires requires(const Place& place) { place.channel().region(); }
[[nodiscard]] const Region& region_of(const Place& end) noexcept { return end.channel().region(); }
template <class Place>
requires requires(const Place& place) { place.region(); }
[[nodiscard]] const Region& region_of(const Place& place) noexcept { return place.region(); }

// How a typed end comes by its end of bytes: as that one does (by name, or in a region), with the
// type asked for before anything else is done. Its Errors; also other_ring, which names both types.
// `Self` has kType, and makes itself of an end of bytes.
template <class Self, class Bytes>
class Opened {
 public:
  using Maker = Opened;  // what Self befriends

  // An end of bytes that is open already, as a Connection has it.
  [[nodiscard]] static Result<Self> from(Bytes bytes) {
    if (Result<void> checked = check_type(region_of(bytes), Self::kType); !checked) {
      return tl::unexpected(std::move(checked.error()));
    }
    return Self(std::move(bytes));
  }
  // In a region that another process made or this one; what follows is as the end of bytes has it.
  template <class Place, class... Rest>
  requires(!std::convertible_to<Place, std::string_view>)
      [[nodiscard]] static Result<Self> open(Place place, Rest&&... rest) {
    if (Result<void> checked = check_type(region_of(place), Self::kType); !checked) {
      return tl::unexpected(std::move(checked.error()));
    }
    return made(Bytes::open(std::move(place), std::forward<Rest>(rest)...));
  }

  // For all that has nothing to do with the type. Do not send or receive by it while a handle is
  // out.
  [[nodiscard]] Bytes& bytes() noexcept { return bytes_; }
  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }
  // As the end of bytes'.
  void interrupt() noexcept { bytes_.interrupt(); }

 protected:
  explicit Opened(Bytes bytes) noexcept : bytes_(std::move(bytes)) {}
  [[nodiscard]] static Result<Self> made(Result<Bytes> bytes) {
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    return Self(std::move(*bytes));
  }

  Bytes bytes_;
};

// By name. Options are as the end of bytes has them, but for what follows from the type.
template <class Self, class Bytes, class Options>
class OpenedByName : public Opened<Self, Bytes> {
 public:
  using Opened<Self, Bytes>::open;
  [[nodiscard]] static Result<Self> create(std::string_view name, const Options& options = {},
                                           const WaitOptions& wait = {}) {
    return Opened<Self, Bytes>::made(Bytes::create(name, Self::fitted(options), wait));
  }
  [[nodiscard]] static Result<Self> open(std::string_view name, Timeout timeout = kOpenTimeout,
                                         const WaitOptions& wait = {}) {
    return Opened<Self, Bytes>::made(Bytes::open(name, timeout, wait, Self::kType));
  }

 protected:
  using Opened<Self, Bytes>::Opened;
};

// Options of a ring for messages M. A capacity takes four of them at least, a slot one.
template <SendableMessage M, class Options>
[[nodiscard]] Options fitted_to(Options options) {
  options.type = type_of<M>();
  options.payload_alignment = std::max(options.payload_alignment, options.type.alignment);
  if constexpr (requires { options.record_alignment; }) {
    options.record_alignment = std::max(options.record_alignment, options.payload_alignment);
    if (kIsOne<M>) {
      options.capacity_bytes =
          std::max<std::uint64_t>(options.capacity_bytes, 4 * (sizeof(Element<M>) + 64));
    }
  } else if (kIsOne<M>) {
    options.message_bytes = sizeof(Element<M>);
  }
  return options;
}

// An end that sends by copy or in place.
template <class Self, class Bytes, class Options, SendableMessage M>
class SendingEnd : public OpenedByName<Self, Bytes, Options> {
 public:
  using Loan = typed::Loan<Self, M>;
  static constexpr core::TypeRecord kType = type_of<M>();
  [[nodiscard]] static Options fitted(Options options) { return fitted_to<M>(std::move(options)); }

  // Copies a message in. False: time is up. Errors: as the end of bytes'.
  [[nodiscard]] Result<bool> send(Argument<M> message, Timeout timeout = kForever) {
    return this->bytes_.send(bytes_of<M>(message), timeout);
  }
  // Room for a message in the ring. Empty: time is up, or there is an error(): as the end of bytes'
  // claim_for().
  [[nodiscard]] Loan loan(Timeout timeout = kForever) requires(kIsOne<M>) {
    return loan_bytes(sizeof(Element<M>), timeout);
  }
  [[nodiscard]] Loan loan(std::size_t count, Timeout timeout = kForever) requires(!kIsOne<M>) {
    // So many that it cannot be are refused as what is too large.
    const bool fits = count <= SIZE_MAX / sizeof(Element<M>);
    return loan_bytes(fits ? count * sizeof(Element<M>) : SIZE_MAX, timeout);
  }

 protected:
  using Base = OpenedByName<Self, Bytes, Options>;
  using Base::Base;
  friend Loan;

  // False: what was loaned was given up meanwhile, by a send(), or for this end.
  bool send_loan(std::size_t size_bytes) noexcept {
    is_loaned_ = false;
    if constexpr (std::is_void_v<decltype(this->bytes_.commit(size_bytes))>) {
      const std::uint64_t before = this->bytes_.position();
      this->bytes_.commit(size_bytes);
      return this->bytes_.position() != before;
    } else {
      return this->bytes_.commit(size_bytes);
    }
  }
  void drop_loan() noexcept {
    is_loaned_ = false;
    this->bytes_.abort();
  }

 private:
  [[nodiscard]] Loan loan_bytes(std::size_t size_bytes, Timeout timeout) {
    if (is_loaned_) return Loan(fail_handle_held("a loan").value());
    Result<std::optional<std::span<std::byte>>> room = claim(size_bytes, timeout);
    if (!room) return Loan(std::move(room.error()));
    if (!*room) return Loan();
    is_loaned_ = true;
    return Loan(static_cast<Self&>(*this), room_of<M>((*room)->first(size_bytes)));
  }
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim(std::size_t size_bytes,
                                                                  Timeout timeout) {
    if constexpr (requires { this->bytes_.claim_for(size_bytes, timeout); }) {
      return this->bytes_.claim_for(size_bytes, timeout);
    } else {
      if (size_bytes > this->bytes_.max_message_bytes()) {
        return fail_size(size_bytes, this->bytes_.max_message_bytes(), "a message", "this queue");
      }
      return this->bytes_.claim_for(timeout);
    }
  }

  bool is_loaned_ = false;
};

// What receives: over any end of bytes with peek(), peek_for() and release(). Base opens it.
template <class Self, class Base, SendableMessage M>
class ReceivingEnd : public Base {
 public:
  using Taken = typed::Taken<Self, M>;
  static constexpr core::TypeRecord kType = type_of<M>();

  // The next message, where it stands; empty: time is up, or there is an error(): as the end of
  // bytes' peek_for(); also corrupt, if a message is none of this type, which is then given back.
  [[nodiscard]] Taken next(Timeout timeout = kForever) {
    if (is_taken_) [[unlikely]]
      return Taken(fail_handle_held("a message").value());
    std::optional<std::span<const std::byte>> message = this->bytes_.peek();
    if (!message) [[unlikely]] {
      Result<std::optional<std::span<const std::byte>>> found = this->bytes_.peek_for(timeout);
      if (!found) return Taken(std::move(found.error()));
      if (!*found) return Taken();
      message = *found;
    }
    if (!is_one_of<M>(message->size())) [[unlikely]] {
      this->bytes_.release();
      return Taken(fail_message_type(message->size(), kType).value());
    }
    is_taken_ = true;
    return Taken(static_cast<Self&>(*this), view_of<M>(*message));
  }
  // The same, without waiting and without errors.
  [[nodiscard]] Taken peek() { return next(Timeout::zero()); }

  // Copies the next message out. Nothing: not now, or it is none of this type and stays, which
  // receive() says. Never waits.
  [[nodiscard]] std::optional<Element<M>> try_receive() requires(kIsOne<M>) {
    const std::optional<std::span<const std::byte>> message = this->bytes_.peek();
    if (!message || !is_one_of<M>(message->size())) [[unlikely]]
      return std::nullopt;
    const Element<M> copy = *view_of<M>(*message);
    this->bytes_.release();
    return copy;
  }
  // The same, waiting for one. Nothing: time is up. Errors: as next().
  [[nodiscard]] Result<std::optional<Element<M>>> receive(Timeout timeout = kForever) requires(
      kIsOne<M>) {
    if (std::optional<Element<M>> message = try_receive()) [[likely]]
      return message;
    const Taken taken = next(timeout);
    if (taken) [[likely]]
      return *taken;
    if (taken.error() != nullptr) return tl::unexpected(*taken.error());
    return std::nullopt;
  }

  // For (const T& message : receiver): each where it stands until the next, which is waited for.
  // The loop ends with an Error, which ended_by() has: closed, peer_dead, cancelled ...
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Element<M>;
    using difference_type = std::ptrdiff_t;

    [[nodiscard]] decltype(auto) operator*() const noexcept { return **taken_; }
    Iterator& operator++() {
      taken_.reset();  // given back before the next is waited for
      taken_.emplace(self_->next());
      return *this;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"  // which wants a copy, and a handle has none
    void operator++(int) { ++*this; }
#pragma GCC diagnostic pop
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept {
      if (*taken_) return false;
      self_->ended_by_ =
          taken_->error() != nullptr ? std::optional(*taken_->error()) : std::nullopt;
      return true;
    }

   private:
    friend ReceivingEnd;
    explicit Iterator(ReceivingEnd& self) : self_(&self) { taken_.emplace(self.next()); }

    ReceivingEnd* self_;
    std::optional<Taken> taken_;
  };
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  [[nodiscard]] const std::optional<Error>& ended_by() const noexcept { return ended_by_; }

 protected:
  using Base::Base;
  friend Taken;

  void drop_taken() noexcept {
    is_taken_ = false;
    this->bytes_.release();
  }

 private:
  bool is_taken_ = false;
  std::optional<Error> ended_by_;
};

}  // namespace ringbell::typed
