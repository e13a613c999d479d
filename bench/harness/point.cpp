#include "bench/harness/point.hpp"

#include <fmt/format.h>

namespace ringbell::bench {

Row Point::labels() const {
  Row row;
  row["bench"] = bench == Bench::round_trip ? "round_trip" : "throughput";
  row["transport"] = transport;
  row["wait"] = name_of(wait);
  row["placement"] = name_of(placement);
  row["message_bytes"] = message_bytes;
  if (sleeps(wait)) row["quick_wake"] = quick_wake;
  if (!spin_first) row["spin_first"] = false;
  if (loaned) row["loaned"] = true;
  if (batch > 1) row["batch"] = batch;
  if (checksum) row["checksum"] = true;
  row["repeat"] = repeat;
  return row;
}

std::string Point::title() const {
  std::string text =
      fmt::format("{} {} {}, {}, {} B", transport, name_of(wait),
                  bench == Bench::round_trip ? "round trip" : "throughput",
                  placement == Placement::two_cpus ? "two CPUs" : "one CPU", message_bytes);
  if (quick_wake) text += ", quick wake";
  if (!spin_first) text += ", no spinning";
  if (loaned) text += ", loaned";
  if (batch > 1) text += fmt::format(", batch {}", batch);
  if (checksum) text += ", checksum";
  return text;
}

}  // namespace ringbell::bench
