// Opening an endpoint on what it takes over: a channel, a topic, a region.
#pragma once

#include <memory>
#include <utility>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>

namespace ringbell::capi {

// A region of `convert(given)` behind a new handle.
template <class Convert, class Given, class Handle>
[[nodiscard]] int create_region(const Given* given, Convert convert, Handle** handle,
                                ringbell_error* error) noexcept {
  return guarded_whole(error, [&] {
    const auto options = convert(given);
    if (!options) return report(options.error(), error);
    return hand_out(Region::create(options->region()), handle, error);
  });
}

// The region of a descriptor, which stays the caller's, behind a new handle.
template <class Handle>
[[nodiscard]] int attach_region(int fd, Handle** handle, ringbell_error* error) noexcept {
  return guarded_whole(error, [&]() -> int {
    Result<FileDescriptor> copy = duplicate(fd);
    if (!copy) return report(copy.error(), error);
    return hand_out(Region::attach(std::move(*copy)), handle, error);
  });
}

// Side::open(what stands behind `place`, more..., wait options) behind a new handle. `place` is
// used up in any case.
template <class Side, class Place, class Handle, class... More>
[[nodiscard]] int open_side(Place* place, const ringbell_wait_options* wait, Handle** handle,
                            ringbell_error* error, More... more) noexcept {
  return guarded_whole(error, [&] {
    const std::unique_ptr<Place> owned(place);
    const Result<WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(Side::open(std::move(owned->value), more..., *options), handle, error);
  });
}

// Side::create(name, options, wait options) behind a new handle; `convert` makes the options.
template <class Side, class Convert, class Given, class Handle>
[[nodiscard]] int create_named(const char* name, Convert convert, const Given* given,
                               const ringbell_wait_options* wait, Handle** handle,
                               ringbell_error* error) noexcept {
  return guarded_whole(error, [&] {
    const auto options = convert(given);
    if (!options) return report(options.error(), error);
    const Result<WaitOptions> waiting = wait_options_of(wait);
    if (!waiting) return report(waiting.error(), error);
    return hand_out(Side::create(name, *options, *waiting), handle, error);
  });
}

// Side::open(name, more..., wait options) behind a new handle.
template <class Side, class Handle, class... More>
[[nodiscard]] int open_named(const char* name, const ringbell_wait_options* wait, Handle** handle,
                             ringbell_error* error, More... more) noexcept {
  return guarded_whole(error, [&] {
    const Result<WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(Side::open(name, more..., *options), handle, error);
  });
}

// Side::open_device(path, wait options) behind a new handle.
template <class Side, class Handle>
[[nodiscard]] int open_device(const char* path, const ringbell_wait_options* wait, Handle** handle,
                              ringbell_error* error) noexcept {
  return guarded_whole(error, [&] {
    const Result<WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(Side::open_device(path, *options), handle, error);
  });
}

}  // namespace ringbell::capi
