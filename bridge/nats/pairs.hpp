// What a bridge to NATS does: pairs of a ring and a subject, each in one direction. Nothing here
// needs libnats but what pairs.cpp calls.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <ringbell/core/ring_shape.hpp>
#include <ringbell/transport/base/error.hpp>

namespace ringbell::bridge {

struct Server {
  std::string url = "nats://127.0.0.1:4222";  // several, parted by commas: of one cluster
  std::string credentials;                    // a file with a JWT and its seed
  std::string nkey;                           // a user's public key, and the file with its seed
  std::string seed;
  std::string ca;           // a file of certificates; not empty: TLS
  std::string certificate;  // this client's, for a server that asks for it, and its key
  std::string private_key;
};

enum class Direction : std::uint8_t { out, in };

// What to do with what comes while the server is gone or slow.
enum class Overflow : std::uint8_t {
  block,        // the ring fills, its writer waits
  drop_oldest,  // of a ring that is half full the oldest is taken out and counted as lost
  spill,        // what comes waits in a file
};

struct Pair {
  Direction direction = Direction::out;
  Server server;
  std::string ring;
  std::string subject;
  bool durable = false;           // through JetStream
  std::string stream;             // of JetStream; empty: made of the subject
  std::int64_t store_bytes = -1;  // of a stream that is made here, at most; -1: no limit

  int replicas = 1;  // of it, in a cluster: 1 to 5

  // The ring is a service's: calls, not records. Out: its clients' calls; in: those of others.
  bool service = false;
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);  // of a call that says none

  // Out.
  bool batches = false;                // many records to a message
  std::chrono::nanoseconds linger{0};  // how long a batch may wait for more
  Overflow overflow = Overflow::block;
  std::string spill_folder;  // of overflow spill
  bool keep = false;         // when the ring's writer is gone, wait for the next one

  // In.
  core::RingShape shape;     // of the ring that is made; of a service it is out's
  std::string consumer;      // under which the stream keeps this pair's place; empty: of the ring
  bool purge = false;        // what is in the ring leaves the stream, all but the last message
  bool mark_losses = false;  // where records were lost, one says how many: loss_marker()
  std::uint64_t count = UINT64_MAX;  // ends after so many records
};

// Stored by one thread alone, read by any: nothing is ordered by it.
class Counter {
 public:
  void add(std::uint64_t count) noexcept {
    value_.store(load() + count, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t load() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What a pair counts while it runs; its thread stores them.
struct Counters {
  Counter records;   // that went through
  Counter bytes;     // of these
  Counter messages;  // of NATS that carried them
  Counter lost;      // records that are known not to arrive
  Counter repeats;   // records that came again and went no further
  Counter connects;  // to a server
  Counter stalls;    // times the server refused, or the ring was full

  // Why nothing goes through at present; empty: it does, or nothing is known.
  [[nodiscard]] std::string trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }
  void set_trouble(std::string why) {
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(why);
  }

 private:
  mutable std::mutex mutex_;
  std::string trouble_;
};

// Checks what can be checked without a server: names, subjects, sizes. Errors: invalid_argument.
[[nodiscard]] Result<void> check(const Pair& pair);

// Whether the ring is made here, with the pair's shape.
[[nodiscard]] inline bool makes_ring(const Pair& pair) noexcept {
  return (pair.direction == Direction::in) != pair.service;
}

// Runs until the ring's writer closed (out, unless `keep`), `count` records came (in), stopped()
// or an Error that does not mend itself. A server that is gone is waited for, all the time.
// Errors: unsupported, if ringbell was built without libnats; invalid_argument; permission, if the
// server refuses the credentials; not_found, if no server answered within `wait`, once, at the
// beginning; peer_dead, if the ring's writer died; cancelled, if stopped() says so.
[[nodiscard]] Result<void> run(const Pair& pair, Counters& counters,
                               const std::function<bool()>& stopped, std::chrono::nanoseconds wait);

// Waits until libnats' threads have ended, which a process does before it ends: what they still
// free would meet what its end frees. Handlers of the process' end that were there before this call
// do not run. REQUIRES: no run() is under way.
void finish();

// "ORDERS_EU" of "orders.eu": names of streams and consumers take no dot.
[[nodiscard]] std::string stream_of(const Pair& pair);
[[nodiscard]] std::string consumer_of(const Pair& pair);

}  // namespace ringbell::bridge
