#include "bench/harness/throughput.hpp"

#include <fmt/format.h>

namespace ringbell::bench {

tl::unexpected<Error> fail_wrong_content(std::uint64_t sequence) {
  return fail(
      ErrorCode::corrupt,
      fmt::format("verification failed: the content of message {} is not what was sent", sequence));
}

void describe_throughput(const Stream& stream, const Point& point, Row& row) {
  const double seconds = static_cast<double>(stream.elapsed_ns) * 1e-9;
  const double per_second = static_cast<double>(stream.messages) / seconds;
  set(row, "messages", stream.messages);
  set(row, "seconds", seconds);
  set(row, "messages_per_s", per_second);
  set(row, "bytes_per_s", per_second * static_cast<double>(point.message_bytes));
  set(row, "verified", true);
  set(row, "verified_messages", stream.verified);
}

}  // namespace ringbell::bench
