// Two pipes of 1 MiB, one each way, into which vmsplice(2) puts pages without copying them. read(2)
// copies them out: splice(2) would spare that too, but then no process sees what came.
//
// A page belongs to the pipe until it was read, so what is sent goes round in more memory than the
// pipe holds. Loaned: the sender writes there; copied: its message is copied there first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/harness/shared.hpp"
#include "bench/harness/transport.hpp"
#include "bench/transports/stream.hpp"

namespace ringbell::bench {

class Vmsplice {
 public:
  class End : public Failing {
   public:
    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into) {
      return in_.receive(into) == into.size() ? into.size() : not_received();
    }

    [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept;
    [[nodiscard]] bool commit();
    [[nodiscard]] std::span<const std::byte> peek();
    void release() noexcept {}

   private:
    friend class Vmsplice;
    End(StreamEnd in, int out, bool polled, Polling polling, SharedPages pages,
        std::size_t message_bytes, std::size_t places) noexcept
        : in_(std::move(in)),
          out_(out),
          polled_(polled),
          polling_(polling),
          pages_(std::move(pages)),
          message_bytes_(message_bytes),
          places_(places) {}
    [[nodiscard]] std::size_t not_received() {
      failed(in_.error());
      return 0;
    }
    [[nodiscard]] std::span<std::byte> place(std::size_t number) const noexcept {
      return {pages_.data() + number * message_bytes_, message_bytes_};
    }

    StreamEnd in_;
    int out_;
    bool polled_;
    Polling polling_;
    SharedPages pages_;  // for what is sent, and one more message, which came
    std::size_t message_bytes_;
    std::size_t places_;
    std::size_t next_ = 0;
  };

  // Errors: also invalid_argument, if a message is no whole number of pages.
  [[nodiscard]] static Result<Vmsplice> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  Vmsplice(std::array<OneWay, 2> pipes, const LinkOptions& options) noexcept
      : pipes_(std::move(pipes)), options_(options) {}

  std::array<OneWay, 2> pipes_;  // to the second party, to the first
  LinkOptions options_;
};

}  // namespace ringbell::bench
