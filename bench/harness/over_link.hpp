// A loop on the two ends of a link, each in a process of its own on its CPU: what the round trip,
// the throughput and the open loop have in common.
#pragma once

#include <ringbell/transport/base/error.hpp>

#include "bench/harness/message_size.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/row.hpp"
#include "bench/harness/shared.hpp"
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

// Runs side(end, party, size, figures) for each party and returns the figures that both share.
// Adds to the row what the link says of itself, to `usage` what the processes used. Errors:
// whatever stopped one of them.
template <Transport T, class Figures, class Side>
[[nodiscard]] Result<Shared<Figures>> run_over_link(const Point& point, const CpuPair& cpus,
                                                    Row& row, Usage& usage, Side side) {
  const Result<T> link = T::open(point.link_options());
  if (!link) return tl::unexpected(link.error());
  Result<Shared<Figures>> figures = Shared<Figures>::create();
  if (!figures) return figures;
  link->describe(row);
  const Result<void> ran = with_size_for<T>(point.message_bytes, [&](auto size) {
    const auto run = [&](Party party) -> Result<void> {
      if (point.group != nullptr && !point.group->join()) {
        return fail_errno("joining the control group failed");
      }
      Result<typename T::End> end = link->end(party);
      if (!end) return tl::unexpected(end.error());
      return side(*end, party, size, **figures);
    };
    return run_pair(
        point.pair_options(cpus, &usage), [&] { return run(Party::first); },
        [&] { return run(Party::second); });
  });
  if (!ran) return tl::unexpected(ran.error());
  return figures;
}

}  // namespace ringbell::bench
