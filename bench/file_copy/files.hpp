// The two files of a copy: the one that process A reads and the one that process B writes.
#pragma once

#include <cstdint>
#include <string>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {

struct SourceFile {
  FileDescriptor file;  // for reading
  std::string path;
  std::uint64_t file_bytes;
};

// A file that the user named. Errors, each with what to do: it is not there, is empty, is a
// directory or no regular file, may not be read.
[[nodiscard]] Result<SourceFile> open_source(const std::string& path);

// `file_bytes` bytes put together from the regular files under /usr/lib, in the order of their
// paths, from the start again if there are too few. If it is to be kept, it stands in `folder` for
// the next time, is made anew if its size is off, and appears whole or not at all; else it has no
// name.
// Errors: no_space; permission; system.
[[nodiscard]] Result<SourceFile> assemble_source(const std::string& folder,
                                                 std::uint64_t file_bytes, bool keep = true);

// A new file without a name in `folder`: it is gone with its last descriptor, however the processes
// end. Its space is reserved, where the file system can. Errors: no_space, permission, system.
[[nodiscard]] Result<FileDescriptor> create_destination(const std::string& folder,
                                                        std::uint64_t file_bytes);

}  // namespace ringbell::bench
