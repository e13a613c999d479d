// Records that are known to be whole: each carries a seal, its position, its size and a CRC32C over
// both and the payload, in front of it (ChannelOptions::seals). For channels in a file on a disk:
// after a power cut its pages can be of different times, and attaching to it is the Error `stale`.
// recover() then finds the records that are whole.
//
//   Channel channel = Channel::create({.memory = {.backing = Backing::file, .name = "/var/x"},
//                                      .seals = true}).value();
//   Sender sender = Sender::open(std::move(channel)).value();
//   sealed::send(sender, message);
//   // after a power cut
//   sealed::recover("/var/x", use);
//
// What was sent by other calls has no seal: it is read as ever, and not recovered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

namespace ringbell::sealed {

// Copies a message in, with its seal. False: time is up. Errors: invalid_argument, if the channel
// has no seals; as Sender::claim_for.
RINGBELL_API [[nodiscard]] Result<bool> send(Sender& sender, std::span<const std::byte> message,
                                             Timeout timeout = kForever);

// Copies the next message out and returns its size; nothing: time is up. Errors: invalid_argument,
// if the channel has no seals; corrupt, if the seal is broken or missing: the message is given back
// unread; as Receiver::receive.
RINGBELL_API [[nodiscard]] Result<std::optional<std::size_t>> receive(Receiver& receiver,
                                                                      std::span<std::byte> into,
                                                                      Timeout timeout = kForever);

struct Recovered {
  std::uint64_t records = 0;
  std::uint64_t gaps = 0;  // places between two of them where something is missing
};

// Hands out what was sent with a seal, is whole, and was not given back as far as the file knows,
// in the order in which it was sent. Changes nothing: remove the file after it, and start anew.
// Errors: busy, if a process has a role in it; invalid_argument, if it has no seals; as
// Region::open.
RINGBELL_API [[nodiscard]] Result<Recovered> recover(
    const std::string& path, const std::function<void(std::span<const std::byte>)>& use);

}  // namespace ringbell::sealed
