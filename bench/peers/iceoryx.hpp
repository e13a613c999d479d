// Eclipse iceoryx: a publisher and a subscriber each way, chunks in the shared memory of iox-roudi,
// which is started for each link and stopped after it (roudi.hpp).
//
// Settings, from the documentation's "QoS policies", "Configuration guide" and "WaitSet":
// - Nothing is lost: ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER with QueueFullPolicy::BLOCK_PRODUCER.
//   The publisher then waits by looking again (adaptive: it yields first, sleeps later).
// - historyCapacity 0. queueCapacity as many messages as ringbell's ring of that size has room for,
//   at most 256, iceoryx's largest, at least 4.
// - One mempool, whose chunks have the message's size, as many as queues and loans can hold: the
//   allocator never searches and never runs dry.
// - RouDi runs with monitoring off: no process has to prove each second that it lives. Polled:
//   Subscriber::take(). Blocking: WaitSet, the subscriber attached by SubscriberState::HAS_DATA.
//   Loaned: loan(), publish(), take(), release(). Copied: the same with a memcpy between, which is
//   what publishCopyOf() does. The untyped interface, for sizes are chosen when the program runs.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bench/harness/transport.hpp"
#include "bench/peers/farewell.hpp"
#include "bench/peers/roudi.hpp"

namespace ringbell::bench {

class Iceoryx {
 public:
  class End : public Failing {
   public:
    End(End&& other) noexcept;
    End& operator=(End&&) = delete;
    ~End();

    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

    [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes);
    [[nodiscard]] bool commit();
    [[nodiscard]] std::span<const std::byte> peek();
    void release() noexcept;

   private:
    friend class Iceoryx;
    class Ports;  // iceoryx's headers stay out of this one

    explicit End(std::unique_ptr<Ports> ports) noexcept;

    std::unique_ptr<Ports> ports_;
    void* outgoing_ = nullptr;
    const void* incoming_ = nullptr;
  };

  // Errors: system, if RouDi does not start.
  [[nodiscard]] static Result<Iceoryx> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  Iceoryx(Farewells farewells, Roudi roudi, std::string name, const LinkOptions& options,
          std::size_t depth)
      : farewells_(std::move(farewells)),
        roudi_(std::move(roudi)),
        name_(std::move(name)),
        options_(options),
        depth_(depth) {}

  Farewells farewells_;
  Roudi roudi_;
  std::string name_;
  LinkOptions options_;
  std::size_t depth_;
};

}  // namespace ringbell::bench
