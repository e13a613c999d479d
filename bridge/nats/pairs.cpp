#include "bridge/nats/pairs.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>

#include "bridge/nats/client.hpp"
#include "bridge/nats/inbound.hpp"
#include "bridge/nats/outbound.hpp"
#include "bridge/nats/service.hpp"

namespace ringbell::bridge {
namespace {

constexpr std::chrono::milliseconds kSlice{50};

tl::unexpected<Error> stopped_by_caller() { return fail(ErrorCode::cancelled, ""); }

// The first connection, which must come within `wait`: what does not mend itself is found here.
Result<Connection> connect(const Pair& pair, const std::function<bool()>& stopped, Timeout wait) {
  const bool out = pair.direction == Direction::out;
  const std::string name = std::string("ringbell ") + (out ? "out " : "in ") + pair.ring;
  const SteadyTime end = end_of(wait);
  BackOff back_off;
  for (;;) {
    Result<Connection> connection = connection_for(pair, name);
    if (connection && pair.durable) {
      const Result<StreamState> stream = find_stream(*connection, pair);
      if (!stream) connection = tl::unexpected(stream.error());
    }
    if (connection || connection.error().code != ErrorCode::cancelled) return connection;
    if (left_until(end) == Timeout::zero()) {
      return fail(ErrorCode::not_found, connection.error().message);
    }
    if (!back_off.nap(stopped)) return stopped_by_caller();
  }
}

// What a topic still has may have been sent by an earlier bridge: of a core subject it is not sent
// again.
Result<RingReader> open_reader(const Pair& pair, const std::function<bool()>& stopped) {
  const Subscriber::Start start =
      pair.durable ? Subscriber::Start::oldest : Subscriber::Start::newest;
  for (;;) {
    Result<RingReader> reader = RingReader::open(pair.ring, kSlice, start);
    if (reader || reader.error().code != ErrorCode::not_found) return reader;
    if (stopped()) return stopped_by_caller();
  }
}

Result<void> run_out(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                     Timeout wait) {
  for (;;) {
    Result<Connection> connection = connect(pair, stopped, wait);
    if (!connection) return tl::unexpected(connection.error());
    Result<RingReader> reader = open_reader(pair, stopped);
    if (!reader) return tl::unexpected(reader.error());
    std::optional<Spill> spill;
    if (pair.overflow == Overflow::spill) {
      Result<Spill> opened = Spill::open(pair.spill_folder, pair.ring);
      if (!opened) reader->leave();
      if (!opened) return tl::unexpected(opened.error());
      spill.emplace(std::move(*opened));
    }
    Outbound outbound(pair, counters, stopped, Records(pair, std::move(*reader), std::move(spill)));
    const Result<void> ended = outbound.run(std::move(*connection));
    const bool writer_gone = ended || ended.error().code == ErrorCode::closed ||
                             ended.error().code == ErrorCode::peer_dead;
    if (!writer_gone) outbound.leave();
    if (!writer_gone || !pair.keep) return ended;
    wait = kForever;
  }
}

Result<void> run_in(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                    Timeout wait) {
  Result<Connection> connection = connect(pair, stopped, wait);
  if (!connection) return tl::unexpected(connection.error());
  Result<RingWriter> writer = RingWriter::create(pair.ring, pair.shape);
  if (!writer) return tl::unexpected(writer.error());
  return Inbound(pair, counters, stopped, std::move(*writer)).run(std::move(*connection));
}

Result<void> run_service(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                         Timeout wait) {
  Result<Connection> connection = connect(pair, stopped, wait);
  if (!connection) return tl::unexpected(connection.error());
  return pair.direction == Direction::out
             ? ServiceOut(pair, counters, stopped).run(std::move(*connection))
             : ServiceIn(pair, counters, stopped).run(std::move(*connection));
}

}  // namespace

void finish() {
  constexpr std::int64_t kPatienceMs = 5000;
  (void)nats_CloseAndWait(kPatienceMs);
  // At the end libnats 3.4 frees what OpenSSL frees once more, and the process crashes. This runs
  // before both.
  (void)::on_exit(
      [](int status, void*) {
        (void)std::fflush(nullptr);
        ::_exit(status);
      },
      nullptr);
}

Result<void> run(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                 std::chrono::nanoseconds wait) {
  if (auto good = check(pair); !good) return good;
  if (pair.service) return run_service(pair, counters, stopped, wait);
  return pair.direction == Direction::out ? run_out(pair, counters, stopped, wait)
                                          : run_in(pair, counters, stopped, wait);
}

}  // namespace ringbell::bridge
