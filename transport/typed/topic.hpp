// The ends of a topic whose messages are of a type. A loan is room in the ring. A subscriber of a
// lossless topic shows the message where it stands, one of a lossy topic its own copy: so what is
// shown is whole. read(f) looks at a lossy one in place.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {
namespace topic_detail {

// Memory for one message, aligned for every type.
class Buffer {
 public:
  explicit Buffer(std::size_t size_bytes) : blocks_(new Block[size_bytes / sizeof(Block) + 1]) {}
  [[nodiscard]] std::byte* data() const noexcept { return blocks_[0].bytes; }

 private:
  struct alignas(core::kMostPayloadAlignment) Block {
    std::byte bytes[core::kMostPayloadAlignment];
  };
  std::unique_ptr<Block[]> blocks_;
};

// A Subscriber in the form that ReceivingEnd asks for: its next message, in place or copied, stays
// until release().
class ShowingSubscriber {
 public:
  using Found = std::optional<std::span<const std::byte>>;

  ShowingSubscriber(ringbell::Subscriber end)  // NOLINT(google-explicit-constructor)
      : end_(std::move(end)), buffer_(end_.reads_in_place() ? 0 : end_.max_message_bytes()) {}
  template <class... How>
  [[nodiscard]] static Result<ShowingSubscriber> open(How&&... how) {
    Result<ringbell::Subscriber> end = ringbell::Subscriber::open(std::forward<How>(how)...);
    if (!end) return tl::unexpected(std::move(end.error()));
    return ShowingSubscriber(std::move(*end));
  }

  // REQUIRES: peek() has found nothing.
  [[nodiscard]] Result<Found> peek_for(Timeout timeout) {
    if (end_.reads_in_place()) return end_.peek_for(timeout);
    assert(!has_);
    const Result<std::optional<std::size_t>> size =
        end_.receive({buffer_.data(), end_.max_message_bytes()}, timeout);
    if (!size) return tl::unexpected(size.error());
    if (!*size) return std::nullopt;
    has_ = *size;
    return std::span<const std::byte>(buffer_.data(), *has_);
  }
  // Of a lossy one peek_for() finds it: a look that has an Error to tell must not lose it.
  [[nodiscard]] Found peek() noexcept {
    if (!has_) return end_.peek();
    return std::span<const std::byte>(buffer_.data(), *has_);
  }
  void release() noexcept {
    has_.reset();
    (void)end_.release();
  }
  void interrupt() noexcept { end_.interrupt(); }
  [[nodiscard]] const Region& region() const noexcept { return end_.region(); }
  [[nodiscard]] ringbell::Subscriber& end() noexcept { return end_; }

 private:
  ringbell::Subscriber end_;
  Buffer buffer_;
  std::optional<std::size_t> has_{};  // of a copied message, its size
};

}  // namespace topic_detail

// Room for a message of a topic, uninitialised. End has send_loan(bytes), drop_loan().
template <class End, SendableMessage M>
class TopicLoan : public Handle<End, Room<M>> {
 public:
  using Handle<End, Room<M>>::Handle;
  TopicLoan(TopicLoan&&) noexcept = default;
  ~TopicLoan() {
    if (End* const end = this->let_go()) end->drop_loan();
  }

  // Every subscriber sees it. False: nothing is loaned, or another message took its place.
  bool publish() noexcept {
    if (!*this) return false;
    const std::size_t size_bytes = bytes_of<M>(**this).size();
    return this->let_go()->send_loan(size_bytes);
  }
};

template <SendableMessage M>
class Publisher : public Opened<Publisher<M>, ringbell::Publisher> {
 public:
  using Loan = TopicLoan<Publisher, M>;
  static constexpr core::TypeRecord kType = type_of<M>();

  [[nodiscard]] static Result<Publisher> create(std::string_view name,
                                                const TopicOptions& options = {},
                                                const WaitOptions& wait = {}) {
    return Base::made(ringbell::Publisher::create(name, fitted_to<M>(options), wait));
  }

