// Boost.Interprocess's message_queue, one each way: messages in shared memory behind a
// process-shared mutex and two condition variables.
//
// Settings, from the documentation's "Message Queue": max_msg_size is the message's size and
// max_num_msg as many as ringbell's ring of that size has room for, at most 1024; all priorities
// are 0, for which the queue is a plain one. The documented defaults of the library are left as
// they are (BOOST_INTERPROCESS_MSG_QUEUE_CIRCULAR_INDEX). The queue is made in the parent and its
// name removed at once; both processes inherit the mapping.
// Polled: try_send and try_receive, with a sched_yield between two looks, also where each side has
// a CPU of its own: one that polls without any pause takes the mutex again before the other has
// woken up. It copies only: there is no loan.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "bench/harness/transport.hpp"

namespace ringbell::bench {

class BoostQueue {
 public:
  class Queue;

  class End : public Failing {
   public:
    End(Queue& in, Queue& out, bool polled) noexcept : in_(in), out_(out), polled_(polled) {}

    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

   private:
    Queue& in_;
    Queue& out_;
    bool polled_;
    static constexpr Polling kPolling{.yield = true};
  };

  // Errors: no_space.
  [[nodiscard]] static Result<BoostQueue> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  using Queues = std::array<std::shared_ptr<Queue>, 2>;  // to the second party, to the first

  BoostQueue(Queues queues, const LinkOptions& options, std::size_t depth)
      : queues_(std::move(queues)), polled_(options.wait == Wait::polled), depth_(depth) {}

  Queues queues_;
  bool polled_;
  std::size_t depth_;
};

}  // namespace ringbell::bench
