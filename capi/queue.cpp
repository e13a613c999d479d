// The C API of queues: QueueSender and QueueReceiver behind handles.
#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

namespace ringbell::capi {
namespace {

ringbell_queue_recovered recovered_of(const core::MpmcRecovered& found) noexcept {
  return {.skipped = found.skipped, .returned = found.returned};
}

template <class Handle>
ringbell_queue_recovered recover(Handle* handle) noexcept {
  const NoCancellation whole;
  return recovered_of(handle->value.recover());
}

template <class Handle>
ringbell_queue_recovered recovered(const Handle* handle) noexcept {
  return recovered_of(handle->value.recovered());
}

}  // namespace
}  // namespace ringbell::capi

using namespace ringbell::capi;

extern "C" {

int ringbell_queue_create(const ringbell_queue_options* options, ringbell_queue** queue,
                          ringbell_error* error) {
  return create_region(options, queue_options_of, queue, error);
}

int ringbell_queue_attach(int fd, ringbell_queue** queue, ringbell_error* error) {
  return attach_region(fd, queue, error);
}

int ringbell_queue_fd(const ringbell_queue* queue) { return queue->value.fd(); }

void ringbell_queue_destroy(ringbell_queue* queue) { destroy(queue); }

int ringbell_queue_sender_open(ringbell_queue* queue, const ringbell_wait_options* wait,
                               ringbell_queue_sender** sender, ringbell_error* error) {
  return open_side<ringbell::QueueSender>(queue, wait, sender, error);
}

int ringbell_queue_sender_create(const char* name, const ringbell_queue_options* options,
                                 const ringbell_wait_options* wait, ringbell_queue_sender** sender,
                                 ringbell_error* error) {
  return create_named<ringbell::QueueSender>(name, queue_options_of, options, wait, sender, error);
}

int ringbell_queue_sender_open_name(const char* name, int64_t timeout_ns,
                                    const ringbell_wait_options* wait,
                                    ringbell_queue_sender** sender, ringbell_error* error) {
  return open_named<ringbell::QueueSender>(name, wait, sender, error, timeout_of(timeout_ns));
}

int ringbell_queue_sender_claim(ringbell_queue_sender* sender, int64_t timeout_ns, void** room,
                                size_t* room_bytes, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const auto claimed = sender->value.claim_for(timeout_of(timeout_ns));
    return give_room(claimed, room, room_bytes, error);
  });
}

int ringbell_queue_sender_commit(ringbell_queue_sender* sender, size_t size_bytes) {
  return sender->value.commit(size_bytes) ? 1 : 0;
}

void ringbell_queue_sender_abort(ringbell_queue_sender* sender) { sender->value.abort(); }

int ringbell_queue_sender_send(ringbell_queue_sender* sender, const void* bytes, size_t size_bytes,
                               int64_t timeout_ns, ringbell_error* error) {
  return send(sender->value, bytes, size_bytes, timeout_ns, error);
}

void ringbell_queue_sender_require_reader(ringbell_queue_sender* sender, int required) {
  sender->value.require_reader(required != 0);
}

uint32_t ringbell_queue_sender_max_message_bytes(const ringbell_queue_sender* sender) {
  return sender->value.max_message_bytes();
}

uint64_t ringbell_queue_sender_fill(const ringbell_queue_sender* sender) {
  return sender->value.fill();
}

ringbell_queue_recovered ringbell_queue_sender_recover(ringbell_queue_sender* sender) {
  return recover(sender);
}

ringbell_queue_recovered ringbell_queue_sender_recovered(const ringbell_queue_sender* sender) {
  return recovered(sender);
}

int ringbell_queue_sender_waitable_fd(ringbell_queue_sender* sender, int* fd,
                                      ringbell_error* error) {
  return waitable_fd(sender->value, fd, error);
}

int ringbell_queue_sender_arm(ringbell_queue_sender* sender) { return sender->value.arm() ? 1 : 0; }

void ringbell_queue_sender_disarm(ringbell_queue_sender* sender) { sender->value.disarm(); }

void ringbell_queue_sender_interrupt(ringbell_queue_sender* sender) { sender->value.interrupt(); }

int ringbell_queue_sender_name_lost(const ringbell_queue_sender* sender) {
  return name_lost(sender);
}

void ringbell_queue_sender_close(ringbell_queue_sender* sender) { destroy(sender); }

int ringbell_queue_receiver_open(ringbell_queue* queue, const ringbell_wait_options* wait,
                                 ringbell_queue_receiver** receiver, ringbell_error* error) {
  return open_side<ringbell::QueueReceiver>(queue, wait, receiver, error);
}

int ringbell_queue_receiver_create(const char* name, const ringbell_queue_options* options,
                                   const ringbell_wait_options* wait,
                                   ringbell_queue_receiver** receiver, ringbell_error* error) {
  return create_named<ringbell::QueueReceiver>(name, queue_options_of, options, wait, receiver,
                                               error);
}

int ringbell_queue_receiver_open_name(const char* name, int64_t timeout_ns,
                                      const ringbell_wait_options* wait,
                                      ringbell_queue_receiver** receiver, ringbell_error* error) {
  return open_named<ringbell::QueueReceiver>(name, wait, receiver, error, timeout_of(timeout_ns));
}

int ringbell_queue_receiver_peek(ringbell_queue_receiver* receiver, int64_t timeout_ns,
                                 const void** message, size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(receiver->value.peek_for(timeout_of(timeout_ns)), message, size_bytes, error);
  });
}

int ringbell_queue_receiver_release(ringbell_queue_receiver* receiver) {
  return receiver->value.release() ? 1 : 0;
}

int ringbell_queue_receiver_redelivered(const ringbell_queue_receiver* receiver) {
  return receiver->value.redelivered() ? 1 : 0;
}

int ringbell_queue_receiver_receive(ringbell_queue_receiver* receiver, void* into,
                                    size_t room_bytes, int64_t timeout_ns, size_t* size_bytes,
                                    ringbell_error* error) {
  return receive(receiver->value, into, room_bytes, timeout_ns, size_bytes, error);
}

uint32_t ringbell_queue_receiver_max_message_bytes(const ringbell_queue_receiver* receiver) {
  return receiver->value.max_message_bytes();
}

uint64_t ringbell_queue_receiver_lag(const ringbell_queue_receiver* receiver) {
  return receiver->value.lag();
}

ringbell_queue_recovered ringbell_queue_receiver_recover(ringbell_queue_receiver* receiver) {
  return recover(receiver);
}

ringbell_queue_recovered ringbell_queue_receiver_recovered(
    const ringbell_queue_receiver* receiver) {
  return recovered(receiver);
}

int ringbell_queue_receiver_waitable_fd(ringbell_queue_receiver* receiver, int* fd,
                                        ringbell_error* error) {
  return waitable_fd(receiver->value, fd, error);
}

int ringbell_queue_receiver_arm(ringbell_queue_receiver* receiver) {
  return receiver->value.arm() ? 1 : 0;
}

void ringbell_queue_receiver_disarm(ringbell_queue_receiver* receiver) { receiver->value.disarm(); }

void ringbell_queue_receiver_interrupt(ringbell_queue_receiver* receiver) {
  receiver->value.interrupt();
}

int ringbell_queue_receiver_name_lost(const ringbell_queue_receiver* receiver) {
  return name_lost(receiver);
}

void ringbell_queue_receiver_close(ringbell_queue_receiver* receiver) { destroy(receiver); }

}  // extern "C"
