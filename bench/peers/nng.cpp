#include "bench/peers/nng.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nng/protocol/pair0/pair.h>

#include "bench/peers/endpoint_name.hpp"
#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kDepth = 128;
constexpr std::size_t kMostQueuedBytes = 64UL * 1024 * 1024;
constexpr nng_duration kReconnectMs = 1;  // the other side may not be listening yet

Error nng_error(std::string_view what, int error) {
  return Error{ErrorCode::system, 0, fmt::format("{} failed: {}", what, ::nng_strerror(error))};
}

}  // namespace

Nng::Nng(Farewells farewells, int depth, bool polled)
    : farewells_(std::move(farewells)),
      url_(fmt::format("abstract://{}", fresh_endpoint_name())),
      depth_(depth),
      polled_(polled) {}

Result<Nng> Nng::open(const LinkOptions& options) {
  Result<Farewells> farewells = Farewells::create();
  if (!farewells) return tl::unexpected(farewells.error());
  const std::size_t depth = std::min(kDepth, kMostQueuedBytes / options.message_bytes);
  return Nng(std::move(*farewells), static_cast<int>(depth), options.wait == Wait::polled);
}

Result<Nng::End> Nng::end(Party party) const {
  nng_socket opened = NNG_SOCKET_INITIALIZER;
  int error = ::nng_pair0_open(&opened);
  if (error != 0) return tl::unexpected(nng_error("nng_pair0_open", error));
  End::Socket socket(opened);
  error = ::nng_socket_set_int(opened, NNG_OPT_SENDBUF, depth_);
  if (error == 0) error = ::nng_socket_set_int(opened, NNG_OPT_RECVBUF, depth_);
  if (error == 0) error = ::nng_socket_set_ms(opened, NNG_OPT_RECONNMINT, kReconnectMs);
  if (error != 0) return tl::unexpected(nng_error("setting nng's options", error));
  // NNG_FLAG_NONBLOCK: dials until the other side listens.
  error = party == Party::first ? ::nng_dial(opened, url_.c_str(), nullptr, NNG_FLAG_NONBLOCK)
                                : ::nng_listen(opened, url_.c_str(), nullptr, 0);
  if (error != 0) {
    return tl::unexpected(nng_error(party == Party::first ? "nng_dial" : "nng_listen", error));
  }
  return End(std::move(socket), Farewells::Guard(farewells_, party), polled_);
}

void Nng::describe(Row& row) const {
  set(row, "queue_messages", depth_);
  set(row, "peer_version", std::string(::nng_version()));
}

bool Nng::End::again(const char* what, int error) {
  if (error == NNG_EAGAIN) {
    Polling{.yield = true}.not_now();  // to its threads
    return true;
  }
  return error == NNG_EINTR || failed(nng_error(what, error));
}

bool Nng::End::send(std::span<std::byte> message) {
  for (;;) {
    const int error = ::nng_send(socket_.get(), message.data(), message.size(), flags_);
    if (error == 0) return true;
    if (!again("nng_send", error)) return false;
  }
}

std::size_t Nng::End::receive(std::span<std::byte> into) {
  for (;;) {
    std::size_t size = into.size();
    const int error = ::nng_recv(socket_.get(), into.data(), &size, flags_);
    if (error == 0 && size == into.size()) return size;
    if (error == 0) {
      failed(ErrorCode::corrupt, fmt::format("a message of {} bytes came", size));
      return 0;
    }
    if (!again("nng_recv", error)) return 0;
  }
}

std::span<std::byte> Nng::End::claim(std::uint32_t size_bytes) {
  const int error = ::nng_msg_alloc(&outgoing_, size_bytes);
  if (error != 0) {
    failed(nng_error("nng_msg_alloc", error));
    return {};
  }
  return {static_cast<std::byte*>(::nng_msg_body(outgoing_)), size_bytes};
}

bool Nng::End::commit() {
  for (;;) {
    const int error = ::nng_sendmsg(socket_.get(), outgoing_, flags_);
    if (error == 0) return true;
    if (again("nng_sendmsg", error)) continue;
    ::nng_msg_free(outgoing_);
    return false;
  }
}

std::span<const std::byte> Nng::End::peek() {
  for (;;) {
    const int error = ::nng_recvmsg(socket_.get(), &incoming_, flags_);
    if (error == 0) {
      return {static_cast<const std::byte*>(::nng_msg_body(incoming_)), ::nng_msg_len(incoming_)};
    }
    if (!again("nng_recvmsg", error)) return {};
  }
}

template TransportEntry entry<Nng>(std::string_view name, Family family);

}  // namespace ringbell::bench
