#include "bench/transports/registry.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

#include <fmt/format.h>

#include "bench/transports/broadcast.hpp"
#include "bench/transports/call.hpp"
#include "bench/transports/fan_in.hpp"
#include "bench/transports/mpmc.hpp"
#include "bench/transports/pipe.hpp"
#include "bench/transports/posix_mq.hpp"
#include "bench/transports/ringbell.hpp"
#include "bench/transports/sysv_mq.hpp"
#include "bench/transports/tcp.hpp"
#include "bench/transports/unix_seqpacket.hpp"
#include "bench/transports/unix_stream.hpp"
#include "bench/transports/vmsplice.hpp"

namespace ringbell::bench {
namespace {

// Its messages are whole pages; for a few of them a copy costs less than mapping them.
TransportEntry vmsplice() {
  constexpr std::size_t kSmallestBytes = 65536;
  TransportEntry one = entry<Vmsplice>("vmsplice");
  one.smallest_bytes = kSmallestBytes;
  return one;
}

std::vector<TransportEntry>& all() {
  static std::vector<TransportEntry> entries{
      entry<Ringbell>("ringbell", Family::ringbell),
      entry<Mpmc>("ringbell_mpmc", Family::ring),
      entry<ManyLanes>("ringbell_fan_in", Family::ring),
      entry<Lossless>("ringbell_broadcast", Family::ring),
      round_trip_entry<Lossy>("ringbell_lossy", Family::ring),
      round_trip_entry<OneCallLine>("ringbell_call", Family::ring),
      entry<Pipe>("pipe"),
      entry<LargePipe>("pipe_1m"),
      vmsplice(),
      entry<UnixStream>("unix_stream"),
      entry<UnixSeqpacket>("unix_seqpacket"),
      entry<PosixMq>("posix_mq"),
      entry<SysvMq>("sysv_mq"),
      entry<Tcp>("tcp"),
  };
  return entries;
}

}  // namespace

std::span<const TransportEntry> transports() noexcept { return all(); }

void add_transports(std::span<const TransportEntry> more) {
  all().insert(all().end(), more.begin(), more.end());
}

std::vector<KnownPeer> missing_peers() {
  std::vector<KnownPeer> missing;
  std::copy_if(kKnownPeers.begin(), kKnownPeers.end(), std::back_inserter(missing),
               [](const KnownPeer& peer) { return find_transport(peer.name) == nullptr; });
  return missing;
}

std::string how_to_get(const std::vector<KnownPeer>& peers) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> packages;
  for (const KnownPeer& peer : peers) {
    names.push_back(peer.name);
    packages.push_back(peer.packages);
  }
  return fmt::format(
      "built without {}; in the source tree `./dev compare --peers` installs and builds them (by "
      "hand: apt-get install {}; then configure and build again)",
      fmt::join(names, ", "), fmt::join(packages, " "));
}

const TransportEntry* find_transport(std::string_view name) noexcept {
  const std::span<const TransportEntry> known = transports();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.name == name; });
  return found != known.end() ? &*found : nullptr;
}

std::string transport_names() {
  std::string names;
  for (const TransportEntry& one : transports()) {
    if (!names.empty()) names += ", ";
    names += one.name;
  }
  return names;
}

Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
  const TransportEntry* const transport = find_transport(point.transport);
  assert(transport != nullptr);
  switch (point.bench) {
    case Bench::round_trip:
      return transport->round_trip(point, cpus, row);
    case Bench::throughput:
      return transport->throughput(point, cpus, row);
    case Bench::open_loop:
      return transport->open_loop(point, cpus, row);
  }
  return fail(ErrorCode::invalid_argument, "no such benchmark");
}

}  // namespace ringbell::bench
