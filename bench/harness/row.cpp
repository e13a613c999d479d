#include "bench/harness/row_sink.hpp"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace ringbell::bench {

Result<RowSink> RowSink::create(const std::string& path, Progress progress) {
  RowSink sink;
  sink.file_.reset(std::fopen(path.c_str(), "we"));
  if (!sink.file_) {
    return fail_errno(fmt::format("writing {} failed", path),
                      "choose another place (--out, --json)");
  }
  sink.path_ = path;
  sink.progress_ = progress;
  return sink;
}

void RowSink::add(Row row) {
  if (file_ && written_) {
    const std::string line =
        row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
        std::fflush(file_.get()) != 0) {
      written_ = fail_errno(fmt::format("writing {} failed", path_),
                            "free some space, or choose another place (--out, --json)");
    }
  }
  rows_.push_back(std::move(row));
}

template <class T>
void set(Row& row, const char* field, const T& value) {
  row[field] = value;
}
template void set(Row& row, const char* field, const bool& value);
template void set(Row& row, const char* field, const int& value);
template void set(Row& row, const char* field, const std::uint32_t& value);
template void set(Row& row, const char* field, const std::uint64_t& value);
template void set(Row& row, const char* field, const double& value);
template void set(Row& row, const char* field, const std::string& value);

}  // namespace ringbell::bench
