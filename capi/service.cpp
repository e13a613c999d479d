// The C API of services: a region for calls, Client and Server behind handles.
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

namespace ringbell::capi {
namespace {

int number_of(ringbell::Fate fate) noexcept {
  switch (fate) {
    case ringbell::Fate::none:
      return RINGBELL_FATE_NONE;
    case ringbell::Fate::withdrawn:
      return RINGBELL_FATE_WITHDRAWN;
    case ringbell::Fate::maybe_served:
      return RINGBELL_FATE_MAYBE_SERVED;
    case ringbell::Fate::served:
      return RINGBELL_FATE_SERVED;
  }
  return RINGBELL_FATE_NONE;
}

int refuse_second_call(ringbell_error* error) noexcept {
  return report(RINGBELL_INVALID_ARGUMENT, "a call is under way: finish or abandon it first",
                error);
}

}  // namespace
}  // namespace ringbell::capi

using namespace ringbell::capi;

extern "C" {

int ringbell_service_create(const ringbell_service_options* options, ringbell_service** service,
                            ringbell_error* error) {
  return create_region(options, service_options_of, service, error);
}

int ringbell_service_attach(int fd, ringbell_service** service, ringbell_error* error) {
  return attach_region(fd, service, error);
}

int ringbell_service_fd(const ringbell_service* service) { return service->value.fd(); }

void ringbell_service_destroy(ringbell_service* service) { destroy(service); }

int ringbell_client_open(ringbell_service* service, const ringbell_wait_options* wait,
                         ringbell_client** client, ringbell_error* error) {
  return open_side<ringbell::Client>(service, wait, client, error);
}

int ringbell_client_open_name(const char* name, int64_t timeout_ns,
                              const ringbell_wait_options* wait, ringbell_client** client,
                              ringbell_error* error) {
  return open_named<ringbell::Client>(name, wait, client, error, timeout_of(timeout_ns));
}

int ringbell_client_call(ringbell_client* client, const void* request, size_t request_bytes,
                         void* response, size_t room_bytes, int64_t timeout_ns,
                         size_t* response_bytes, ringbell_error* error) {
  if (client->calling) return refuse_second_call(error);
  return guarded(error, [&]() -> int {
    const ringbell::Result<std::optional<std::size_t>> size =
        client->value.call({static_cast<const std::byte*>(request), request_bytes},
                           {static_cast<std::byte*>(response), room_bytes}, timeout_of(timeout_ns));
    if (!size) return report(size.error(), error);
    if (!*size) return RINGBELL_NOT_NOW;
    *response_bytes = **size;
    return RINGBELL_OK;
  });
}

int ringbell_client_begin(ringbell_client* client, const void* request, size_t request_bytes,
                          ringbell_error* error) {
  if (client->calling) return refuse_second_call(error);
  return guarded(error, [&]() -> int {
    const int code =
        done(client->value.begin({static_cast<const std::byte*>(request), request_bytes},
                                 ringbell::Timeout::zero()),
             error);
    client->calling = code == RINGBELL_OK;
    return code;
  });
}

int ringbell_client_finish(ringbell_client* client, void* response, size_t room_bytes,
                           size_t* response_bytes, ringbell_error* error) {
  if (!client->calling) {
    return report(RINGBELL_INVALID_ARGUMENT, "no call was begun", error);
  }
  return guarded(error, [&]() -> int {
    const ringbell::Result<bool> answered = client->value.answered_for(ringbell::Timeout::zero());
    if (answered && !*answered) return RINGBELL_NOT_NOW;
    if (!answered) {  // there is no server any more
      ringbell_client_abandon(client);
      return report(answered.error(), error);
    }
    const auto answer = client->value.answer_for(ringbell::Timeout::zero());  // there, or an error
    if (answer && (*answer)->size() > room_bytes) {
      client->value.put_back();
      return report(RINGBELL_TOO_LARGE, "the response is longer than the room for it", error);
    }
    client->calling = false;
    if (!answer) return report(answer.error(), error);
    ringbell::copy_message(static_cast<std::byte*>(response), **answer);
    *response_bytes = (*answer)->size();
    return RINGBELL_OK;
  });
}

int ringbell_client_next(ringbell_client* client, int64_t timeout_ns, const void** part,
                         size_t* size_bytes, ringbell_error* error) {
  if (!client->calling) {
    return report(RINGBELL_INVALID_ARGUMENT, "no call was begun", error);
  }
  return guarded(error, [&]() -> int {
    const int code = show(client->value.next_for(timeout_of(timeout_ns)), part, size_bytes, error);
    client->calling = code == RINGBELL_OK;
    return code;
  });
}

void ringbell_client_abandon(ringbell_client* client) {
  if (!client->calling) return;
  client->calling = false;
  client->value.abandon();
}

int ringbell_client_fate(const ringbell_client* client) { return number_of(client->value.fate()); }

int ringbell_client_start(ringbell_client* client, const void* request, size_t request_bytes,
                          ringbell_ticket** ticket, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    RoomFor<ringbell_ticket> room;
    auto begun = client->value.start({static_cast<const std::byte*>(request), request_bytes});
    if (!begun) return report(begun.error(), error);
    *ticket = room.hand_out(std::move(*begun));
    return RINGBELL_OK;
  });
}

int ringbell_client_wait_any(ringbell_client* client, int64_t timeout_ns, ringbell_error* error) {
  return guarded(
      error, [&] { return done(client->value.any_answered_for(timeout_of(timeout_ns)), error); });
}