  // Copies a message in; every subscriber sees it. False: time is up. Errors: as the end of bytes'.
  [[nodiscard]] Result<bool> publish(Argument<M> message, Timeout timeout = kForever) {
    return this->bytes_.publish(bytes_of<M>(message), timeout);
  }
  // Room for a message in the ring. Empty: time is up, or there is an error(): invalid_argument, if
  // a loan is out; too_large; as the end of bytes' claim_for().
  [[nodiscard]] Loan loan(Timeout timeout = kForever) requires(kIsOne<M>) {
    return loan_bytes(sizeof(Element<M>), timeout);
  }
  [[nodiscard]] Loan loan(std::size_t count, Timeout timeout = kForever) requires(!kIsOne<M>) {
    const bool fits = count <= SIZE_MAX / sizeof(Element<M>);
    return loan_bytes(fits ? count * sizeof(Element<M>) : SIZE_MAX, timeout);
  }

 private:
  using Base = Opened<Publisher<M>, ringbell::Publisher>;
  friend Base;
  friend Loan;
  using Base::Base;

  [[nodiscard]] Loan loan_bytes(std::size_t size_bytes, Timeout timeout) {
    if (is_loaned_) return Loan(fail_handle_held("a loan").value());
    const std::size_t most = this->bytes_.max_message_bytes();
    if (size_bytes > most) {
      return Loan(fail_size(size_bytes, most, "a message", "this topic").value());
    }
    const Result<std::optional<std::span<std::byte>>> room = this->bytes_.claim_for(timeout);
    if (!room) return Loan(room.error());
    if (!*room) return Loan();
    is_loaned_ = true;
    return Loan(*this, room_of<M>((*room)->first(size_bytes)));
  }
  bool send_loan(std::size_t size_bytes) noexcept {
    is_loaned_ = false;
    return this->bytes_.commit(size_bytes);
  }
  void drop_loan() noexcept {
    is_loaned_ = false;
    this->bytes_.abort();
  }

  bool is_loaned_ = false;
};

template <SendableMessage M>
class Subscriber : public ReceivingEnd<Subscriber<M>,
                                       Opened<Subscriber<M>, topic_detail::ShowingSubscriber>, M> {
 public:
  using Start = TopicStart;

  // By name, as the end of bytes' open().
  using Opened<Subscriber<M>, topic_detail::ShowingSubscriber>::open;
  [[nodiscard]] static Result<Subscriber> open(std::string_view name, Start start = Start::usual,
                                               Timeout timeout = kOpenTimeout,
                                               const WaitOptions& wait = {}) {
    return Base::made(
        topic_detail::ShowingSubscriber::open(name, start, timeout, wait, Base::kType));
  }

  [[nodiscard]] ringbell::Subscriber& bytes() noexcept { return this->bytes_.end(); }
  // As the end of bytes'.
  [[nodiscard]] std::uint64_t missed() noexcept { return bytes().missed(); }
  // The next message where it stands, as the end of bytes' read(): `look(view)`, a const T& or a
  // span of them, of a lossy topic perhaps torn. Errors: also corrupt, if it is none of this type.
  template <class Look>
  [[nodiscard]] Result<ringbell::Subscriber::Seen> read(Look&& look, Timeout timeout = kForever) {
    using Seen = ringbell::Subscriber::Seen;
    std::optional<std::size_t> wrong;
    const Result<Seen> seen = bytes().read(
        [&](std::span<const std::byte> message) {
          if (!is_one_of<M>(message.size())) {
            wrong = message.size();
          } else if constexpr (kIsOne<M>) {
            look(*view_of<M>(message));
          } else {
            look(view_of<M>(message));
          }
        },
        timeout);
    if (seen && *seen == Seen::whole && wrong) return fail_message_type(*wrong, Base::kType);
    return seen;
  }

 private:
  using Base =
      ReceivingEnd<Subscriber<M>, Opened<Subscriber<M>, topic_detail::ShowingSubscriber>, M>;
  friend typename Base::Maker;
  friend Taken<Subscriber, M>;
  using Base::Base;
};

}  // namespace ringbell::typed
