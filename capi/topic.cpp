// The C API of topics: Topic, Publisher and Subscriber behind handles.
#include <optional>
#include <span>

#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

namespace ringbell::capi {
namespace {

using Start = Subscriber::Start;

std::optional<Start> start_of(int start) noexcept {
  if (start == RINGBELL_START_OLDEST) return Start::oldest;
  if (start == RINGBELL_START_NEWEST) return Start::newest;
  return std::nullopt;
}

int refuse_start(ringbell_error* error) noexcept {
  return report(RINGBELL_INVALID_ARGUMENT, "start is none of enum ringbell_start", error);
}

}  // namespace
}  // namespace ringbell::capi

using namespace ringbell::capi;

extern "C" {

int ringbell_topic_create(const ringbell_topic_options* options, ringbell_topic** topic,
                          ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::TopicOptions> checked = topic_options_of(options);
    if (!checked) return report(checked.error(), error);
    return hand_out(ringbell::Topic::create(*checked), topic, error);
  });
}

int ringbell_topic_attach(const ringbell_topic_fds* fds, ringbell_topic** topic,
                          ringbell_error* error) {
  return guarded_whole(error, [&] {
    return hand_out(ringbell::Topic::attach({.memory = fds->memory, .bells = fds->bells}), topic,
                    error);
  });
}

ringbell_topic_fds ringbell_topic_get_fds(const ringbell_topic* topic) {
  const ringbell::TopicFds fds = topic->value.fds();
  return {.memory = fds.memory, .bells = fds.bells};
}

void ringbell_topic_destroy(ringbell_topic* topic) { destroy(topic); }

int ringbell_publisher_open(ringbell_topic* topic, const ringbell_wait_options* wait,
                            ringbell_publisher** publisher, ringbell_error* error) {
  return open_side<ringbell::Publisher>(topic, wait, publisher, error);
}

int ringbell_publisher_create(const char* name, const ringbell_topic_options* options,
                              const ringbell_wait_options* wait, ringbell_publisher** publisher,
                              ringbell_error* error) {
  return create_named<ringbell::Publisher>(name, topic_options_of, options, wait, publisher, error);
}

int ringbell_publisher_publish(ringbell_publisher* publisher, const void* bytes, size_t size_bytes,
                               int64_t timeout_ns, ringbell_error* error) {
  return send(publisher->value, bytes, size_bytes, timeout_ns, error);
}

int ringbell_publisher_claim(ringbell_publisher* publisher, int64_t timeout_ns, void** room,
                             size_t* room_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return give_room(publisher->value.claim_for(timeout_of(timeout_ns)), room, room_bytes, error);
  });
}

int ringbell_publisher_commit(ringbell_publisher* publisher, size_t size_bytes) {
  return publisher->value.commit(size_bytes) ? 1 : 0;
}

void ringbell_publisher_abort(ringbell_publisher* publisher) { publisher->value.abort(); }

void ringbell_publisher_require_reader(ringbell_publisher* publisher, int required) {
  publisher->value.require_reader(required != 0);
}

uint32_t ringbell_publisher_max_message_bytes(const ringbell_publisher* publisher) {
  return publisher->value.max_message_bytes();
}

uint64_t ringbell_publisher_fill(const ringbell_publisher* publisher) {
  return publisher->value.fill();
}

uint32_t ringbell_publisher_subscribers(const ringbell_publisher* publisher) {
  return publisher->value.subscribers();
}

int ringbell_publisher_wait_for_subscribers(ringbell_publisher* publisher, uint32_t count,
                                            int64_t timeout_ns, ringbell_error* error) {
  return guarded(error, [&] {
    return done(publisher->value.wait_for_subscribers(count, timeout_of(timeout_ns)), error);
  });
}

uint32_t ringbell_publisher_evict(ringbell_publisher* publisher) {
  const ringbell::NoCancellation whole;
  return publisher->value.evict();
}

uint64_t ringbell_publisher_evictions(const ringbell_publisher* publisher) {
  return publisher->value.evictions();
}

int ringbell_publisher_waitable_fd(ringbell_publisher* publisher, int* fd, ringbell_error* error) {
  return waitable_fd(publisher->value, fd, error);
}

int ringbell_publisher_arm(ringbell_publisher* publisher) { return publisher->value.arm() ? 1 : 0; }

void ringbell_publisher_disarm(ringbell_publisher* publisher) { publisher->value.disarm(); }

void ringbell_publisher_interrupt(ringbell_publisher* publisher) { publisher->value.interrupt(); }

