// In the place of metrics_server.cpp where cpp-httplib was not found when this was built.
#include "tools/command/command.hpp"
#include "tools/command/look/metrics_server.hpp"

namespace ringbell::tools {

Failure serve_metrics(const std::string& host, int port) {
  (void)host;
  (void)port;
  return {kFailed,
          "this ringbell was built without cpp-httplib: install libcpp-httplib-dev and build it "
          "anew, or use --textfile"};
}

}  // namespace ringbell::tools
