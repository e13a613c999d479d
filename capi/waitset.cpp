// The C API of wait sets: WaitSet behind a handle.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>

using namespace ringbell::capi;
using ringbell::Result;
using ringbell::WaitSet;

namespace {

// What `set.add(member...)` comes to.
template <class... Member>
[[nodiscard]] int add(ringbell_waitset* set, std::uint64_t* id, ringbell_error* error,
                      Member&&... member) noexcept {
  return guarded_whole(error, [&]() -> int {
    const Result<WaitSet::Id> added = set->value.add(std::forward<Member>(member)...);
    if (!added) return report(added.error(), error);
    *id = *added;
    return RINGBELL_OK;
  });
}

[[nodiscard]] std::uint32_t number_of(WaitSet::What what) noexcept {
  switch (what) {
    case WaitSet::What::ready:
      return RINGBELL_READY;
    case WaitSet::What::closed:
      return RINGBELL_IS_OVER;
    case WaitSet::What::dead:
      return RINGBELL_IS_DEAD;
    case WaitSet::What::failed:
      return RINGBELL_FAILED;
  }
  return RINGBELL_FAILED;
}

// What was told and has not been written yet.
[[nodiscard]] std::size_t write_events(ringbell_waitset& set, ringbell_event* events,
                                       std::size_t room) noexcept {
  const std::size_t count = std::min(room, set.told.size());
  std::transform(set.told.begin(), set.told.begin() + static_cast<std::ptrdiff_t>(count), events,
                 [](const WaitSet::Event& event) -> ringbell_event {
                   return {.id = event.id, .what = number_of(event.what), .events = event.events};
                 });
  set.told.erase(set.told.begin(), set.told.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace

extern "C" {

int ringbell_waitset_create(const ringbell_wait_options* wait, ringbell_waitset** set,
                            ringbell_error* error) {
  return guarded_whole(error, [&] {
    const Result<ringbell::WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(WaitSet::create({.wait = *options}), set, error);
  });
}

int ringbell_waitset_add_receiver(ringbell_waitset* set, ringbell_receiver* receiver, uint64_t* id,
                                  ringbell_error* error) {
  return add(set, id, error, receiver->value);
}

int ringbell_waitset_add_subscriber(ringbell_waitset* set, ringbell_subscriber* subscriber,
                                    uint64_t* id, ringbell_error* error) {
  return add(set, id, error, subscriber->value);
}

int ringbell_waitset_add_server(ringbell_waitset* set, ringbell_server* server, uint64_t* id,
                                ringbell_error* error) {
  return add(set, id, error, server->value);
}

int ringbell_waitset_add_state_reader(ringbell_waitset* set, ringbell_state_reader* reader,
                                      uint64_t* id, ringbell_error* error) {
  return add(set, id, error, reader->value);
}

int ringbell_waitset_add_queue_receiver(ringbell_waitset* set, ringbell_queue_receiver* receiver,
                                        uint64_t* id, ringbell_error* error) {
  return add(set, id, error, receiver->value);
}

int ringbell_waitset_add_collector(ringbell_waitset* set, ringbell_collector* collector,
                                   uint64_t* id, ringbell_error* error) {
  return add(set, id, error, collector->value);
}

int ringbell_waitset_add_contributor(ringbell_waitset* set, ringbell_contributor* contributor,
                                     size_t size_bytes, uint64_t* id, ringbell_error* error) {
  return add(set, id, error, contributor->value, size_bytes);
}

int ringbell_waitset_add_queue_sender(ringbell_waitset* set, ringbell_queue_sender* sender,
                                      uint64_t* id, ringbell_error* error) {
  return add(set, id, error, sender->value);
}

int ringbell_waitset_add_sender(ringbell_waitset* set, ringbell_sender* sender, size_t size_bytes,
                                uint64_t* id, ringbell_error* error) {
  return add(set, id, error, sender->value, size_bytes);
}

int ringbell_waitset_add_publisher(ringbell_waitset* set, ringbell_publisher* publisher,
                                   uint64_t* id, ringbell_error* error) {
  return add(set, id, error, publisher->value);
}

int ringbell_waitset_add_client(ringbell_waitset* set, ringbell_client* client, uint64_t* id,
                                ringbell_error* error) {
  return add(set, id, error, client->value);
}

int ringbell_waitset_add_fd(ringbell_waitset* set, int fd, uint32_t events, uint64_t* id,
                            ringbell_error* error) {
  return add(set, id, error, fd, events);
}

int ringbell_waitset_add_timer(ringbell_waitset* set, int64_t first_ns, int64_t interval_ns,
                               uint64_t* id, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    const Result<WaitSet::Id> added =
        set->value.add_timer(timeout_of(first_ns), timeout_of(interval_ns));
    if (!added) return report(added.error(), error);
    *id = *added;
    return RINGBELL_OK;
  });
}

void ringbell_waitset_remove(ringbell_waitset* set, uint64_t id) {
  const ringbell::NoCancellation whole;
  set->value.remove(id);
  std::erase_if(set->told, [id](const WaitSet::Event& event) { return event.id == id; });
}

int ringbell_waitset_wait(ringbell_waitset* set, int64_t timeout_ns, ringbell_event* events,
                          size_t room, size_t* count, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    if (room == 0) {
      return report(RINGBELL_INVALID_ARGUMENT, "there is no room for an event", error);
    }
    if (set->told.empty()) {
      set->told.reserve(set->value.size());  // a time that was told is over, and must not be lost
      const Result<std::span<const WaitSet::Event>> told = set->value.wait(timeout_of(timeout_ns));
      if (!told) return report(told.error(), error);
      if (told->empty()) return RINGBELL_NOT_NOW;
      set->told.assign(told->begin(), told->end());
    }
    *count = write_events(*set, events, room);
    return RINGBELL_OK;
  });
}

void ringbell_waitset_interrupt(ringbell_waitset* set) { set->value.interrupt(); }

void ringbell_waitset_destroy(ringbell_waitset* set) { destroy(set); }

}  // extern "C"
