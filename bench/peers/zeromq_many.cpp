// Many sockets of ZeroMQ, as bench/scale has many ends. What is set is as in zeromq.hpp, but
// ZMQ_LINGER is 0: what other sources sent behind the end of the first is not waited for.
//   channels     as many PUSH and PULL, each pair with a name of its own
//   subscribers  one XPUB, which waits for the slowest (ZMQ_XPUB_NODROP) and hears of each that
//                subscribes to the same (ZMQ_XPUB_VERBOSE), and as many SUB
//   writers      as many PUSH, one PULL
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <zmq.h>

#include "bench/peers/endpoint_name.hpp"
#include "bench/peers/farewell.hpp"
#include "bench/peers/peers.hpp"
#include "bench/scale/ways.hpp"

namespace ringbell::bench {
namespace {

struct Terminate {
  void operator()(void* context) const noexcept { ::zmq_ctx_term(context); }
};
struct Close {
  void operator()(void* socket) const noexcept { ::zmq_close(socket); }
};
using Context = std::unique_ptr<void, Terminate>;
using Socket = std::unique_ptr<void, Close>;

Error error_of(std::string_view what) {
  return {ErrorCode::system, errno, fmt::format("{} failed: {}", what, ::zmq_strerror(errno))};
}

Result<Context> make_context(std::uint32_t count) {
  constexpr int kSpare = 16;
  Context context(::zmq_ctx_new());
  if (!context ||
      ::zmq_ctx_set(context.get(), ZMQ_MAX_SOCKETS, static_cast<int>(count) + kSpare) != 0) {
    return tl::unexpected(error_of("zmq_ctx_new"));
  }
  return context;
}

Result<Socket> make_socket(void* context, int type, const std::string& address, bool binds) {
  constexpr int kReconnectMs = 1;
  constexpr int kNone = 0;
  constexpr int kOn = 1;
  constexpr int kReapTries = 100'000;
  Socket socket(::zmq_socket(context, type));
  // Those that were closed are still being reaped.
  for (int i = 0; i < kReapTries && !socket && errno == EMFILE; ++i) {
    ::sched_yield();
    socket.reset(::zmq_socket(context, type));
  }
  const auto set = [&](int option, const int& value) {
    return ::zmq_setsockopt(socket.get(), option, &value, sizeof value) == 0;
  };
  if (!socket || !set(ZMQ_LINGER, kNone) || !set(ZMQ_RECONNECT_IVL, kReconnectMs) ||
      (type == ZMQ_XPUB && (!set(ZMQ_XPUB_NODROP, kOn) || !set(ZMQ_XPUB_VERBOSE, kOn))) ||
      (type == ZMQ_SUB && ::zmq_setsockopt(socket.get(), ZMQ_SUBSCRIBE, "", 0) != 0)) {
    return tl::unexpected(error_of("zmq_socket"));
  }
  if ((binds ? ::zmq_bind : ::zmq_connect)(socket.get(), address.c_str()) != 0) {
    return tl::unexpected(error_of(binds ? "zmq_bind" : "zmq_connect"));
  }
  return socket;
}

// One side of all of them.
struct Side {
  Context context;
  std::vector<Socket> sockets;
  std::optional<Farewells::Guard> guard;  // goes first: the sockets stay until both sides are done
};

template <Shape shape>
class ManySockets {
 public:
  static constexpr Shape kShape = shape;
  static constexpr bool kMayMiss = false;

  class Writers : public Failing {
   public:
    Writers(Side side, std::string address, bool polled) noexcept
        : side_(std::move(side)), address_(std::move(address)), flags_(polled ? ZMQ_DONTWAIT : 0) {}
    [[nodiscard]] bool send(std::uint32_t source, std::span<const std::byte> message) {
      void* const socket = side_.sockets[source].get();
      while (::zmq_send(socket, message.data(), message.size(), flags_) < 0) {
        if (errno == EAGAIN) {
          ::sched_yield();  // to its I/O thread
        } else if (errno != EINTR) {
          return failed(error_of("zmq_send"));
        }
      }
      return true;
    }
    [[nodiscard]] void* context() const noexcept { return side_.context.get(); }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

   private:
    Side side_;
    std::string address_;  // where one more may connect
    int flags_;
  };

  class Reader : public Failing {
   public:
    Reader(Side side, Loop loop) : side_(std::move(side)), loop_(loop) {
      for (const Socket& socket : side_.sockets) {
        items_.push_back({.socket = socket.get(), .fd = 0, .events = ZMQ_POLLIN, .revents = 0});
      }
    }
    template <class Use>
    [[nodiscard]] bool turn(Use&& use) {
      if (loop_ == Loop::poll || loop_ == Loop::waiting) {
        if (::zmq_poll(items_.data(), static_cast<int>(items_.size()), -1) < 0 && errno != EINTR) {
          return failed(error_of("zmq_poll"));
        }
      }
      bool came = false;
      for (std::uint32_t way = 0; way < items_.size(); ++way) {
        if (loop_ == Loop::poll && items_[way].revents == 0) continue;
        if (!take(way, use, came)) return false;
      }
      if (!came) ::sched_yield();  // to its I/O thread
      return true;
    }

