// Rows and figures in words: what the tables for people are made of.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Three significant digits and a unit: "130 ns", "1.20 us", "76.0 M/s", "2.31 GB/s".
[[nodiscard]] std::string duration_text(double ns);
[[nodiscard]] std::string message_rate_text(double per_s);
[[nodiscard]] std::string byte_rate_text(double per_s);
// "44.0 M", "2.46 GB": how many, and how many bytes.
[[nodiscard]] std::string count_text(double count);
[[nodiscard]] std::string volume_text(double bytes);
// "56 B", "4 KiB": whole units only.
[[nodiscard]] std::string size_text(std::size_t bytes);

// The value of a field, or 0, "" or false for a row without it.
[[nodiscard]] double number_of(const Row& row, const char* field);
[[nodiscard]] std::string text_of(const Row& row, const char* field);
[[nodiscard]] bool flag_of(const Row& row, const char* field);

// "one CPU, asleep, quick wake-ups": rows that compete.
[[nodiscard]] std::string setting_of(const Row& row);
// "one CPU" or "two CPUs".
[[nodiscard]] std::string placement_of(const Row& row);
// The transport, and what stands apart: "ringbell spin (loaned)".
[[nodiscard]] std::string label_of(const Row& row);

// Of the open loop: "50 %" of the capacity, or the rate that was asked for.
[[nodiscard]] std::string load_text(const Row& row);

// Of repeats the one in the middle; null if there are none.
[[nodiscard]] const Row* median_of(std::vector<const Row*> repeats, const char* metric);

// The cells of a table's line.
using Line = std::vector<std::string>;

// The first column left, the others right; a table that is wider than `columns` is continued below
// with its other columns.
[[nodiscard]] std::string aligned(const std::vector<Line>& lines, std::size_t columns);

// Keys, each once, in the order in which they first appeared.
template <class Key>
class Ordered {
 public:
  void add(const Key& key) {
    if (std::find(keys_.begin(), keys_.end(), key) == keys_.end()) keys_.push_back(key);
  }
  [[nodiscard]] const std::vector<Key>& keys() const noexcept { return keys_; }

 private:
  std::vector<Key> keys_;
};

}  // namespace ringbell::bench
