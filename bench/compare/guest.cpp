#include "bench/compare/guest.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

// Of what a guest prints, all else would say what was measured.
constexpr std::array kFigures{"p50_ns",         "p90_ns",      "p99_ns",   "p999_ns",
                              "mean_ns",        "max_ns",      "samples",  "messages_per_s",
                              "bytes_per_s",    "verified",    "messages", "cpu_ns_per_message",
                              "queue_messages", "peer_version"};

bool has_guests(const Point& point) noexcept {
  return point.transport == "ringbell" && point.wait == Wait::spin &&
         point.placement == Placement::two_cpus && !point.loaned && !point.checksum &&
         point.batch == 1 && point.bench != Bench::open_loop;
}

// Its figures, or null: it has no such point.
Result<Row> figures_of(const Guest& guest, const Point& point, const CpuPair& cpus) {
  const Result<std::string> said = output_of(
      {"timeout", "60", guest.program, name_of(point.bench), std::to_string(point.message_bytes),
       std::to_string(cpus[0]), std::to_string(cpus[1])},
      ".", Errors::passed_on);
  if (!said) return fail(ErrorCode::system, fmt::format("{} failed", guest.program));
  if (said->empty()) return Row();
  Row figures = Row::parse(*said, nullptr, false);
  const char* const promised = point.bench == Bench::round_trip ? "p50_ns" : "messages_per_s";
  if (!figures.is_object() || !figures.contains(promised) || !figures[promised].is_number()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} printed no object with {}", guest.program, promised));
  }
  if (!figures.value("verified", true)) {
    return fail(ErrorCode::corrupt, fmt::format("{} received something else", guest.program));
  }
  return figures;
}

Result<void> run_guest(const Guest& guest, Point point, const CpuPair& cpus, RowSink& sink,
                       Result<void>& verified) {
  point.transport = guest.name;
  point.wait = Wait::polled;
  sink.announce(point.title(), kSeconds);
  Row row = point.labels();
  row["guest"] = true;
  bool has_point = true;
  const Result<void> measured =
      add_in_one_state(point.placement, cpus, row, [&](Row& own) -> Result<void> {
        const Result<Row> figures = figures_of(guest, point, cpus);
        if (!figures) return tl::unexpected(figures.error());
        has_point = !figures->is_null();
        for (const char* const figure : kFigures) {
          if (has_point && figures->contains(figure)) own[figure] = (*figures)[figure];
        }
        return {};
      });
  if (measured && !has_point) return {};
  return add_measured(std::move(row), measured, point.title(), sink, verified);
}

Result<Guest> parse_guest(const std::string& text) {
  const std::size_t end = text.find('=');
  if (end == std::string::npos || end == 0 || end + 1 == text.size()) {
    return fail(ErrorCode::invalid_argument, fmt::format("--guest: '{}' is no NAME=PROGRAM", text));
  }
  return Guest{text.substr(0, end), text.substr(end + 1)};
}

}  // namespace

Result<std::vector<Guest>> parse_guests(const std::vector<std::string>& texts) {
  std::vector<Guest> guests;
  for (const std::string& text : texts) {
    Result<Guest> guest = parse_guest(text);
    if (!guest) return tl::unexpected(guest.error());
    const auto has_its_name = [&](const Guest& other) { return other.name == guest->name; };
    if (find_transport(guest->name) != nullptr ||
        std::any_of(guests.begin(), guests.end(), has_its_name)) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("--guest: there is a transport '{}'; choose another name", guest->name));
    }
    guests.push_back(std::move(*guest));
  }
  return guests;
}

double guests_seconds(const std::vector<Guest>& guests, std::span<const Point> points) {
  return kSeconds * static_cast<double>(guests.size()) *
         static_cast<double>(std::count_if(points.begin(), points.end(), has_guests));
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
