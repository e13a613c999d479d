// The C API of listeners and connections.
#include <utility>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>

using namespace ringbell::capi;

extern "C" {

int ringbell_listener_open(const char* name, const ringbell_channel_options* channels,
                           const ringbell_wait_options* wait, ringbell_listener** listener,
                           ringbell_error* error) {
  return ringbell_listener_open_at(name, RINGBELL_PLACE_FOLDER, nullptr, 0, channels, wait,
                                   listener, error);
}

int ringbell_listener_open_at(const char* name, int place, const uint32_t* also_allowed,
                              size_t count, const ringbell_channel_options* channels,
                              const ringbell_wait_options* wait, ringbell_listener** listener,
                              ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::Place> where = place_of(place);
    if (!where) return report(where.error(), error);
    const ringbell::Result<ringbell::ChannelOptions> each = channel_options_of(channels);
    if (!each) return report(each.error(), error);
    const ringbell::Result<ringbell::WaitOptions> waiting = wait_options_of(wait);
    if (!waiting) return report(waiting.error(), error);
    ringbell::ListenerOptions options;
    options.place = *where;
    options.also_allowed.assign(also_allowed, also_allowed + count);
    options.channel = *each;
    if (channels != nullptr) options.doorbell = each->doorbell;
    options.wait = *waiting;
    return hand_out(ringbell::Listener::open(name, std::move(options)), listener, error);
  });
}

int ringbell_listener_accept(ringbell_listener* listener, int64_t timeout_ns,
                             ringbell_connection** connection, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    RoomFor<ringbell_connection> room;
    auto accepted = listener->value.accept(timeout_of(timeout_ns));
    if (!accepted) return report(accepted.error(), error);
    if (!*accepted) return RINGBELL_NOT_NOW;
    *connection = room.hand_out(std::move(**accepted));
    return RINGBELL_OK;
  });
}

int ringbell_listener_fd(const ringbell_listener* listener) { return listener->value.fd(); }

int ringbell_listener_name_lost(const ringbell_listener* listener) { return name_lost(listener); }

void ringbell_listener_close(ringbell_listener* listener) { destroy(listener); }

int ringbell_connect(const char* name, int64_t timeout_ns, const ringbell_wait_options* wait,
                     ringbell_connection** connection, ringbell_error* error) {
  ringbell_connect_options options{};
  options.wait = wait;
  return ringbell_connect_with(name, timeout_ns, &options, connection, error);
}

int ringbell_connect_with(const char* name, int64_t timeout_ns,
                          const ringbell_connect_options* options, ringbell_connection** connection,
                          ringbell_error* error) {
  return guarded_whole(error, [&] {
    ringbell::Result<ringbell::ConnectOptions> connecting = connect_options_of(options);
    if (!connecting) return report(connecting.error(), error);
    connecting->timeout = timeout_of(timeout_ns);
    return hand_out(ringbell::connect(name, *connecting), connection, error);
  });
}

uint32_t ringbell_connection_peer_uid(const ringbell_connection* connection) {
  return connection->peer.uid;
}

uint32_t ringbell_connection_peer_gid(const ringbell_connection* connection) {
  return connection->peer.gid;
}

int32_t ringbell_connection_peer_pid(const ringbell_connection* connection) {
  return connection->peer.pid;
}

ringbell_sender* ringbell_connection_sender(ringbell_connection* connection) {
  return &connection->sender;
}

ringbell_receiver* ringbell_connection_receiver(ringbell_connection* connection) {
  return &connection->receiver;
}

int ringbell_connection_fd(const ringbell_connection* connection) {
  return connection->socket.get();
}

void ringbell_connection_close(ringbell_connection* connection) { destroy(connection); }

}  // extern "C"
