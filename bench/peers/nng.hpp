// nng over its IPC transport, one pair0 socket on each side, both ways.
//
// Settings, from nng(7), nng_pair(7), nng_ipc(7), nng_options(5), nng_sendmsg(3) and nng_recv(3):
// - pair0, "one-to-one, bidirectional": a full queue holds its sender up, nothing is lost.
// - NNG_OPT_SENDBUF and NNG_OPT_RECVBUF of 128 messages (the default, 0, hands over one at a time),
//   or fewer where these would be over 64 MiB.
// - abstract://NAME, the same transport in the abstract namespace: nothing stays in the file
//   system.
// - nng drops what is still queued when a socket closes, and has no NNG_OPT_LINGER any more:
//   farewell.hpp.
// Its threads run on the CPU of their process; a poller that finds nothing yields to them.
// Copied: nng_send and nng_recv. Loaned: nng_msg_alloc, nng_sendmsg and nng_recvmsg, nng's
// zero-copy interface; it still goes through the kernel. Polled: NNG_FLAG_NONBLOCK.
#pragma once

#include <span>
#include <string>
#include <utility>

#include <nng/nng.h>

#include "bench/harness/transport.hpp"
#include "bench/peers/farewell.hpp"

namespace ringbell::bench {

class Nng {
 public:
  class End : public Failing {
   public:
    [[nodiscard]] bool send(std::span<std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

    [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes);
    [[nodiscard]] bool commit();
    [[nodiscard]] std::span<const std::byte> peek();
    void release() noexcept { ::nng_msg_free(incoming_); }

   private:
    friend class Nng;
    // Closed when it goes.
    class Socket {
     public:
      explicit Socket(nng_socket socket) noexcept : socket_(socket) {}
      Socket(Socket&& other) noexcept
          : socket_(std::exchange(other.socket_, nng_socket NNG_SOCKET_INITIALIZER)) {}
      Socket& operator=(Socket&&) = delete;
      ~Socket() {
        if (::nng_socket_id(socket_) > 0) ::nng_close(socket_);
      }
      [[nodiscard]] nng_socket get() const noexcept { return socket_; }

     private:
      nng_socket socket_;
    };

    End(Socket socket, Farewells::Guard guard, bool polled) noexcept
        : socket_(std::move(socket)),
          guard_(std::move(guard)),
          flags_(polled ? NNG_FLAG_NONBLOCK : 0) {}

    // After a call that failed: true, to try it again.
    [[nodiscard]] bool again(const char* what, int error);

    Socket socket_;
    Farewells::Guard guard_;
    int flags_;
    nng_msg* outgoing_ = nullptr;
    nng_msg* incoming_ = nullptr;
  };

  [[nodiscard]] static Result<Nng> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  Nng(Farewells farewells, int depth, bool polled);

  Farewells farewells_;
  std::string url_;
  int depth_;
  bool polled_;
};

}  // namespace ringbell::bench
