// The C API of channels in files and of records with seals.
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>
#include <ringbell/transport/ends/sealed.hpp>

using namespace ringbell::capi;

extern "C" {

int ringbell_channel_create_file(const char* path, const ringbell_channel_options* options,
                                 ringbell_channel** channel, ringbell_error* error) {
  return guarded_whole(error, [&] {
    ringbell::Result<ringbell::ChannelOptions> made = channel_options_of(options);
    if (!made) return report(made.error(), error);
    made->memory.backing = ringbell::Backing::file;
    made->memory.name = path;
    return hand_out(ringbell::Channel::create(*made), channel, error);
  });
}

int ringbell_channel_open_file(const char* path, ringbell_channel** channel,
                               ringbell_error* error) {
  return guarded_whole(error, [&] {
    return hand_out(ringbell::Channel::open(ringbell::Backing::file, path), channel, error);
  });
}

int ringbell_settle_file(const char* path, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    const auto region = ringbell::Region::open(ringbell::Backing::file, path);
    if (!region) return report(region.error(), error);
    const ringbell::Result<void> settled = region->settle();
    return settled ? RINGBELL_OK : report(settled.error(), error);
  });
}

int ringbell_sender_send_sealed(ringbell_sender* sender, const void* bytes, size_t size_bytes,
                                int64_t timeout_ns, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const std::span message(static_cast<const std::byte*>(bytes), size_bytes);
    const auto sent = ringbell::sealed::send(sender->value, message, timeout_of(timeout_ns));
    if (!sent) return report(sent.error(), error);
    return *sent ? RINGBELL_OK : RINGBELL_NOT_NOW;
  });
}

int ringbell_receiver_receive_sealed(ringbell_receiver* receiver, void* into, size_t room_bytes,
                                     int64_t timeout_ns, size_t* size_bytes,
                                     ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const std::span room(static_cast<std::byte*>(into), room_bytes);
    const auto size = ringbell::sealed::receive(receiver->value, room, timeout_of(timeout_ns));
    if (!size) return report(size.error(), error);
    if (!*size) return RINGBELL_NOT_NOW;
    *size_bytes = **size;
    return RINGBELL_OK;
  });
}

int ringbell_recover(const char* path,
                     void (*use)(void* context, const void* bytes, size_t size_bytes),
                     void* context, ringbell_recovered* recovered, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    const auto whole = ringbell::sealed::recover(path, [&](std::span<const std::byte> record) {
      use(context, record.data(), record.size());
    });
    if (!whole) return report(whole.error(), error);
    *recovered = {.records = whole->records, .gaps = whole->gaps};
    return RINGBELL_OK;
  });
}

}  // extern "C"
