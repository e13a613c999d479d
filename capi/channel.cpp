// The C API of channels: Channel, Sender and Receiver behind handles.
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

namespace ringbell::capi {
namespace {

template <class Side>
ringbell_stats stats_of(const Side& side) noexcept {
  const Stats stats = side.stats();
  return {.position = side.position(),
          .waits = stats.waits,
          .sleeps = stats.sleeps,
          .rings = stats.rings,
          .missed_rings = stats.missed_rings};
}

// As open_side(), with what ringbell_channel_set_peer() was given.
template <class Side, class Handle>
int open_end(ringbell_channel* channel, const ringbell_wait_options* wait, Handle** handle,
             ringbell_error* error) noexcept {
  return guarded_whole(error, [&] {
    const std::unique_ptr<ringbell_channel> owned(channel);
    const Result<WaitOptions> options = wait_options_of(wait);
    if (!options) return report(options.error(), error);
    return hand_out(Side::open(std::move(owned->value), *options, std::move(owned->peer)), handle,
                    error);
  });
}

template <class Side>
int wait_for_peer(Side& side, std::int64_t timeout_ns, ringbell_error* error) noexcept {
  return guarded(error, [&] { return done(side.wait_for_peer(timeout_of(timeout_ns)), error); });
}

}  // namespace
}  // namespace ringbell::capi

using namespace ringbell::capi;

extern "C" {

int ringbell_channel_create(const ringbell_channel_options* options, ringbell_channel** channel,
                            ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::ChannelOptions> checked = channel_options_of(options);
    if (!checked) return report(checked.error(), error);
    return hand_out(ringbell::Channel::create(*checked), channel, error);
  });
}

int ringbell_channel_attach(const ringbell_channel_fds* fds, ringbell_channel** channel,
                            ringbell_error* error) {
  return guarded_whole(error, [&] {
    return hand_out(
        ringbell::Channel::attach(
            {.memory = fds->memory, .data_bell = fds->data_bell, .space_bell = fds->space_bell}),
        channel, error);
  });
}

ringbell_channel_fds ringbell_channel_get_fds(const ringbell_channel* channel) {
  const ringbell::ChannelFds fds = channel->value.fds();
  return {.memory = fds.memory, .data_bell = fds.data_bell, .space_bell = fds.space_bell};
}

void ringbell_channel_destroy(ringbell_channel* channel) { destroy(channel); }

int ringbell_channel_set_peer(ringbell_channel* channel, int fd, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    auto copy = ringbell::duplicate(fd);
    if (!copy) return report(copy.error(), error);
    channel->peer = std::move(*copy);
    return RINGBELL_OK;
  });
}

int ringbell_sender_open(ringbell_channel* channel, const ringbell_wait_options* wait,
                         ringbell_sender** sender, ringbell_error* error) {
  return open_end<ringbell::Sender>(channel, wait, sender, error);
}

int ringbell_sender_claim(ringbell_sender* sender, size_t size_bytes, int64_t timeout_ns,
                          void** room, ringbell_error* error) {
  return guarded(error, [&] {
    return give_room(sender->value.claim_for(size_bytes, timeout_of(timeout_ns)), room, nullptr,
                     error);
  });
}

void ringbell_sender_commit(ringbell_sender* sender, size_t size_bytes) {
  sender->value.commit(size_bytes);
}

void ringbell_sender_stage(ringbell_sender* sender, size_t size_bytes) {
  sender->value.stage(size_bytes);
}

void ringbell_sender_flush(ringbell_sender* sender) { sender->value.flush(); }

void ringbell_sender_abort(ringbell_sender* sender) { sender->value.abort(); }

void ringbell_sender_set_source(ringbell_sender* sender, uint32_t source) {
  sender->value.set_source(source);
}

int ringbell_sender_send(ringbell_sender* sender, const void* bytes, size_t size_bytes,
                         int64_t timeout_ns, ringbell_error* error) {
  return send(sender->value, bytes, size_bytes, timeout_ns, error);
}

void ringbell_sender_require_reader(ringbell_sender* sender, int required) {
  sender->value.require_reader(required != 0);
}

uint32_t ringbell_sender_max_record_bytes(const ringbell_sender* sender) {
  return sender->value.max_record_bytes();
}

uint64_t ringbell_sender_fill(const ringbell_sender* sender) { return sender->value.fill(); }

int ringbell_sender_create(const char* name, const ringbell_channel_options* options,
                           const ringbell_wait_options* wait, ringbell_sender** sender,
                           ringbell_error* error) {
  return create_named<ringbell::Sender>(name, channel_options_of, options, wait, sender, error);
}

int ringbell_sender_open_name(const char* name, int64_t timeout_ns,
                              const ringbell_wait_options* wait, ringbell_sender** sender,
                              ringbell_error* error) {
  return open_named<ringbell::Sender>(name, wait, sender, error, timeout_of(timeout_ns));
}

int ringbell_sender_open_device(const char* path, const ringbell_wait_options* wait,
                                ringbell_sender** sender, ringbell_error* error) {
  return open_device<ringbell::Sender>(path, wait, sender, error);
}

