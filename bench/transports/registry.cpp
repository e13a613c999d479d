#include "bench/transports/registry.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "bench/harness/lanes.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/transports/broadcast.hpp"
#include "bench/transports/call.hpp"
#include "bench/transports/fan_in.hpp"
#include "bench/transports/fifo.hpp"
#include "bench/transports/mpmc.hpp"
#include "bench/transports/pipe.hpp"
#include "bench/transports/posix_mq.hpp"
#include "bench/transports/ringbell.hpp"
#include "bench/transports/sysv_mq.hpp"
#include "bench/transports/tcp.hpp"
#include "bench/transports/unix_seqpacket.hpp"
#include "bench/transports/unix_stream.hpp"

namespace ringbell::bench {
namespace {

template <Transport T>
constexpr TransportEntry entry(std::string_view name, Family family = Family::kernels) {
  return {name, family, &RoundTrip<T>::measure, &Throughput<T>::measure};
}
template <Transport T>
constexpr TransportEntry only_round_trips(std::string_view name, Family family) {
  return {name, family, &RoundTrip<T>::measure, nullptr};
}

constexpr std::array kTransports{
    entry<Ringbell>("ringbell", Family::ringbell),
    entry<Mpmc>("ringbell_mpmc", Family::ring),
    entry<ManyLanes>("ringbell_fan_in", Family::ring),
    entry<Lossless>("ringbell_broadcast", Family::ring),
    only_round_trips<Lossy>("ringbell_lossy", Family::ring),
    only_round_trips<OneCallLine>("ringbell_call", Family::ring),
    entry<Pipe>("pipe"),
    entry<LargePipe>("pipe_1m"),
    entry<Fifo>("fifo"),
    entry<UnixStream>("unix_stream"),
    entry<UnixSeqpacket>("unix_seqpacket"),
    entry<PosixMq>("posix_mq"),
    entry<SysvMq>("sysv_mq"),
    entry<Tcp>("tcp"),
};

}  // namespace

std::span<const TransportEntry> transports() noexcept { return kTransports; }

const TransportEntry* find_transport(std::string_view name) noexcept {
  const auto* const found = std::find_if(kTransports.begin(), kTransports.end(),
                                         [&](const auto& one) { return one.name == name; });
  return found != kTransports.end() ? found : nullptr;
}

std::string transport_names() {
  std::string names;
  for (const TransportEntry& one : kTransports) {
    if (!names.empty()) names += ", ";
    names += one.name;
  }
  return names;
}

Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
  const TransportEntry* const transport = find_transport(point.transport);
  assert(transport != nullptr);
  return point.bench == Bench::round_trip ? transport->round_trip(point, cpus, row)
                                          : transport->throughput(point, cpus, row);
}

}  // namespace ringbell::bench
