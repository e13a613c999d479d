// Opening an endpoint on what it takes over: a channel, a topic, a service.
#pragma once

#include <memory>
#include <utility>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>

namespace ringbell::capi {

// Side::open(what stands behind `place`, more..., wait options) behind a new handle. `place` is
// used up in any case.
template <class Side, class Place, class Handle, class... More>
[[nodiscard]] int open_side(Place* place, const ringbell_wait_options* wait, Handle** handle,
                            ringbell_error* error, More... more) noexcept {
  return guarded(error, [&] {
    const std::unique_ptr<Place> owned(place);
    const Result<WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(Side::open(std::move(owned->value), more..., *options), handle, error);
  });
}

}  // namespace ringbell::capi