int ringbell_ticket_wait(ringbell_ticket* ticket, int64_t timeout_ns, const void** response,
                         size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    return show(ticket->value.wait(timeout_of(timeout_ns)), response, size_bytes, error);
  });
}

int ringbell_ticket_next(ringbell_ticket* ticket, int64_t timeout_ns, const void** part,
                         size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    return show(ticket->value.next(timeout_of(timeout_ns)), part, size_bytes, error);
  });
}

int ringbell_ticket_abandon(ringbell_ticket* ticket) { return number_of(ticket->value.abandon()); }

int ringbell_ticket_fate(const ringbell_ticket* ticket) { return number_of(ticket->value.fate()); }

void ringbell_ticket_destroy(ringbell_ticket* ticket) { destroy(ticket); }

uint32_t ringbell_client_max_message_bytes(const ringbell_client* client) {
  return client->value.max_message_bytes();
}

int ringbell_client_waitable_fd(ringbell_client* client, int* fd, ringbell_error* error) {
  return waitable_fd(client->value, fd, error);
}

int ringbell_client_arm(ringbell_client* client) { return client->value.arm() ? 1 : 0; }

void ringbell_client_disarm(ringbell_client* client) { client->value.disarm(); }

void ringbell_client_interrupt(ringbell_client* client) { client->value.interrupt(); }

int ringbell_client_peer(const ringbell_client* client) { return number_of(client->value.peer()); }

int ringbell_client_name_lost(const ringbell_client* client) { return name_lost(client); }

void ringbell_client_close(ringbell_client* client) { destroy(client); }

int ringbell_server_open(ringbell_service* service, const ringbell_wait_options* wait,
                         ringbell_server** server, ringbell_error* error) {
  return open_side<ringbell::Server>(service, wait, server, error);
}

int ringbell_server_create(const char* name, const ringbell_service_options* options,
                           const ringbell_wait_options* wait, ringbell_server** server,
                           ringbell_error* error) {
  return create_named<ringbell::Server>(name, service_options_of, options, wait, server, error);
}

int ringbell_server_request(ringbell_server* server, int64_t timeout_ns, const void** request,
                            size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(server->value.request_for(timeout_of(timeout_ns)), request, size_bytes, error);
  });
}

uint64_t ringbell_server_lag(const ringbell_server* server) { return server->value.lag(); }

int ringbell_server_is_cancelled(const ringbell_server* server) {
  return server->value.is_cancelled() ? 1 : 0;
}

int ringbell_server_respond(ringbell_server* server, const void* response, size_t size_bytes,
                            ringbell_error* error) {
  if (size_bytes > server->value.max_message_bytes()) {
    return report(RINGBELL_TOO_LARGE, "the response is longer than message_bytes of the service",
                  error);
  }
  const std::optional<std::span<std::byte>> room = server->value.claim(size_bytes);
  if (!room) {
    return report(RINGBELL_INVALID_ARGUMENT, "no request is being served", error);
  }
  // It may be a part of the request, in place; of 0 bytes it may be null.
  if (size_bytes > 0) std::memmove(room->data(), response, size_bytes);
  server->value.respond();
  return RINGBELL_OK;
}

int ringbell_server_take(ringbell_server* server, int64_t timeout_ns, ringbell_taken** taken,
                         ringbell_error* error) {
  return guarded(error, [&]() -> int {
    RoomFor<ringbell_taken> room;
    auto asked = server->value.take_for(timeout_of(timeout_ns));
    if (!asked) return report(asked.error(), error);
    if (!*asked) return RINGBELL_NOT_NOW;
    *taken = room.hand_out(std::move(**asked));
    return RINGBELL_OK;
  });
}

const void* ringbell_taken_request(const ringbell_taken* taken, size_t* size_bytes) {
  const std::span<const std::byte> request = taken->value.request();
  *size_bytes = request.size();
  return request.data();
}

int ringbell_taken_is_cancelled(const ringbell_taken* taken) {
  return taken->value.is_cancelled() ? 1 : 0;
}

int ringbell_taken_respond(ringbell_taken* taken, const void* response, size_t size_bytes,
                           ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const auto done = taken->value.respond({static_cast<const std::byte*>(response), size_bytes});
    return done ? RINGBELL_OK : report(done.error(), error);
  });
}

int ringbell_taken_send(ringbell_taken* taken, const void* part, size_t size_bytes,
                        int64_t timeout_ns, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    return done(taken->value.send({static_cast<const std::byte*>(part), size_bytes},
                                  timeout_of(timeout_ns)),
                error);
  });
}

int ringbell_taken_finish(ringbell_taken* taken, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const auto done = taken->value.finish();
    return done ? RINGBELL_OK : report(done.error(), error);
  });
}

void ringbell_taken_destroy(ringbell_taken* taken) { destroy(taken); }

uint32_t ringbell_server_max_message_bytes(const ringbell_server* server) {
  return server->value.max_message_bytes();
}

int ringbell_server_waitable_fd(ringbell_server* server, int* fd, ringbell_error* error) {
  return waitable_fd(server->value, fd, error);
}

int ringbell_server_arm(ringbell_server* server) { return server->value.arm() ? 1 : 0; }

void ringbell_server_disarm(ringbell_server* server) { server->value.disarm(); }

void ringbell_server_interrupt(ringbell_server* server) { server->value.interrupt(); }

int ringbell_server_name_lost(const ringbell_server* server) { return name_lost(server); }

void ringbell_server_close(ringbell_server* server) { destroy(server); }

}  // extern "C"
