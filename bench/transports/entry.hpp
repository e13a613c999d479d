// What entry() of registry.hpp is. A transport's source instantiates it, and with it compiles the
// measuring loops of that transport:
//
//   template TransportEntry entry<Pipe>(std::string_view name, Family family);
#pragma once

#include "bench/harness/lanes.hpp"
#include "bench/harness/open_loop.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {

template <class T>
TransportEntry entry(std::string_view name, Family family) {
  static_assert(Transport<T>);
  constexpr bool kLoans = requires(typename T::End & end) { end.peek(); };
  constexpr bool kBatches = requires(typename T::End & end) { end.flush(); };
  return {name,   family,  &RoundTrip<T>::measure, &Throughput<T>::measure, &OpenLoop<T>::measure,
          kLoans, kBatches};
}

template <class T>
TransportEntry round_trip_entry(std::string_view name, Family family) {
  static_assert(Transport<T>);
  return {name, family, &RoundTrip<T>::measure, nullptr, nullptr};
}

}  // namespace ringbell::bench
