// Other programs: git for the commit, the report for the plots. No shell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

// What becomes of a program's stderr.
enum class Errors : std::uint8_t { dropped, passed_on };

// What the program printed. Errors: system, if it cannot be started or ends with a status other
// than 0.
[[nodiscard]] Result<std::string> output_of(const std::vector<std::string>& command,
                                            const std::string& folder,
                                            Errors errors = Errors::dropped);

// Runs it with this process's stdout; its last line on stderr becomes the Error's.
[[nodiscard]] Result<void> run(const std::vector<std::string>& command, const std::string& folder);

}  // namespace ringbell::bench
