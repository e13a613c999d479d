// ZeroMQ over ipc://, two pipelines: a PUSH and a PULL socket each way, both sides with a context
// of their own, made after the fork.
//
// Settings, from zmq_socket(7), zmq_ipc(7), zmq_setsockopt(3) and the ZeroMQ guide:
// - PUSH and PULL are the pattern for a one-way stream between two processes; PAIR is for threads
//   (zmq_socket: "designed for inter-thread communication across the zmq_inproc(7) transport").
// - One I/O thread in each context: "one per gigabyte of data in or out per second" (the guide). It
//   runs on the CPU of its process; a poller that finds nothing yields to it.
// - ZMQ_SNDHWM and ZMQ_RCVHWM stay at 1000 messages, or fewer where these would be over 64 MiB, so
//   that a sender is held up and nothing is lost (PUSH blocks, or says EAGAIN).
// - ipc://@NAME, the abstract namespace: nothing stays in the file system.
// - ZMQ_LINGER stays at -1: zmq_ctx_term() returns when the kernel has the last message. A receiver
//   that is held up by its own high-water mark then forgets what the kernel still has, so neither
//   side closes before both are done (farewell.hpp).
// Copied: zmq_send and zmq_recv. Loaned: zmq_msg_t, filled and read in place; it still goes through
// the kernel. Polled: ZMQ_DONTWAIT.
#pragma once

#include <memory>
#include <span>
#include <string>

#include <zmq.h>

#include "bench/harness/transport.hpp"
#include "bench/peers/farewell.hpp"

namespace ringbell::bench {

class Zeromq {
 public:
  class End : public Failing {
   public:
    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

    [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes);
    [[nodiscard]] bool commit();
    [[nodiscard]] std::span<const std::byte> peek();
    void release() noexcept { ::zmq_msg_close(&incoming_); }

   private:
    friend class Zeromq;
    struct Terminate {
      void operator()(void* context) const noexcept { ::zmq_ctx_term(context); }
    };
    struct Close {
      void operator()(void* socket) const noexcept { ::zmq_close(socket); }
    };
    using Context = std::unique_ptr<void, Terminate>;
    using Socket = std::unique_ptr<void, Close>;

    End(Context context, Socket in, Socket out, Farewells::Guard guard, bool polled) noexcept
        : context_(std::move(context)),
          in_(std::move(in)),
          out_(std::move(out)),
          guard_(std::move(guard)),
          flags_(polled ? ZMQ_DONTWAIT : 0) {}

    // After a call that failed: true, to try it again.
    [[nodiscard]] bool again(const char* what);

    Context context_;
    Socket in_;
    Socket out_;
    Farewells::Guard guard_;
    int flags_;
    zmq_msg_t outgoing_{};
    zmq_msg_t incoming_{};
  };

  [[nodiscard]] static Result<Zeromq> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  Zeromq(Farewells farewells, std::string name, int depth, bool polled)
      : farewells_(std::move(farewells)), name_(std::move(name)), depth_(depth), polled_(polled) {}

  Farewells farewells_;
  std::string name_;
  int depth_;
  bool polled_;
};

}  // namespace ringbell::bench
