#include "tools/command/measure/bench_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/compare/plan.hpp"
#include "bench/transports/registry.hpp"
#include "tools/command/command.hpp"
#include "tools/command/quantity.hpp"

namespace ringbell::tools {
namespace {

std::optional<int> cpu_of_text(const std::string& text) {
  int cpu = -1;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, cpu);
  if (error != std::errc() || stopped != end || cpu < 0) return std::nullopt;
  return cpu;
}

}  // namespace

Tried<Places> places_of(const std::vector<std::string>& texts) {
  const bench::CpuPair usual = bench::choose_cpus();
  if (texts.empty()) {
    const bool only_one = usual[1] < 0;
    return Places{usual, only_one ? bench::Placement::one_cpu : bench::Placement::two_cpus};
  }
  const std::vector<int> allowed = bench::allowed_cpus();
  std::vector<int> cpus;
  for (const std::string& text : texts) {
    const std::optional<int> cpu = cpu_of_text(text);
    if (cpu && std::find(allowed.begin(), allowed.end(), *cpu) != allowed.end()) {
      cpus.push_back(*cpu);
    }
  }
  if (cpus.size() != texts.size() || cpus.size() > 2) {
    return give_up(kUsage, fmt::format("--cpu: '{}' will not do; one or two of {} are wanted",
                                       fmt::join(texts, ","), fmt::join(allowed, ", ")));
  }
  if (cpus.size() == 1 || cpus[0] == cpus[1]) {
    return Places{{cpus[0], -1}, bench::Placement::one_cpu};
  }
  return Places{{cpus[0], cpus[1]}, bench::Placement::two_cpus};
}

Tried<std::vector<std::size_t>> sizes_of(const std::vector<std::string>& texts,
                                         std::size_t smallest, std::vector<std::size_t> usual) {
  constexpr std::size_t kLargest = bench::kMessageSizes.back();
  if (texts.empty()) return usual;
  std::vector<std::size_t> sizes;
  for (const std::string& text : texts) {
    const std::optional<std::uint64_t> size = size_of_text(text);
    if (!size || *size < smallest || *size > kLargest) {
      return give_up(kUsage, fmt::format("--size: '{}' will not do; {} to {} bytes are possible",
                                         text, smallest, kLargest));
    }
    if (std::find(sizes.begin(), sizes.end(), *size) == sizes.end()) sizes.push_back(*size);
  }
  return sizes;
}

Tried<std::vector<bench::Wait>> waits_of(const std::vector<std::string>& texts,
                                         std::vector<bench::Wait> usual) {
  using bench::Wait;
  constexpr std::array kWaits{Wait::spin, Wait::park, Wait::eventfd, Wait::polled, Wait::blocking};
  if (texts.empty()) return usual;
  std::vector<Wait> waits;
  for (const std::string& text : texts) {
    const auto* const found = std::find_if(kWaits.begin(), kWaits.end(),
                                           [&](Wait wait) { return text == name_of(wait); });
    if (found == kWaits.end()) {
      return give_up(kUsage, fmt::format("--wait: no way '{}' to wait; there are spin, park, "
                                         "eventfd, polled, blocking",
                                         text));
    }
    waits.push_back(*found);
  }
  return waits;
}

Tried<std::vector<double>> rates_of(const std::vector<std::string>& texts) {
  std::vector<double> rates;
  for (const std::string& text : texts) {
    double rate = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, rate);
    const std::string unit(stopped, end);
    const double factor = unit.empty() ? 1 : unit == "k" ? 1e3 : unit == "M" ? 1e6 : 0;
    rate *= factor;
    if (error != std::errc() || !(rate >= 1 && rate <= 1e9)) {
      return give_up(kUsage, fmt::format("--rate: '{}' will not do; 1 to 1e9 messages a second are "
                                         "possible, also with k or M",
                                         text));
    }
    rates.push_back(rate);
  }
  return rates;
}

Tried<void> check_transports(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (bench::find_transport(name) == nullptr) {
      return give_up(kUsage, fmt::format("--transport: no transport '{}'; there are {}", name,
                                         bench::transport_names()));
    }
  }
  return {};
}

Tried<bench::Chosen> chosen_of(const BenchOptions& options, std::size_t smallest) {
  const Tried<Places> places = places_of(options.cpus);
  if (!places) return tl::unexpected(places.error());
  Tried<std::vector<std::size_t>> sizes = sizes_of(options.sizes, smallest, {56});
  if (!sizes) return tl::unexpected(sizes.error());
  Tried<std::vector<bench::Wait>> waits = waits_of(options.waits, {bench::Wait::spin});
  if (!waits) return tl::unexpected(waits.error());
  if (Tried<void> known = check_transports(options.transports); !known) {
    return tl::unexpected(known.error());
  }
  bench::Chosen chosen;
  chosen.cpus = places->cpus;
  chosen.placements = {places->placement};
  chosen.transports = options.transports;
  chosen.sizes = std::move(*sizes);
  chosen.waits = std::move(*waits);
  chosen.quick_wakes = {options.quick_wake};
  chosen.checksum = options.verify;
  chosen.samples = options.samples;
  chosen.duration = std::chrono::milliseconds(static_cast<long>(options.duration_s * 1000));
  chosen.repeats = options.repeats;
  return chosen;
}

}  // namespace ringbell::tools
