// The ends of a topic whose messages are of a type. Both copy: a loan is memory of the publisher's
// own, and a subscriber shows its own copy. So a message is whole, lossy or not.
#pragma once

#include <algorithm>
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

// A Subscriber in the form that ReceivingEnd asks for: its next message, copied, stays until
// release().
class CopyingSubscriber {
 public:
  using Found = std::optional<std::span<const std::byte>>;

  CopyingSubscriber(ringbell::Subscriber end)  // NOLINT(google-explicit-constructor)
      : end_(std::move(end)), buffer_(end_.max_message_bytes()) {}
  template <class... How>
  [[nodiscard]] static Result<CopyingSubscriber> open(How&&... how) {
    Result<ringbell::Subscriber> end = ringbell::Subscriber::open(std::forward<How>(how)...);
    if (!end) return tl::unexpected(std::move(end.error()));
    return CopyingSubscriber(std::move(*end));
  }

  [[nodiscard]] Result<Found> peek_for(Timeout timeout) {
    if (!has_) {
      const Result<std::optional<std::size_t>> size =
          end_.receive({buffer_.data(), end_.max_message_bytes()}, timeout);
      if (!size) return tl::unexpected(size.error());
      if (!*size) return std::nullopt;
      has_ = *size;
    }
    return std::span<const std::byte>(buffer_.data(), *has_);
  }
  // peek_for() finds it: a look that has an Error to tell must not lose it.
  [[nodiscard]] Found peek() const noexcept {
    if (!has_) return std::nullopt;
    return std::span<const std::byte>(buffer_.data(), *has_);
  }
  void release() noexcept { has_.reset(); }
  void interrupt() noexcept { end_.interrupt(); }
  [[nodiscard]] const Region& region() const noexcept { return end_.region(); }
  [[nodiscard]] ringbell::Subscriber& end() noexcept { return end_; }

 private:
  ringbell::Subscriber end_;
  Buffer buffer_;
  std::optional<std::size_t> has_{};  // of a message in the buffer, its size
};

}  // namespace topic_detail

// Room for a message of a topic. End has publish_loan(bytes, timeout), drop_loan().
template <class End, SendableMessage M>
class TopicLoan : public Handle<End, Room<M>> {
 public:
  using Handle<End, Room<M>>::Handle;
  TopicLoan(TopicLoan&&) noexcept = default;
  ~TopicLoan() {
    if (End* const end = this->let_go()) end->drop_loan();
  }

  // As Publisher::publish(). False, or an Error: nothing was published, and it is loaned still.
  [[nodiscard]] Result<bool> publish(Timeout timeout = kForever) {
    if (!*this) return false;
    Result<bool> published = this->end()->publish_loan(*this, timeout);
    if (published && *published) this->let_go()->drop_loan();
    return published;
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
  // Empty: there is an error(): invalid_argument, if a loan is out; too_large.
  [[nodiscard]] Loan loan() requires(kIsOne<M>) { return loan_bytes(sizeof(Element<M>)); }
  [[nodiscard]] Loan loan(std::size_t count) requires(!kIsOne<M>) {
    const bool fits = count <= SIZE_MAX / sizeof(Element<M>);
    return loan_bytes(fits ? count * sizeof(Element<M>) : SIZE_MAX);
  }

 private:
  using Base = Opened<Publisher<M>, ringbell::Publisher>;
  friend Base;
  friend Loan;
  using Base::Base;

  [[nodiscard]] Loan loan_bytes(std::size_t size_bytes) {
    if (is_loaned_) return Loan(fail_handle_held("a loan").value());
    const std::size_t most = this->bytes_.max_message_bytes();
    if (size_bytes > most) {
      return Loan(fail_size(size_bytes, most, "a message", "this topic").value());
    }
    if (!loaned_) loaned_.emplace(most);
    is_loaned_ = true;
    return Loan(*this, room_of<M>({loaned_->data(), size_bytes}));
  }
  [[nodiscard]] Result<bool> publish_loan(const Loan& loan, Timeout timeout) {
    return publish(*loan, timeout);
  }
  void drop_loan() noexcept { is_loaned_ = false; }

  std::optional<topic_detail::Buffer> loaned_;
  bool is_loaned_ = false;
};

template <SendableMessage M>
class Subscriber : public ReceivingEnd<Subscriber<M>,
                                       Opened<Subscriber<M>, topic_detail::CopyingSubscriber>, M> {
 public:
  using Start = TopicStart;

  // By name, as the end of bytes' open().
  using Opened<Subscriber<M>, topic_detail::CopyingSubscriber>::open;
  [[nodiscard]] static Result<Subscriber> open(std::string_view name, Start start = Start::usual,
                                               Timeout timeout = kOpenTimeout,
                                               const WaitOptions& wait = {}) {
    return Base::made(
        topic_detail::CopyingSubscriber::open(name, start, timeout, wait, Base::kType));
  }

  [[nodiscard]] ringbell::Subscriber& bytes() noexcept { return this->bytes_.end(); }
  // As the end of bytes'.
  [[nodiscard]] std::uint64_t missed() noexcept { return bytes().missed(); }

 private:
  using Base =
      ReceivingEnd<Subscriber<M>, Opened<Subscriber<M>, topic_detail::CopyingSubscriber>, M>;
  friend typename Base::Maker;
  friend Taken<Subscriber, M>;
  using Base::Base;
};

}  // namespace ringbell::typed
