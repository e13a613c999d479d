#include "bench/compare/guest.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "bench/floors/state.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/harness/subprocess.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

// They say for themselves how long they measure.
constexpr double kSeconds = 5;

bool has_guests(const Point& point) noexcept {
  return point.transport == "ringbell" && point.wait == Wait::spin &&
         point.placement == Placement::two_cpus && !point.loaned && !point.checksum &&
         point.batch == 1 && point.bench != Bench::open_loop;
}

// Its figures, or null: it has no such point.
Result<Row> figures_of(const Guest& guest, const Point& point, const CpuPair& cpus) {
  const Result<std::string> said =
      output_of({guest.program, name_of(point.bench), std::to_string(point.message_bytes),
                 std::to_string(cpus[0]), std::to_string(cpus[1])},
                ".");
  if (!said) return tl::unexpected(said.error());
  if (said->empty()) return Row();
  Row figures = Row::parse(*said, nullptr, false);
  const char* const promised = point.bench == Bench::round_trip ? "p50_ns" : "messages_per_s";
  if (!figures.is_object() || !figures.contains(promised) || !figures[promised].is_number()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} printed no object with {}", guest.program, promised));
  }
  return figures;
}

Result<void> run_guest(const Guest& guest, Point point, const CpuPair& cpus, RowSink& sink,
                       Result<void>& verified) {
  point.transport = guest.name;
  point.wait = Wait::polled;
  sink.announce(point.title(), kSeconds);
  Row row = point.labels();
  bool has_point = true;
  const Result<void> measured =
      add_in_one_state(point.placement, cpus, row, [&](Row& own) -> Result<void> {
        const Result<Row> figures = figures_of(guest, point, cpus);
        if (!figures) return tl::unexpected(figures.error());
        has_point = !figures->is_null();
        for (const auto& [field, value] : figures->items()) {
          if (!own.contains(field)) own[field] = value;
        }
        return {};
      });
  if (!has_point) return {};
  return add_measured(std::move(row), measured, point.title(), sink, verified);
}

}  // namespace

Result<Guest> parse_guest(const std::string& text) {
  const std::size_t end = text.find('=');
  if (end == std::string::npos || end == 0 || end + 1 == text.size()) {
    return fail(ErrorCode::invalid_argument, fmt::format("--guest: '{}' is no NAME=PROGRAM", text));
  }
  Guest guest{text.substr(0, end), text.substr(end + 1)};
  if (find_transport(guest.name) != nullptr) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--guest: there is a transport '{}'; choose another name", guest.name));
  }
  return guest;
}

Result<void> run_guests(const std::vector<Guest>& guests, const Point& point, const CpuPair& cpus,
                        RowSink& sink, Result<void>& verified) {
  if (!has_guests(point)) return {};
  for (const Guest& guest : guests) {
    if (auto done = run_guest(guest, point, cpus, sink, verified); !done) return done;
  }
  return {};
}

}  // namespace ringbell::bench
