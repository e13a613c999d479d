// The transports of the comparison by name.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness/point.hpp"

namespace ringbell::bench {

// Adds the figures of the point to the row.
using Measure = Result<void> (*)(const Point& point, const CpuPair& cpus, Row& row);

enum class Family {
  ringbell,  // a channel: every way to wait
  ring,      // a ring of core, bare: it spins, on two CPUs
  kernels,
  peer,  // another library (bench/peers): waits as the kernel's do
};

struct TransportEntry {
  std::string_view name;  // as in the rows and on the command line
  Family family;
  Measure round_trip;
  Measure throughput;              // null: has none
  Measure open_loop;               // null: has none
  bool loans = false;              // has rows with "loaned"
  bool batches = false;            // has rows with "batch"
  std::size_t smallest_bytes = 0;  // of the messages that it is compared with
};

// The entry of a Transport, or of one that has round trips only. Declared here and instantiated in
// the transport's source (entry.hpp): the measuring loops of all of them in one source would take a
// minute to compile.
template <class T>
[[nodiscard]] TransportEntry entry(std::string_view name, Family family = Family::kernels);
template <class T>
[[nodiscard]] TransportEntry round_trip_entry(std::string_view name, Family family);

// A library that bench/peers knows, whether this program was built with it or not.
struct KnownPeer {
  std::string_view name;      // of its transport
  std::string_view packages;  // Debian's
};

// In the order of the rows.
inline constexpr std::array kKnownPeers{
    KnownPeer{"zeromq", "libzmq3-dev"},
    KnownPeer{"nng", "libnng-dev"},
    KnownPeer{"boost_queue", "libboost-dev"},
    KnownPeer{"iceoryx", "libiceoryx-posh-dev iceoryx"},
};

// Ringbell's and the kernel's, then the peers that were added.
[[nodiscard]] std::span<const TransportEntry> transports() noexcept;

// What a program was built with besides. Call it before anything else looks.
void add_transports(std::span<const TransportEntry> more);

// Those of kKnownPeers that this program lacks.
[[nodiscard]] std::vector<KnownPeer> missing_peers();

// One line about these peers: that the program lacks them, and how to get them.
[[nodiscard]] std::string how_to_get(const std::vector<KnownPeer>& peers);

// Nothing if there is none of this name.
[[nodiscard]] const TransportEntry* find_transport(std::string_view name) noexcept;

// "ringbell, pipe, ...": for messages.
[[nodiscard]] std::string transport_names();

// REQUIRES: point.transport is the name of one.
[[nodiscard]] Result<void> measure(const Point& point, const CpuPair& cpus, Row& row);

}  // namespace ringbell::bench
