#include "python/src/ring.hpp"

#include <filesystem>
#include <optional>
#include <type_traits>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/service.hpp>

#include "python/src/handle.hpp"
#include "python/src/options.hpp"

namespace ringbell::python {
namespace {

const char* name_of_kind(core::RingKind kind) noexcept {
  switch (kind) {
    case core::RingKind::spsc:
      return "channel";
    case core::RingKind::mpmc:
      return "queue";
    case core::RingKind::broadcast_lossless:
    case core::RingKind::broadcast_lossy:
    case core::RingKind::many_lossless:
    case core::RingKind::many_lossy:
      return "topic";
    case core::RingKind::fan_in:
      return "collector";
    case core::RingKind::call_group:
      return "service";
    case core::RingKind::state:
      return "state";
    default:
      return "other";
  }
}

template <class Options>
std::unique_ptr<Ring> make(py::kwargs kwargs) {
  Keywords given(std::move(kwargs));
  auto options = options_of<Options>(given);
  if constexpr (std::is_same_v<Options, ChannelOptions>) {
    std::optional<std::filesystem::path> path;
    given.take("path", path);
    if (path) options.memory.backing = Backing::file;
    if (path) options.memory.name = path->string();
    given.take("seals", options.seals);
  }
  given.finish();
  return std::make_unique<Ring>(
      value_or_raise(made_unless_signalled(options, [&] { return Ring::create(options); })));
}

}  // namespace

Result<Ring> Ring::create(const ChannelOptions& options) { return of(Channel::create(options)); }
Result<Ring> Ring::create(const TopicOptions& options) { return of(Topic::create(options)); }
Result<Ring> Ring::create(const StateOptions& options) { return of(State::create(options)); }

Result<Ring> Ring::attach(const std::vector<int>& fds) {
  const auto at = [&](std::size_t i) { return i < fds.size() ? fds[i] : -1; };
  Result<FileDescriptor> file = duplicate(at(0));
  if (!file) return tl::unexpected(std::move(file.error()));
  // A lossy topic may be looked at only, so this look asks for no more.
  Result<Region> region = Region::attach(std::move(*file), Access::read_only);
  if (!region) return tl::unexpected(std::move(region.error()));
  switch (region->kind()) {
    case core::RingKind::spsc:
      return of(Channel::attach({.memory = at(0), .data_bell = at(1), .space_bell = at(2)}));
    case core::RingKind::broadcast_lossless:
    case core::RingKind::broadcast_lossy:
    case core::RingKind::many_lossless:
    case core::RingKind::many_lossy:
      return of(Topic::attach({.memory = at(0), .bells = at(1)}));
    case core::RingKind::state:
      return of(State::attach({.memory = at(0), .bells = at(1)}));
    default:
      return Ring(std::move(*region));
  }
}

Result<Ring> Ring::open_file(const std::string& path) {
  return of(Channel::open(Backing::file, path));
}

std::vector<int> Ring::fds() const {
  std::vector<int> fds;
  if (const auto* channel = std::get_if<Channel>(&held_)) {
    fds = {channel->fds().memory, channel->fds().data_bell, channel->fds().space_bell};
  } else if (const auto* topic = std::get_if<Topic>(&held_)) {
    fds = {topic->fds().memory, topic->fds().bells};
  } else if (const auto* state = std::get_if<State>(&held_)) {
    fds = {state->fds().memory, state->fds().bells};
  } else {
    fds = {region().fd()};
  }
  while (fds.back() < 0) fds.pop_back();
  return fds;
}

const Region& Ring::region() const noexcept {
  if (const auto* channel = std::get_if<Channel>(&held_)) return channel->region();
  if (const auto* topic = std::get_if<Topic>(&held_)) return topic->region();
  if (const auto* state = std::get_if<State>(&held_)) return state->region();
  return std::get<Region>(held_);
}

Result<Topic> Ring::topic(bool to_publish) {
  auto* held = std::get_if<Topic>(&held_);
  if (held == nullptr) return other_kind();
  Result<Topic> other = Topic::attach(held->fds());
  if (other && to_publish) std::swap(*other, *held);
  return other;
}

Result<State> Ring::state(bool to_write) {
  auto* held = std::get_if<State>(&held_);
  if (held == nullptr) return other_kind();
  Result<State> other = State::attach(held->fds());
  if (other && to_write) std::swap(*other, *held);
  return other;
}

tl::unexpected<Error> Ring::other_kind() {
  return fail(ErrorCode::not_a_region, "this ring is of another kind than this end is for");
}

void bind_ring(py::module_& module) {
  py::class_<Ring>(
      module, "Ring",
      "A ring without a name, for the children of fork() and multiprocessing: each process opens "
      "its end of it with\nEND.open(ring).\n\n"
      "Raises: InvalidArgumentError, NoSpaceError, SystemCallError; TypeError for an option that "
      "is not there.")
      .def_static("channel", &make<ChannelOptions>, options_text<ChannelOptions>().c_str())
      .def_static("queue", &make<QueueOptions>, options_text<QueueOptions>().c_str())
      .def_static("topic", &make<TopicOptions>, options_text<TopicOptions>().c_str())
      .def_static("collector", &make<CollectorOptions>, options_text<CollectorOptions>().c_str())
      .def_static("service", &make<ServiceOptions>, options_text<ServiceOptions>().c_str())
      .def_static("state", &make<StateOptions>, options_text<StateOptions>().c_str())
      .def_static(
          "attach",
          [](const std::vector<int>& fds) {
            return std::make_unique<Ring>(value_or_raise(Ring::attach(fds)));
          },
          py::arg("fds"),
          "From the fds of another process's ring, passed on in their order; the caller keeps "
          "them.\n\nRaises: NotARegionError, VersionMismatchError, NotPermittedError, "
          "SystemCallError.")
      .def_static(
          "open_file",
          [](const std::filesystem::path& path) {
            return std::make_unique<Ring>(value_or_raise(Ring::open_file(path.string())));
          },
          py::arg("path"),
          "The channel in a file (Ring.channel(path=...)).\n\nRaises: StaleError (it was in use "
          "when the power went: recover()), NotARegionError, VersionMismatchError,\n"
          "NotPermittedError, SystemCallError.")
      .def(
          "sync",
          [](const Ring& ring) {
            Result<void> done = [&] {
              const NoGil no_gil;
              return ring.region().sync();
            }();
            value_or_raise(std::move(done));
          },
          "Returns when all that was committed is on the disk.\n\nRaises: SystemCallError.")
      .def(
          "settle",
          [](const Ring& ring) {
            Result<void> done = [&] {
              const NoGil no_gil;
              return ring.region().settle();
            }();
            value_or_raise(std::move(done));
          },
          "The same, for the last process that has the file, when its ends are closed: a later "
          "boot opens it as this\none does.\n\nRaises: UnsupportedError (it is no file), "
          "SystemCallError.")
      .def_property_readonly("kind",
                             [](const Ring& ring) { return name_of_kind(ring.region().kind()); })
      .def_property_readonly("fds", &Ring::fds);
}

}  // namespace ringbell::python
