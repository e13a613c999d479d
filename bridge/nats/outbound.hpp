// From a ring to a subject.
//
// Core: Invariants
//   C1  A record leaves the ring before its message is made: a bridge that is killed loses what it
//       has in hand, and the next one sends nothing twice.
//   C2  What libnats refused stays in hand for the next connection: it cannot have arrived whole.
//       What it took and the server did not confirm may have; the inbound side counts what did not.
//
// Durable: a record leaves the ring when the server has acknowledged its message. Invariants
//   O1  Messages of the subject that are not yet acknowledged stand in `pending_`, in order, and
//       their records in the ring or in the file, unless they are a topic's.
//   O2  Each message says which number the last one has in the stream, which has no other subject;
//       the server refuses it otherwise. So a message that follows a lost or refused one is refused
//       too: the order has no gap, and a copy that comes late is no second one.
//   O3  A bridge that begins, or has lost its connection, asks for the subject's last message: its
//       id tells up to which position the stream has the ring.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/client.hpp"
#include "bridge/nats/frame.hpp"
#include "bridge/nats/handful.hpp"
#include "bridge/nats/pairs.hpp"
#include "bridge/nats/records.hpp"

namespace ringbell::bridge {

class Outbound {
 public:
  // All must outlive it.
  Outbound(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
           Records records);

  // Errors: as bridge::run().
  [[nodiscard]] Result<void> run(Connection first);
  // To the ring's writer no reader has come yet: the next bridge goes on.
  void leave() noexcept { records_.leave(); }

 private:
  // A message on its way.
  struct Pending {
    Origin origin;
    std::vector<std::byte> payload;
    std::uint64_t number = 0;  // of this publishing, as its acknowledgement has it
    std::uint32_t records = 0;
    std::uint64_t record_bytes = 0;
    Records::Mark mark;  // behind the last of its records
  };

  [[nodiscard]] Result<void> pump_core(const Connection& connection);
  // C1. Waits for the first record. False: none came.
  [[nodiscard]] Result<bool> take_in_hand(const Connection& connection, Timeout timeout);
  [[nodiscard]] Result<bool> take_one_by_one(const Connection& connection, Timeout timeout);
  // C2.
  [[nodiscard]] Result<void> publish_in_hand(const Connection& connection);
  // The server has seen all that was published.
  [[nodiscard]] Result<void> confirm(const Connection& connection);
  // The ring has nothing more for now: what was published need not wait for it.
  [[nodiscard]] Result<void> hurry(const Connection& connection);
  [[nodiscard]] tl::unexpected<Error> lose_unconfirmed(const Error& why);

  [[nodiscard]] Result<void> pump_durable(const Connection& connection);
  // While there is no connection: makes room in the ring, if the pair says so.
  void make_room();
  [[nodiscard]] Result<void> put_pending_aside();
  // While the file is emptied: a ring that is half full goes there too.
  void keep_room();

  // The next message of the ring's records; nothing: none came within the timeout.
  [[nodiscard]] Result<std::optional<Pending>> gather(const Connection& connection,
                                                      Timeout timeout);
  [[nodiscard]] bool is_done() const noexcept { return records_.end() && !records_.waits(); }
  // What a record names as its source, for as long as this bridge is there.
  [[nodiscard]] std::string_view kept(std::string_view source);
  [[nodiscard]] tl::unexpected<Error> too_large(std::size_t record_bytes, std::size_t most) const;
  [[nodiscard]] Result<void> ended() const;
  // O3, then everything that is pending once more.
  [[nodiscard]] Result<void> resume(const Connection& connection);
  [[nodiscard]] Result<void> publish(const Connection& connection, Pending& message);
  // Takes an acknowledgement. False: none came.
  [[nodiscard]] Result<bool> take_answer(natsSubscription* answers,
                                         std::chrono::milliseconds timeout);
  void take_back();
  void forget_pending();
  void acknowledged();
  void count(const Pending& message);

  const Pair& pair_;
  Counters& counters_;
  const std::function<bool()>& stopped_;
  Records records_;
  std::set<std::string, std::less<>> sources_;  // of the file's records

  std::optional<Pending> batch_;  // in hand
  Handful hand_;                  // in hand, each for a message of its own
  OriginReply reply_;             // of these
  std::uint64_t unconfirmed_ = 0;
  bool lingers_ = false;  // in libnats' buffer, what was published last

  std::deque<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::string stream_source_;      // the stream has what this one had
  std::uint64_t stream_end_ = 0;   // up to there
  std::uint64_t last_number_ = 0;  // of the stream, if no other publisher comes between
  std::uint64_t publishings_ = 0;
  std::size_t window_ = 1;
  std::string inbox_;
};

}  // namespace ringbell::bridge
