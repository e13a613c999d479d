#include "bench/harness/measured.hpp"

#include <utility>

#include <fmt/format.h>

#include "bench/harness/process_pair.hpp"
#include "bench/harness/row_sink.hpp"

namespace ringbell::bench {

Error titled(const Error& error, std::string_view title) {
  return {error.code, error.errno_value, fmt::format("{}: {}", title, error.message)};
}

Result<void> add_measured(Row row, const Result<void>& measured, std::string_view title,
                          RowSink& sink, Result<void>& verified) {
  if (!measured) {
    row["error"] = measured.error().message;
    if (measured.error().code == ErrorCode::corrupt) {
      row["verified"] = false;
      if (verified) verified = tl::unexpected(titled(measured.error(), title));
    }
  }
  sink.add(std::move(row));
  if (!sink.written()) return sink.written();
  return !measured && ends_the_run(measured.error()) ? measured : Result<void>{};
}

}  // namespace ringbell::bench
