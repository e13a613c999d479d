// What stands behind the handles of ringbell.h.
#pragma once

#include <utility>
#include <vector>

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>

// NOLINTBEGIN(readability-identifier-naming): named as C users see them
struct ringbell_channel {
  ringbell::Channel value;
  ringbell::FileDescriptor peer = {};  // the sign of life of the end that it will be
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
        socket(std::move(connection.socket)),
        peer(connection.peer) {}

  ringbell_sender sender;
  ringbell_receiver receiver;
  ringbell::FileDescriptor socket;
  ringbell::Peer peer;
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
struct ringbell_queue {
  ringbell::Region value;
};
struct ringbell_queue_sender {
  ringbell::QueueSender value;
};
struct ringbell_queue_receiver {
  ringbell::QueueReceiver value;
};
struct ringbell_lanes {
  ringbell::Region value;
};
struct ringbell_contributor {
  ringbell::Contributor value;
};
struct ringbell_collector {
  ringbell::Collector value;
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
struct ringbell_ticket {
  ringbell::Ticket value;
};
struct ringbell_taken {
  ringbell::TakenRequest value;
};
struct ringbell_state {
  ringbell::State value;
};
struct ringbell_state_writer {
  ringbell::StateWriter value;
};
struct ringbell_state_reader {
  ringbell::StateReader value;
};
struct ringbell_names {
  std::vector<ringbell::names::Entry> found;
  std::vector<ringbell_name> value;  // which refer to those
};
struct ringbell_waitset {
  ringbell::WaitSet value;
  std::vector<ringbell::WaitSet::Event> told = {};  // for which there was no room yet
};
// NOLINTEND(readability-identifier-naming)
