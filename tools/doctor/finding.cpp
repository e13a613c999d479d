#include "tools/doctor/finding.hpp"

#include <nlohmann/json.hpp>

namespace ringbell::bench {

nlohmann::ordered_json as_json(const Findings& findings) {
  auto all = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    all.push_back({{"name", finding.name},
                   {"level", name_of(finding.level)},
                   {"figure", finding.figure},
                   {"why", finding.why},
                   {"remedy", finding.remedy}});
  }
  return all;
}

}  // namespace ringbell::bench
