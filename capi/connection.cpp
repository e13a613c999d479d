// The C API of listeners and connections.
#include <optional>
#include <utility>

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>

using namespace ringbell::capi;

extern "C" {

int ringbell_listener_open(const char* name, const ringbell_channel_options* channels,
                           const ringbell_wait_options* wait, ringbell_listener** listener,
                           ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::ChannelOptions> each = channel_options_of(channels);
    if (!each) return report(each.error(), error);
    const ringbell::Result<ringbell::WaitOptions> waiting = wait_options_of(wait);
    if (!waiting) return report(waiting.error(), error);
    ringbell::ListenerOptions options;
    options.channel = *each;
    if (channels != nullptr) options.doorbell = each->doorbell;
    options.wait = *waiting;
    return hand_out(ringbell::Listener::open(name, std::move(options)), listener, error);
  });
}

int ringbell_listener_accept(ringbell_listener* listener, int64_t timeout_ns,
                             ringbell_connection** connection, ringbell_error* error) {
  return guarded_whole(error, [&]() -> int {
    auto accepted = listener->value.accept(timeout_of(timeout_ns));
    if (!accepted) return report(accepted.error(), error);
    if (!*accepted) return RINGBELL_NOT_NOW;
    *connection = new ringbell_connection(std::move(**accepted));
    return RINGBELL_OK;
  });
}

int ringbell_listener_fd(const ringbell_listener* listener) { return listener->value.fd(); }

void ringbell_listener_close(ringbell_listener* listener) { destroy(listener); }

int ringbell_connect(const char* name, int64_t timeout_ns, const ringbell_wait_options* wait,
                     ringbell_connection** connection, ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::WaitOptions> waiting = wait_options_of(wait);
    if (!waiting) return report(waiting.error(), error);
    ringbell::ConnectOptions options;
    options.timeout = timeout_of(timeout_ns);
    options.wait = *waiting;
    return hand_out(ringbell::connect(name, options), connection, error);
  });
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