   private:
    template <class Use>
    [[nodiscard]] bool take(std::uint32_t way, Use& use, bool& came) {
      std::array<std::byte, kLetterBytes> message{};
      for (int i = 0; i < kMostAtOnce; ++i) {
        const int got =
            ::zmq_recv(side_.sockets[way].get(), message.data(), message.size(), ZMQ_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EINTR || failed(error_of("zmq_recv"));
        came = true;
        use(way, std::span<const std::byte>(message).first(static_cast<std::size_t>(got)));
      }
      return true;
    }

    Side side_;
    Loop loop_;
    std::vector<zmq_pollitem_t> items_;
  };

  [[nodiscard]] static Result<ManySockets> open(std::uint32_t count, Loop loop) {
    Result<Farewells> farewells = Farewells::create();
    if (!farewells) return tl::unexpected(farewells.error());
    return ManySockets(std::move(*farewells), count, loop);
  }
  [[nodiscard]] Result<Writers> writers() {
    const bool publishes = shape == Shape::subscribers;
    Result<Side> side =
        side_of(Party::first, publishes ? ZMQ_XPUB : ZMQ_PUSH, sources_of(shape, count_));
    if (!side) return tl::unexpected(side.error());
    for (std::uint32_t i = 0; publishes && i < count_; ++i) {
      std::array<char, 8> subscription{};
      if (::zmq_recv(side->sockets[0].get(), subscription.data(), subscription.size(), 0) < 0) {
        return tl::unexpected(error_of("zmq_recv"));
      }
    }
    return Writers(std::move(*side), address_of(0), loop_ == Loop::polled);
  }
  [[nodiscard]] Result<Reader> reader() {
    const int type = shape == Shape::subscribers ? ZMQ_SUB : ZMQ_PULL;
    Result<Side> side = side_of(Party::second, type, ways_of(shape, count_));
    if (!side) return tl::unexpected(side.error());
    return Reader(std::move(*side), loop_);
  }
  [[nodiscard]] static Result<std::function<Result<void>()>> one_more(Writers& writers,
                                                                      Reader& /*reader*/) {
    return [context = writers.context(), address = writers.address()]() -> Result<void> {
      const int type = shape == Shape::subscribers ? ZMQ_SUB : ZMQ_PUSH;
      const Result<Socket> socket = make_socket(context, type, address, false);
      return socket ? Result<void>{} : tl::unexpected(socket.error());
    };
  }
  [[nodiscard]] static std::uint64_t unseen_bytes(std::uint32_t /*count*/) noexcept { return 0; }

 private:
  ManySockets(Farewells farewells, std::uint32_t count, Loop loop)
      : farewells_(std::move(farewells)),
        name_(fresh_endpoint_name()),
        count_(count),
        loop_(loop) {}

  [[nodiscard]] std::string address_of(std::uint32_t number) const {
    return fmt::format("ipc://@{}-{}", name_, number);
  }
  [[nodiscard]] Result<Side> side_of(Party party, int type, std::uint32_t sockets) {
    Result<Context> context = make_context(sockets);
    if (!context) return tl::unexpected(context.error());
    Side side{std::move(*context), {}, std::nullopt};
    const bool binds = type == ZMQ_XPUB || type == ZMQ_PULL;
    for (std::uint32_t i = 0; i < sockets; ++i) {
      const std::uint32_t number = shape == Shape::channels ? i : 0;
      Result<Socket> socket = make_socket(side.context.get(), type, address_of(number), binds);
      if (!socket) return tl::unexpected(socket.error());
      side.sockets.push_back(std::move(*socket));
    }
    // Where one process has both sides there is none to wait for.
    if (loop_ != Loop::none) side.guard.emplace(farewells_, party);
    return side;
  }

  Farewells farewells_;
  std::string name_;
  std::uint32_t count_;
  Loop loop_;
};

template <Shape shape>
void add(std::vector<ManyWay>& ways, Loop asleep, std::span<const std::uint32_t> counts) {
  add_streams<ManySockets<shape>>(ways, "zeromq", Loop::polled, counts);
  add_streams<ManySockets<shape>>(ways, "zeromq", asleep, counts);
  add_ends<ManySockets<shape>>(ways, "zeromq", Loop::none, counts);
}

}  // namespace

std::vector<ManyWay> zeromq_ways() {
  static constexpr std::array<std::uint32_t, 4> kMany{1, 10, 100, 1000};
  static constexpr std::array<std::uint32_t, 4> kSome{1, 4, 16, 64};
  std::vector<ManyWay> ways;
  add<Shape::channels>(ways, Loop::poll, kMany);
  add<Shape::subscribers>(ways, Loop::poll, kSome);
  add<Shape::writers>(ways, Loop::waiting, kSome);
  return ways;
}

}  // namespace ringbell::bench
