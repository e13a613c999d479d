#include "bench/peers/zeromq.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "bench/peers/endpoint_name.hpp"
#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kDefaultDepth = 1000;  // ZMQ_SNDHWM's
constexpr std::size_t kMostQueuedBytes = 64UL * 1024 * 1024;
constexpr int kReconnectMs = 1;  // the other side may not be listening yet

tl::unexpected<Error> fail_zeromq(std::string_view what) {
  return fail(ErrorCode::system, fmt::format("{} failed: {}", what, ::zmq_strerror(errno)));
}

std::string version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  ::zmq_version(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace

Result<Zeromq> Zeromq::open(const LinkOptions& options) {
  Result<Farewells> farewells = Farewells::create();
  if (!farewells) return tl::unexpected(farewells.error());
  const std::size_t depth = std::min(kDefaultDepth, kMostQueuedBytes / options.message_bytes);
  return Zeromq(std::move(*farewells), fresh_endpoint_name(), static_cast<int>(depth),
                options.wait == Wait::polled);
}

Result<Zeromq::End> Zeromq::end(Party party) const {
  End::Context context(::zmq_ctx_new());
  if (!context) return fail_zeromq("zmq_ctx_new");
  End::Socket in(::zmq_socket(context.get(), ZMQ_PULL));
  End::Socket out(::zmq_socket(context.get(), ZMQ_PUSH));
  if (!in || !out) return fail_zeromq("zmq_socket");
  for (void* const socket : {in.get(), out.get()}) {
    const bool set =
        ::zmq_setsockopt(socket, ZMQ_SNDHWM, &depth_, sizeof depth_) == 0 &&
        ::zmq_setsockopt(socket, ZMQ_RCVHWM, &depth_, sizeof depth_) == 0 &&
        ::zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &kReconnectMs, sizeof kReconnectMs) == 0;
    if (!set) return fail_zeromq("zmq_setsockopt");
  }
  const std::string to_second = fmt::format("ipc://@{}-there", name_);
  const std::string to_first = fmt::format("ipc://@{}-back", name_);
  const bool joined = party == Party::first ? ::zmq_connect(out.get(), to_second.c_str()) == 0 &&
                                                  ::zmq_connect(in.get(), to_first.c_str()) == 0
                                            : ::zmq_bind(in.get(), to_second.c_str()) == 0 &&
                                                  ::zmq_bind(out.get(), to_first.c_str()) == 0;
  if (!joined) return fail_zeromq(party == Party::first ? "zmq_connect" : "zmq_bind");
  return End(std::move(context), std::move(in), std::move(out), Farewells::Guard(farewells_, party),
             polled_);
}

void Zeromq::describe(Row& row) const {
  set(row, "queue_messages", depth_);
  set(row, "peer_version", version());
}

bool Zeromq::End::again(const char* what) {
  if (errno == EAGAIN) {
    Polling{.yield = true}.not_now();  // to its I/O thread
    return true;
  }
  return errno == EINTR ||
         failed(ErrorCode::system, fmt::format("{} failed: {}", what, ::zmq_strerror(errno)));
}

bool Zeromq::End::send(std::span<const std::byte> message) {
  while (::zmq_send(out_.get(), message.data(), message.size(), flags_) < 0) {
    if (!again("zmq_send")) return false;
  }
  return true;
}

std::size_t Zeromq::End::receive(std::span<std::byte> into) {
  for (;;) {
    const int got = ::zmq_recv(in_.get(), into.data(), into.size(), flags_);
    if (got >= 0 && static_cast<std::size_t>(got) == into.size()) return into.size();
    if (got >= 0) {
      failed(ErrorCode::corrupt, fmt::format("a message of {} bytes came", got));
      return 0;
    }
    if (!again("zmq_recv")) return 0;
  }
}

std::span<std::byte> Zeromq::End::claim(std::uint32_t size_bytes) {
  if (::zmq_msg_init_size(&outgoing_, size_bytes) != 0) {
    failed("zmq_msg_init_size failed");
    return {};
  }
  return {static_cast<std::byte*>(::zmq_msg_data(&outgoing_)), size_bytes};
}

bool Zeromq::End::commit() {
  while (::zmq_msg_send(&outgoing_, out_.get(), flags_) < 0) {
    if (again("zmq_msg_send")) continue;
    ::zmq_msg_close(&outgoing_);
    return false;
  }
  return true;
}

std::span<const std::byte> Zeromq::End::peek() {
  ::zmq_msg_init(&incoming_);
  while (::zmq_msg_recv(&incoming_, in_.get(), flags_) < 0) {
    if (again("zmq_msg_recv")) continue;
    ::zmq_msg_close(&incoming_);
    return {};
  }
  return {static_cast<const std::byte*>(::zmq_msg_data(&incoming_)), ::zmq_msg_size(&incoming_)};
}

template TransportEntry entry<Zeromq>(std::string_view name, Family family);

}  // namespace ringbell::bench
