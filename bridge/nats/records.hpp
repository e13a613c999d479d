// What an outbound bridge sends: a ring's records and, in front of them, those that wait in a file.
//
//   file  | given back | taken | not looked at |      ring  | given back | taken | not looked at |
//
// Invariants
//   R1  The file's records come before the ring's; while the file has records that were not taken
//       none is taken from the ring. So the order is the ring's.
//   R2  What is moved from the ring to the file leaves the ring when it is in the file.
//   R3  What was taken and not given back comes again after rewind(), of a topic only from the
//       file: its reader cannot go back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/nats/pairs.hpp"
#include "bridge/rings/ring_reader.hpp"
#include "bridge/rings/spill.hpp"

namespace ringbell::bridge {

class Records {
 public:
  using Record = Spill::Record;
  // Up to where records were taken.
  struct Mark {
    bool waited = false;  // in the file
    std::uint64_t position = 0;
    std::uint64_t next = 0;
  };

  Records(const Pair& pair, RingReader reader, std::optional<Spill> spill);

  // The next record, in place until take(); nullptr: none came within the timeout, or the ring has
  // ended. Errors: as RingReader::next() but for closed and peer_dead; Spill::next().
  [[nodiscard]] Result<const Record*> look(Timeout timeout);
  // REQUIRES: look() gave one. It is no longer in place if another is looked at.
  [[nodiscard]] Mark take() noexcept;
  // Where the ring's positions do not tell the next bridge, it is so for that one at once.
  void release(const Mark& mark) noexcept;
  void rewind() noexcept;

  // Of the record that look() gave: whether it stands with others in one message.
  [[nodiscard]] bool joins() const noexcept { return waits() || holds_many_; }
  // Whether another can be looked at before all that was taken is given back.
  [[nodiscard]] bool may_look() const noexcept { return waits() || holds_many_ || !in_hand_; }
  // Whether it comes again after rewind().
  [[nodiscard]] bool comes_again() const noexcept {
    return !core::is_broadcast(reader_.shape().kind);
  }
  // The writer is gone, and nothing is left: as what.
  [[nodiscard]] const std::optional<Error>& end() const noexcept { return end_; }
  // The ring, or this run of the bridge, as the ring's records name it.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  // Up to there the other side had the ring when this bridge began.
  void begin_at(std::uint64_t position) noexcept;
  // To the ring's writer no reader has come yet.
  void leave() noexcept { reader_.leave(); }

  // Takes the oldest out of a ring that is half full. Returns how many.
  std::uint64_t drop_oldest();
  // Whether records wait in the file.
  [[nodiscard]] bool waits() const noexcept {
    return spill_ && (waiting_.has_value() || !spill_->all_read());
  }
  // These were taken, from a topic, and do not come again. Errors: no_space, system: then none of
  // them is in the file. REQUIRES: there is one.
  [[nodiscard]] Result<void> put_aside(std::span<const Record> taken);
  // R2. Errors: as put_aside(); the ring keeps what is left. REQUIRES: there is a file, and nothing
  // that was taken from the ring is still to be given back.
  [[nodiscard]] Result<void> put_ring_aside();
  [[nodiscard]] bool is_half_full() const noexcept { return reader_.is_half_full(); }

 private:
  [[nodiscard]] Result<const Record*> look_at_ring(Timeout timeout);
  [[nodiscard]] std::uint64_t missed_before(std::uint64_t position);
  [[nodiscard]] Mark take_from_ring() noexcept;

  RingReader reader_;
  std::optional<Spill> spill_;
  bool holds_many_;
  bool by_position_;  // the ring's own positions stand in the records, which outlive this process
  std::string source_;
  std::optional<Record> ahead_;       // of the ring: looked at, not taken
  std::optional<Record> waiting_;     // of the file, likewise
  std::uint64_t next_ = 0;            // not by position: records that were taken from the ring
  std::uint64_t released_ = 0;        // as next_, that were given back
  std::uint64_t missed_ = 0;          // as the reader counts
  std::uint64_t in_file_to_ = 0;      // by position: a bridge before this one moved them there
  std::optional<std::uint64_t> due_;  // by position: what the next one begins with
  bool in_hand_ = false;              // of the ring: taken, not given back
  std::optional<Error> end_;
};

}  // namespace ringbell::bridge
