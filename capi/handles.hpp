// What stands behind the handles of ringbell.h.
#pragma once

#include <utility>

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>

// NOLINTBEGIN(readability-identifier-naming): named as C users see them
struct ringbell_channel {
  ringbell::Channel value;
};
struct ringbell_sender {
  ringbell::Sender value;
};
struct ringbell_receiver {
  ringbell::Receiver value;
};
struct ringbell_listener {
  ringbell::Listener value;
};
struct ringbell_connection {
  explicit ringbell_connection(ringbell::Connection connection) noexcept
      : sender{std::move(connection.sender)},
        receiver{std::move(connection.receiver)},
        socket(std::move(connection.socket)) {}

  ringbell_sender sender;
  ringbell_receiver receiver;
  ringbell::FileDescriptor socket;
};
struct ringbell_topic {
  ringbell::Topic value;
};
struct ringbell_publisher {
  ringbell::Publisher value;
};
struct ringbell_subscriber {
  ringbell::Subscriber value;
};
struct ringbell_service {
  ringbell::Region value;
};
struct ringbell_client {
  ringbell::Client value;
  bool calling = false;  // by ringbell_client_begin()
};
struct ringbell_server {
  ringbell::Server value;
};
// NOLINTEND(readability-identifier-naming)
