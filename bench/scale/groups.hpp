// A topic with many subscribers; a collector and a queue with many writers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringbell/ringbell.hpp>
#include "bench/scale/many.hpp"

namespace ringbell::bench {

inline constexpr std::uint32_t kMostMembers = 64;

// All in one set, or looked at in turn.
class ManySubscribers {
 public:
  static constexpr Shape kShape = Shape::subscribers;

  class Writers : public Failing {
   public:
    explicit Writers(Publisher publisher) noexcept : publisher_(std::move(publisher)) {}
    [[nodiscard]] bool send(std::uint32_t /*source*/, std::span<const std::byte> message) {
      const Result<bool> sent = publisher_.publish(message);
      return sent || failed(sent.error());
    }

   private:
    Publisher publisher_;
  };

  class Reader : public Failing {
   public:
    Reader(TopicFds fds, std::vector<Subscriber> subscribers, std::optional<WaitSet> set,
           std::vector<WaitSet::Id> ids) noexcept
        : fds_(fds),
          subscribers_(std::move(subscribers)),
          set_(std::move(set)),
          ids_(std::move(ids)) {}

    template <class Use>
    [[nodiscard]] bool turn(Use&& use) {
      if (!set_) {
        for (std::uint32_t way = 0; way < subscribers_.size(); ++way) {
          if (!take(way, use)) return false;
        }
        return true;
      }
      const auto events = set_->wait();
      if (!events) return failed(events.error());
      for (const WaitSet::Event& event : *events) {
        const auto id = std::lower_bound(ids_.begin(), ids_.end(), event.id);
        if (!take(static_cast<std::uint32_t>(id - ids_.begin()), use)) return false;
      }
      return true;
    }
    [[nodiscard]] TopicFds drop_last() {
      subscribers_.pop_back();
      return fds_;
    }

   private:
    template <class Use>
    [[nodiscard]] bool take(std::uint32_t way, Use& use) {
      std::array<std::byte, kLetterBytes> message{};
      for (int i = 0; i < kMostAtOnce; ++i) {
        const auto got = subscribers_[way].receive(message, Timeout::zero());
        // The end has come, here or to another one.
        if (!got) return got.error().code == ErrorCode::closed || failed(got.error());
        if (!*got) break;
        use(way, std::span<const std::byte>(message).first(**got));
      }
      return true;
    }

    TopicFds fds_;  // of the topic of which this process has the publisher, or was forked from
    std::vector<Subscriber> subscribers_;
    std::optional<WaitSet> set_;
    std::vector<WaitSet::Id> ids_;  // ascending
  };

  [[nodiscard]] Result<Writers> writers();
  [[nodiscard]] Result<Reader> reader();
  [[nodiscard]] static Result<std::function<Result<void>()>> one_more(Writers& writers,
                                                                      Reader& reader);
  [[nodiscard]] static std::uint64_t unseen_bytes(std::uint32_t /*count*/) noexcept { return 0; }

 protected:
  ManySubscribers(Topic topic, std::uint32_t count, Loop loop) noexcept
      : topic_(std::move(topic)), count_(count), loop_(loop) {}
  [[nodiscard]] static Result<Topic> create(TopicOptions::Policy policy, Loop loop);

  Topic topic_;
  std::uint32_t count_;
  Loop loop_;
};

template <TopicOptions::Policy policy>
class SubscribersOf : public ManySubscribers {
 public:
  static constexpr bool kMayMiss = policy == TopicOptions::Policy::lossy;

  [[nodiscard]] static Result<SubscribersOf> open(std::uint32_t count, Loop loop) {
    Result<Topic> topic = create(policy, loop);
    if (!topic) return tl::unexpected(topic.error());
    return SubscribersOf(std::move(*topic), count, loop);
  }

 private:
  using ManySubscribers::ManySubscribers;
};

// Write: Contributor or QueueSender; Read: Collector or QueueReceiver.
template <class Write, class Read>
class ManyWriters {
 public:
  static constexpr Shape kShape = Shape::writers;
  static constexpr bool kMayMiss = false;

  class Writers : public Failing {
   public:
    explicit Writers(std::vector<Write> ends) noexcept : ends_(std::move(ends)) {}
    [[nodiscard]] bool send(std::uint32_t source, std::span<const std::byte> message) {
      const Result<bool> sent = ends_[source].send(message);
      return sent || failed(sent.error());
    }
    void drop_last() { ends_.pop_back(); }

   private:
    std::vector<Write> ends_;
  };

  class Reader : public Failing {
   public:
    Reader(Read end, bool waits) noexcept : end_(std::move(end)), waits_(waits) {}

    template <class Use>
    [[nodiscard]] bool turn(Use&& use) {
      std::optional<std::span<const std::byte>> message = end_.peek();
      if (!message && waits_) {
        const auto waited = end_.peek_for();
        if (!waited) return failed(waited.error());
        message = *waited;
      }
      for (int i = 0; message; message = end_.peek()) {
        use(0U, *message);
        end_.release();
        if (++i == kMostAtOnce) break;
      }
      return true;
    }
    [[nodiscard]] int memory_fd() const noexcept { return end_.region().fd(); }

   private:
    Read end_;
    bool waits_;
  };

  [[nodiscard]] static Result<ManyWriters> open(std::uint32_t count, Loop loop);

  [[nodiscard]] Result<Writers> writers() {
    std::vector<Write> ends;
    ends.reserve(count_);
    for (std::uint32_t i = 0; i < count_; ++i) {
      Result<Write> end = attach<Write>(region_.fd(), WaitOptions::Kind::spin);
      if (!end) return tl::unexpected(end.error());
      ends.push_back(std::move(*end));
    }
    return Writers(std::move(ends));
  }
  [[nodiscard]] Result<Reader> reader() {
    const bool waits = loop_ == Loop::waiting;
    Result<Read> end =
        attach<Read>(region_.fd(), waits ? WaitOptions::Kind::park : WaitOptions::Kind::spin);
    if (!end) return tl::unexpected(end.error());
    return Reader(std::move(*end), waits);
  }
  [[nodiscard]] static Result<std::function<Result<void>()>> one_more(Writers& writers,
                                                                      Reader& reader) {
    writers.drop_last();
    return [fd = reader.memory_fd()]() -> Result<void> {
      const Result<Write> end = attach<Write>(fd, WaitOptions::Kind::spin);
      return end ? Result<void>{} : tl::unexpected(end.error());
    };
  }
  [[nodiscard]] static std::uint64_t unseen_bytes(std::uint32_t /*count*/) noexcept { return 0; }

 private:
  ManyWriters(Region region, std::uint32_t count, Loop loop) noexcept
      : region_(std::move(region)), count_(count), loop_(loop) {}

  template <class End>
  [[nodiscard]] static Result<End> attach(int fd, WaitOptions::Kind kind) {
    Result<Region> region = attach_again(fd, {.one_lane = std::is_same_v<End, Contributor>});
    if (!region) return tl::unexpected(region.error());
    return End::open(std::move(*region),
                     {.kind = kind, .spin_budget = std::chrono::nanoseconds::zero()});
  }

  Region region_;
  std::uint32_t count_;
  Loop loop_;
};

}  // namespace ringbell::bench
