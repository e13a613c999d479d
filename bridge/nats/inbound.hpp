// From a subject to a ring.
//
// Core: what comes is put into the ring, in a channel several records with one flush while more
// are there; what did not come is counted by the positions that each message says.
//
// Durable: Invariants
//   B1  Records go into the ring in the stream's order, each message once: `done_` is the stream's
//       number of the last one that is in it whole.
//   B2  A message is acknowledged when it is in the ring, whose memory outlives this process.
//   B3  In a channel each flush carries a tag: the message's number in the stream, and which of its
//       records, a marker of losses in front of them included, are in the ring then. A successor
//       goes on behind these; the acknowledgement may have been lost.
//   B4  The server keeps the place under one of two names of a consumer. A bridge that begins, or
//       sees a message out of turn, makes the other one, from where the ring is, before it
//       removes the first: at any moment one of them tells the place.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/nats/client.hpp"
#include "bridge/nats/frame.hpp"
#include "bridge/nats/inbound_tag.hpp"
#include "bridge/nats/pairs.hpp"
#include "bridge/rings/ring_writer.hpp"

namespace ringbell::bridge {

class Inbound {
 public:
  // All must outlive it.
  Inbound(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
          RingWriter writer);

  // Errors: as bridge::run().
  [[nodiscard]] Result<void> run(Connection first);

 private:
  // A consumer of the stream, and how far it is.
  struct Place {
    std::string name;
    std::uint64_t floor = 0;  // the last number that needs not come again
  };

  [[nodiscard]] Result<void> pump_core(const Connection& connection);
  [[nodiscard]] Result<void> pump_durable(const Connection& connection);
  [[nodiscard]] Result<std::optional<Place>> place_of(const Connection& connection,
                                                      const std::string& name) const;
  // B4. Returns the name of the consumer that was made.
  [[nodiscard]] Result<std::string> take_place(const Connection& connection);
  void resume_from_ring(const StreamState& stream, std::uint64_t floor);

  // The records of a message, from the given one on; waits for room. `number`: of the message in
  // the stream, for the tag.
  [[nodiscard]] Result<void> put(natsMsg* message, std::uint64_t number, std::uint64_t from);
  using Records = std::span<const std::span<const std::byte>>;
  [[nodiscard]] Result<void> put_tagged(Records records, std::uint64_t number, std::uint64_t from);
  // Into a channel, which shows them after flush().
  [[nodiscard]] Result<void> put_staged(Records records);
  // Into another ring, which shows each at once.
  [[nodiscard]] Result<void> put_one_by_one(Records records, std::uint64_t number,
                                            std::uint64_t from);
  [[nodiscard]] Result<void> await_room(std::span<const std::byte> record);
  // How many records were lost before this message.
  [[nodiscard]] std::uint64_t lost_before(const std::optional<Origin>& origin);
  [[nodiscard]] bool enough() const noexcept { return counters_.records.load() >= pair_.count; }

  const Pair& pair_;
  Counters& counters_;
  const std::function<bool()>& stopped_;
  RingWriter writer_;
  using Ends = std::map<std::string, std::uint64_t, std::less<>>;
  Ends ends_;                              // of each source, where its next message begins
  Ends::iterator last_end_ = ends_.end();  // of the one that came last
  std::vector<std::span<const std::byte>> records_;  // of the message that is put in

  std::uint64_t check_ = 0;  // of the stream, for the tags
  std::uint64_t done_ = 0;
  std::uint64_t half_done_ = 0;  // so many records of message done_ + 1, or the next there is
  std::uint64_t half_number_ = 0;
};

}  // namespace ringbell::bridge
