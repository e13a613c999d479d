// A floor measured right before and right after the point that is judged by it.
//
// The two CPUs of a virtual machine are now close, now far apart (a shared cache or none), and that
// changes within minutes. A ratio to a floor that was measured minutes ago compares two machines.
#pragma once

#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

class FloorBeside {
 public:
  FloorBeside(const Point& point, const CpuPair& cpus)
      : point_(point), cpus_(cpus), floor_(floor_of(point)) {}

  // Measures the floor of the point, if it has one: for ringbell's spinning rows on two CPUs, the
  // ring of lines for short round trips (one line for calls in the line), memcpy through a shared
  // buffer for large messages one way, and of a channel's messages one way the limit of lines. A
  // floor that fails is left out: the point has the error, if there is one.
  void measure();

  // "floor_p50_ns" or "floor_bytes_per_s", the mean of what was measured; "limit_per_s": messages
  // of this size, with their headers, in the lines that go one way.
  void describe(Row& row) const;

  // Of both measurements; 0 for a point without a floor.
  [[nodiscard]] static double seconds(const Point& point) noexcept;

 private:
  enum class Floor { none, ring_of_lines, one_line, memcpy };

  // Whether it is ringbell's, awake, on two CPUs, copied, one by one.
  [[nodiscard]] static bool is_plain(const Point& point) noexcept;
  [[nodiscard]] static bool has_limit(const Point& point) noexcept;
  [[nodiscard]] static Floor floor_of(const Point& point) noexcept;

  const Point& point_;
  CpuPair cpus_;
  Floor floor_;
  std::vector<double> figures_;
  std::vector<double> limits_;  // bytes of lines a second
};

// How long the point takes with all that is measured beside it.
[[nodiscard]] double seconds_with_floor(const Point& point) noexcept;

}  // namespace ringbell::bench
