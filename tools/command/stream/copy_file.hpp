// `ringbell cp`: the two ends of a copy, and what there is to do about files before and after.
#pragma once

#include <cstdint>
#include <string>

#include <ringbell/transport/base/file_descriptor.hpp>

#include "tools/command/failure.hpp"

namespace ringbell::tools {

struct Source {
  std::string path;
  FileDescriptor fd;
};

struct Destination {
  std::string path;
  FileDescriptor fd;
  bool is_new;  // was made for this copy, and is removed when the copy fails
  bool is_regular;
};

[[nodiscard]] Tried<Source> open_source(const std::string& path);

// `path`, or the source's name in it if it is a folder. Emptied if it was there; made with the
// source's mode if not. Refuses to copy a file onto itself.
[[nodiscard]] Tried<Destination> open_destination(const std::string& path, const Source& source);

void remove_failed(const Destination& destination) noexcept;

// Compares SHA-256 of both, read anew. kDiffers if they are not equal.
[[nodiscard]] Tried<void> verify(const Source& source, const Destination& destination);

}  // namespace ringbell::tools
