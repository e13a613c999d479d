// Where the rows of a run go: into memory, into a file, and past the progress line.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/progress.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Collects the rows of a run. Each is in the file as soon as it is added, so that a run that is cut
// short leaves what it had measured.
class RowSink {
 public:
  // Collects in memory only, without progress: for tests.
  RowSink() = default;
  // Collects in memory only.
  explicit RowSink(Progress progress) noexcept : progress_(progress) {}
  // Replaces the file. Errors: system, permission.
  [[nodiscard]] static Result<RowSink> create(const std::string& path, Progress progress);

  // Says what is measured next and how long it should take: the progress line, and the time left.
  void announce(std::string_view what, double estimated_seconds) {
    progress_.begin(what, estimated_seconds);
  }
  // Appends the row to the file. A measurement may add several.
  void add(Row row);

  // Some lines for people, while it goes on.
  void tell(std::string_view text) { progress_.tell(text); }

  // Ends the progress line.
  void finish() { progress_.finish(); }

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  // The first failure to write the file, if there was one.
  [[nodiscard]] const Result<void>& written() const noexcept { return written_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
  Progress progress_;
  std::vector<Row> rows_;
  Result<void> written_;
};

}  // namespace ringbell::bench