int ringbell_publisher_name_lost(const ringbell_publisher* publisher) {
  return name_lost(publisher);
}

void ringbell_publisher_close(ringbell_publisher* publisher) { destroy(publisher); }

int ringbell_subscriber_open(ringbell_topic* topic, int start, const ringbell_wait_options* wait,
                             ringbell_subscriber** subscriber, ringbell_error* error) {
  const std::optional<Start> from = start_of(start);
  if (!from) {
    ringbell_topic_destroy(topic);
    return refuse_start(error);
  }
  return open_side<ringbell::Subscriber>(topic, wait, subscriber, error, *from);
}

int ringbell_subscriber_open_name(const char* name, int start, int64_t timeout_ns,
                                  const ringbell_wait_options* wait,
                                  ringbell_subscriber** subscriber, ringbell_error* error) {
  const std::optional<Start> from = start_of(start);
  if (!from) return refuse_start(error);
  return open_named<ringbell::Subscriber>(name, wait, subscriber, error, *from,
                                          timeout_of(timeout_ns));
}

int ringbell_subscriber_open_at(ringbell_topic* topic, uint64_t position,
                                const ringbell_wait_options* wait, ringbell_subscriber** subscriber,
                                ringbell_error* error) {
  return open_side<ringbell::Subscriber>(topic, wait, subscriber, error, Start::at(position));
}

int ringbell_subscriber_open_name_at(const char* name, uint64_t position, int64_t timeout_ns,
                                     const ringbell_wait_options* wait,
                                     ringbell_subscriber** subscriber, ringbell_error* error) {
  return open_named<ringbell::Subscriber>(name, wait, subscriber, error, Start::at(position),
                                          timeout_of(timeout_ns));
}

uint64_t ringbell_subscriber_position(const ringbell_subscriber* subscriber) {
  return subscriber->value.position();
}

int ringbell_subscriber_receive(ringbell_subscriber* subscriber, void* into, size_t room_bytes,
                                int64_t timeout_ns, size_t* size_bytes, ringbell_error* error) {
  return receive(subscriber->value, into, room_bytes, timeout_ns, size_bytes, error);
}

int ringbell_subscriber_peek(ringbell_subscriber* subscriber, int64_t timeout_ns,
                             const void** message, size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(subscriber->value.peek_for(timeout_of(timeout_ns)), message, size_bytes, error);
  });
}

int ringbell_subscriber_release(ringbell_subscriber* subscriber) {
  return subscriber->value.release() ? 1 : 0;
}

int ringbell_subscriber_read(ringbell_subscriber* subscriber,
                             void (*look)(void* context, const void* bytes, size_t size_bytes),
                             void* context, int64_t timeout_ns, int* whole, ringbell_error* error) {
  using Seen = ringbell::Subscriber::Seen;
  return guarded(error, [&]() -> int {
    const ringbell::Result<Seen> seen = subscriber->value.read(
        [&](std::span<const std::byte> message) { look(context, message.data(), message.size()); },
        timeout_of(timeout_ns));
    if (!seen) return report(seen.error(), error);
    if (*seen == Seen::nothing) return RINGBELL_NOT_NOW;
    *whole = *seen == Seen::whole ? 1 : 0;
    return RINGBELL_OK;
  });
}

int ringbell_subscriber_waitable_fd(ringbell_subscriber* subscriber, int* fd,
                                    ringbell_error* error) {
  return waitable_fd(subscriber->value, fd, error);
}

int ringbell_subscriber_arm(ringbell_subscriber* subscriber) {
  return subscriber->value.arm() ? 1 : 0;
}

void ringbell_subscriber_disarm(ringbell_subscriber* subscriber) { subscriber->value.disarm(); }

void ringbell_subscriber_interrupt(ringbell_subscriber* subscriber) {
  subscriber->value.interrupt();
}

int ringbell_subscriber_peer(const ringbell_subscriber* subscriber) {
  return number_of(subscriber->value.peer());
}

uint64_t ringbell_subscriber_lag(const ringbell_subscriber* subscriber) {
  return subscriber->value.lag();
}

uint64_t ringbell_subscriber_missed(const ringbell_subscriber* subscriber) {
  return subscriber->value.missed();
}

uint32_t ringbell_subscriber_max_message_bytes(const ringbell_subscriber* subscriber) {
  return subscriber->value.max_message_bytes();
}

int ringbell_subscriber_name_lost(const ringbell_subscriber* subscriber) {
  return name_lost(subscriber);
}

void ringbell_subscriber_close(ringbell_subscriber* subscriber) { destroy(subscriber); }

}  // extern "C"
