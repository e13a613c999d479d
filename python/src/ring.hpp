// A ring without a name: made in one process, reached in others over fork(), or by its descriptors.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <pybind11/pybind11.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/channel_end.hpp>
#include <ringbell/transport/ends/state.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/memory/region.hpp>

#include "python/src/errors.hpp"

namespace ringbell::python {

namespace py = pybind11;

class Ring {
 public:
  // Errors: as Region::create.
  [[nodiscard]] static Result<Ring> create(const ChannelOptions& options);
  [[nodiscard]] static Result<Ring> create(const TopicOptions& options);
  [[nodiscard]] static Result<Ring> create(const StateOptions& options);
  template <class Options>
  [[nodiscard]] static Result<Ring> create(const Options& options) {
    return of(Region::create(options.region()));
  }
  // From fds() of another process, in that order; the caller keeps them. Errors: as Region::attach.
  [[nodiscard]] static Result<Ring> attach(const std::vector<int>& fds);

  // The channel in a file of this path. Errors: as Region::open.
  [[nodiscard]] static Result<Ring> open_file(const std::string& path);

  // Memory, and what else the ring is made of.
  [[nodiscard]] std::vector<int> fds() const;
  [[nodiscard]] const Region& region() const noexcept;

  template <class End>
  [[nodiscard]] Result<End> open(const WaitOptions& wait) {
    if constexpr (std::is_base_of_v<ChannelEnd, End>) {
      if (const auto* channel = std::get_if<Channel>(&held_)) {
        return End::attach(channel->fds(), wait);
      }
      return other_kind();
    } else {
      Result<FileDescriptor> file = duplicate(region().fd());
      if (!file) return tl::unexpected(std::move(file.error()));
      Result<Region> region = Region::attach(std::move(*file));
      if (!region) return tl::unexpected(std::move(region.error()));
      return End::open(std::move(*region), wait);
    }
  }
  // To publish takes the mapping that can write, which a lossy topic of one publisher has only in
  // the process that made it, and once. So it is with a state.
  [[nodiscard]] Result<Topic> topic(bool to_publish);
  [[nodiscard]] Result<State> state(bool to_write);

 private:
  using Held = std::variant<Region, Channel, Topic, State>;

  explicit Ring(Held held) noexcept : held_(std::move(held)) {}
  template <class What>
  [[nodiscard]] static Result<Ring> of(Result<What> what) {
    if (!what) return tl::unexpected(std::move(what.error()));
    return Ring(std::move(*what));
  }
  [[nodiscard]] static tl::unexpected<Error> other_kind();

  Held held_;
};

void bind_ring(py::module_& module);

}  // namespace ringbell::python
