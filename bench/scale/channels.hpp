// Many channels, one way each, of which one process has all senders and one all receivers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>

#include <ringbell/ringbell.hpp>
#include "bench/scale/many.hpp"

namespace ringbell::bench {

class ManyChannels {
 public:
  static constexpr Shape kShape = Shape::channels;
  static constexpr bool kMayMiss = false;

  class Writers : public Failing {
   public:
    explicit Writers(std::vector<Sender> senders) noexcept : senders_(std::move(senders)) {}
    [[nodiscard]] bool send(std::uint32_t source, std::span<const std::byte> message) {
      const Result<bool> sent = senders_[source].send(message);
      return sent || failed(sent.error());
    }

   private:
    std::vector<Sender> senders_;
  };

  class Reader : public Failing {
   public:
    Reader(std::vector<Receiver> receivers, Loop loop) noexcept
        : receivers_(std::move(receivers)), loop_(loop) {}
    // What it waits with.
    [[nodiscard]] Result<void> prepare();

    template <class Use>
    [[nodiscard]] bool turn(Use&& use) {
      if (loop_ == Loop::polled || loop_ == Loop::none) {
        for (std::uint32_t way = 0; way < receivers_.size(); ++way) take(way, use);
        return true;
      }
      if (!wait()) return false;
      for (const std::uint32_t way : ready_) take(way, use);
      return true;
    }

   private:
    template <class Use>
    void take(std::uint32_t way, Use& use) {
      Receiver& receiver = receivers_[way];
      for (int i = 0; i < kMostAtOnce; ++i) {
        const std::optional<std::span<const std::byte>> record = receiver.peek();
        if (!record) return;
        use(way, *record);
        receiver.release();
      }
    }
    // Until some are ready.
    [[nodiscard]] bool wait();
    [[nodiscard]] bool wait_in_epoll();
    [[nodiscard]] bool wait_in_set();

    std::vector<Receiver> receivers_;  // stay where they are, whatever becomes of this object
    Loop loop_;
    std::vector<std::uint32_t> ready_;
    FileDescriptor epoll_;
    std::optional<WaitSet> set_;
    std::unordered_map<WaitSet::Id, std::uint32_t> way_of_;
    std::unique_ptr<std::vector<std::uint32_t>> called_;  // by the loop
    std::optional<UringLoop> uring_;
  };

  [[nodiscard]] static Result<ManyChannels> open(std::uint32_t count, Loop loop);
  [[nodiscard]] Result<Writers> writers();
  [[nodiscard]] Result<Reader> reader();
  // A receiver that comes and goes, on a channel of its own.
  [[nodiscard]] static Result<std::function<Result<void>()>> one_more(Writers& writers,
                                                                      Reader& reader);
  [[nodiscard]] static std::uint64_t unseen_bytes(std::uint32_t /*count*/) noexcept { return 0; }

 private:
  ManyChannels(std::vector<Channel> channels, Loop loop) noexcept
      : channels_(std::move(channels)), loop_(loop) {}

  std::vector<Channel> channels_;
  Loop loop_;
};

}  // namespace ringbell::bench
