#include "bench/harness/point.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringbell::bench {

Row Point::labels() const {
  Row row;
  row["bench"] = name_of(bench);
  row["transport"] = transport;
  row["wait"] = name_of(wait);
  row["placement"] = name_of(placement);
  row["message_bytes"] = message_bytes;
  if (sleeps(wait)) row["quick_wake"] = quick_wake;
  if (!spin_first) row["spin_first"] = false;
  if (!within_quota) row["within_quota"] = false;
  if (loaned) row["loaned"] = true;
  if (batch > 1) row["batch"] = batch;
  if (checksum) row["checksum"] = true;
  if (load > 0) row["load"] = load;
  if (rate_per_s > 0) row["rate_intended_per_s"] = rate_per_s;
  row["repeat"] = repeat;
  return row;
}

std::string Point::title() const {
  const char* const spoken = bench == Bench::round_trip   ? "round trip"
                             : bench == Bench::throughput ? "throughput"
                                                          : "open loop";
  std::string text =
      fmt::format("{} {} {}, {}, {} B", transport, name_of(wait), spoken,
                  placement == Placement::two_cpus ? "two CPUs" : "one CPU", message_bytes);
  if (quick_wake) text += ", quick wake";
  if (!spin_first) text += ", no spinning";
  if (!within_quota) text += ", whatever the quota";
  if (loaned) text += ", loaned";
  if (batch > 1) text += fmt::format(", batch {}", batch);
  if (checksum) text += ", checksum";
  if (load > 0) text += fmt::format(", {:.0f} % load", 100 * load);
  if (rate_per_s > 0) text += fmt::format(", {:.3g} a second", rate_per_s);
  return text;
}

}  // namespace ringbell::bench
