// The C API of names: names::list() and remove_dead().
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/status.hpp>

namespace ringbell::capi {
namespace {

std::uint32_t kind_of(const names::Entry& entry) noexcept {
  if (entry.kind == names::Kind::listener) return RINGBELL_NAME_LISTENER;
  if (entry.kind != names::Kind::ring) return RINGBELL_NAME_UNKNOWN;
  switch (entry.ring) {
    case core::RingKind::spsc:
      return RINGBELL_NAME_CHANNEL;
    case core::RingKind::mpmc:
      return RINGBELL_NAME_QUEUE;
    case core::RingKind::broadcast_lossless:
    case core::RingKind::broadcast_lossy:
    case core::RingKind::many_lossless:
    case core::RingKind::many_lossy:
      return RINGBELL_NAME_TOPIC;
    case core::RingKind::fan_in:
      return RINGBELL_NAME_COLLECTOR;
    case core::RingKind::call_group:
      return RINGBELL_NAME_SERVICE;
    case core::RingKind::state:
      return RINGBELL_NAME_STATE;
    case core::RingKind::bells:
      return RINGBELL_NAME_UNKNOWN;
  }
  return RINGBELL_NAME_UNKNOWN;
}

// Behind a new handle, if the caller wants one.
int hand_out_names(Result<std::vector<names::Entry>> found, ringbell_names** handle,
                   ringbell_error* error) {
  if (!found) return report(found.error(), error);
  if (handle == nullptr) return RINGBELL_OK;
  auto names = std::make_unique<ringbell_names>();
  names->found = std::move(*found);
  std::transform(names->found.begin(), names->found.end(), std::back_inserter(names->value),
                 [](const names::Entry& entry) -> ringbell_name {
                   return {.name = entry.name.c_str(),
                           .folder = entry.folder.c_str(),
                           .newer = entry.newer.empty() ? nullptr : entry.newer.c_str(),
                           .size_bytes = entry.size_bytes,
                           .kind = kind_of(entry),
                           .creator_pid = entry.creator_pid,
                           .alive = entry.alive ? 1 : 0};
                 });
  *handle = names.release();
  return RINGBELL_OK;
}

}  // namespace
}  // namespace ringbell::capi

using namespace ringbell::capi;

extern "C" {

int ringbell_names_list(ringbell_names** names, ringbell_error* error) {
  return guarded_whole(error,
                       [&] { return hand_out_names(ringbell::names::list(), names, error); });
}

int ringbell_names_remove_dead(ringbell_names** names, ringbell_error* error) {
  return guarded_whole(
      error, [&] { return hand_out_names(ringbell::names::remove_dead(), names, error); });
}

size_t ringbell_names_count(const ringbell_names* names) { return names->value.size(); }

const ringbell_name* ringbell_names_at(const ringbell_names* names, size_t index) {
  return index < names->value.size() ? &names->value[index] : nullptr;
}

void ringbell_names_destroy(ringbell_names* names) { destroy(names); }

}  // extern "C"
