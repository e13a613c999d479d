// iox-roudi, the daemon that iceoryx's processes meet through and whose memory they use: started
// for one link and gone with it, however the comparison ends.
//
// A guardian process, with a session of its own and all signals blocked, is RouDi's parent and
// waits until RouDi is ready. When the owner lets go or dies it ends RouDi, by pid, and takes away
// what RouDi and iceoryx's processes have in /tmp and /dev/shm. It does that itself because RouDi
// 2.0, told to end, aborts when a process that had registered is gone, as all of ours are: they
// leave by _exit. Should the guardian be killed, RouDi dies with it and the owner takes the names
// away.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {

struct RoudiOptions {
  std::size_t chunk_bytes;  // payload; all chunks have one size
  std::size_t chunks;
  std::vector<std::string> runtimes;  // names of the processes that will register
};

class Roudi {
 public:
  // Returns when clients may come. Errors: system: it is not installed, there is another one, or
  // what it said.
  [[nodiscard]] static Result<Roudi> start(const RoudiOptions& options);

  Roudi(Roudi&& other) noexcept
      : guardian_(std::exchange(other.guardian_, -1)),
        life_line_(std::move(other.life_line_)),
        names_(std::move(other.names_)) {}
  Roudi& operator=(Roudi&&) = delete;
  // Returns when it has ended.
  ~Roudi();

 private:
  Roudi(pid_t guardian, FileDescriptor life_line, std::vector<std::string> names) noexcept
      : guardian_(guardian), life_line_(std::move(life_line)), names_(std::move(names)) {}

  pid_t guardian_;
  FileDescriptor life_line_;  // the guardian waits for its end of file
  std::vector<std::string> names_;
};

}  // namespace ringbell::bench