ringbell_stats ringbell_sender_stats(const ringbell_sender* sender) {
  return stats_of(sender->value);
}

int ringbell_sender_waitable_fd(const ringbell_sender* sender, int* fd, ringbell_error* error) {
  return waitable_fd(sender->value, fd, error);
}

int ringbell_sender_arm(ringbell_sender* sender, size_t size_bytes) {
  return sender->value.arm(size_bytes) ? 1 : 0;
}

void ringbell_sender_disarm(ringbell_sender* sender) { sender->value.disarm(); }

void ringbell_sender_interrupt(ringbell_sender* sender) { sender->value.interrupt(); }

int ringbell_sender_peer(const ringbell_sender* sender) { return number_of(sender->value.peer()); }

int ringbell_sender_wait_for_peer(ringbell_sender* sender, int64_t timeout_ns,
                                  ringbell_error* error) {
  return wait_for_peer(sender->value, timeout_ns, error);
}

int ringbell_sender_name_lost(const ringbell_sender* sender) { return name_lost(sender); }

void ringbell_sender_close(ringbell_sender* sender) { destroy(sender); }

int ringbell_receiver_open(ringbell_channel* channel, const ringbell_wait_options* wait,
                           ringbell_receiver** receiver, ringbell_error* error) {
  return open_end<ringbell::Receiver>(channel, wait, receiver, error);
}

int ringbell_receiver_peek(ringbell_receiver* receiver, int64_t timeout_ns, const void** record,
                           size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(receiver->value.peek_for(timeout_of(timeout_ns)), record, size_bytes, error);
  });
}

int ringbell_receiver_peek_newest(ringbell_receiver* receiver, int64_t timeout_ns,
                                  const void** record, size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(receiver->value.peek_newest_for(timeout_of(timeout_ns)), record, size_bytes, error);
  });
}

int ringbell_receiver_peek_fresh(ringbell_receiver* receiver, int64_t time_to_live_ns,
                                 int64_t timeout_ns, const void** record, size_t* size_bytes,
                                 ringbell_error* error) {
  return guarded(error, [&] {
    return show(receiver->value.peek_fresh_for(std::chrono::nanoseconds(time_to_live_ns),
                                               timeout_of(timeout_ns)),
                record, size_bytes, error);
  });
}

uint64_t ringbell_receiver_expired(const ringbell_receiver* receiver) {
  return receiver->value.expired();
}

int ringbell_receiver_user_header(ringbell_receiver* receiver, ringbell_user_header* header) {
  return give_user_header(receiver->value.user_header(), header);
}

uint64_t ringbell_receiver_lag(const ringbell_receiver* receiver) { return receiver->value.lag(); }

void ringbell_receiver_release(ringbell_receiver* receiver) {
  receiver->value.hold();
  receiver->value.release_to(receiver->value.position());
}

void ringbell_receiver_hold(ringbell_receiver* receiver) { receiver->value.hold(); }

int ringbell_receiver_receive(ringbell_receiver* receiver, void* into, size_t room_bytes,
                              int64_t timeout_ns, size_t* size_bytes, ringbell_error* error) {
  return receive(receiver->value, into, room_bytes, timeout_ns, size_bytes, error);
}

int ringbell_receiver_create(const char* name, const ringbell_channel_options* options,
                             const ringbell_wait_options* wait, ringbell_receiver** receiver,
                             ringbell_error* error) {
  return create_named<ringbell::Receiver>(name, channel_options_of, options, wait, receiver, error);
}

int ringbell_receiver_open_name(const char* name, int64_t timeout_ns,
                                const ringbell_wait_options* wait, ringbell_receiver** receiver,
                                ringbell_error* error) {
  return open_named<ringbell::Receiver>(name, wait, receiver, error, timeout_of(timeout_ns));
}

int ringbell_receiver_open_device(const char* path, const ringbell_wait_options* wait,
                                  ringbell_receiver** receiver, ringbell_error* error) {
  return open_device<ringbell::Receiver>(path, wait, receiver, error);
}

ringbell_stats ringbell_receiver_stats(const ringbell_receiver* receiver) {
  return stats_of(receiver->value);
}

int ringbell_receiver_waitable_fd(const ringbell_receiver* receiver, int* fd,
                                  ringbell_error* error) {
  return waitable_fd(receiver->value, fd, error);
}

int ringbell_receiver_arm(ringbell_receiver* receiver) { return receiver->value.arm() ? 1 : 0; }

void ringbell_receiver_disarm(ringbell_receiver* receiver) { receiver->value.disarm(); }

void ringbell_receiver_interrupt(ringbell_receiver* receiver) { receiver->value.interrupt(); }

int ringbell_receiver_peer(const ringbell_receiver* receiver) {
  return number_of(receiver->value.peer());
}

int ringbell_receiver_wait_for_peer(ringbell_receiver* receiver, int64_t timeout_ns,
                                    ringbell_error* error) {
  return wait_for_peer(receiver->value, timeout_ns, error);
}

int ringbell_receiver_name_lost(const ringbell_receiver* receiver) { return name_lost(receiver); }

void ringbell_receiver_close(ringbell_receiver* receiver) { destroy(receiver); }

}  // extern "C"
