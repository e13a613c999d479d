// `ringbell metrics --listen`: an HTTP server that answers GET /metrics until a signal comes. Two
// sources have it: one on cpp-httplib, and one for a build without that library.
#pragma once

#include <string>

#include "tools/command/failure.hpp"

namespace ringbell::tools {

// Says on standard output where it listens, then serves until SIGINT, SIGTERM or SIGHUP. Returns
// why it ends. `host` is an address or a name; port 0: any that is free.
[[nodiscard]] Failure serve_metrics(const std::string& host, int port);

}  // namespace ringbell::tools
