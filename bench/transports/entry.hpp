// A Transport as an entry of the registry: its measuring loops are compiled here.
#pragma once

#include <string_view>

#include "bench/harness/lanes.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/open_loop/open_loop.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {

template <Transport T>
[[nodiscard]] constexpr TransportEntry entry(std::string_view name,
                                             Family family = Family::kernels) {
  constexpr bool kLoans = requires(typename T::End & end) { end.peek(); };
  return {name,  family, &RoundTrip<T>::measure, &Throughput<T>::measure, &OpenLoop<T>::measure,
          kLoans};
}

}  // namespace ringbell::bench
