// A library whose threads deliver what was sent may drop the last messages when a socket is closed.
// So neither process closes before both have got all that they wait for.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include <unistd.h>

#include "bench/harness/shared.hpp"
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

// Made before the fork, in memory of both.
class Farewells {
 public:
  // Errors: no_space.
  [[nodiscard]] static Result<Farewells> create() {
    Result<Shared<Said>> said = Shared<Said>::create();
    if (!said) return tl::unexpected(said.error());
    return Farewells(std::move(*said));
  }

  // Parts when it goes; belongs behind what must stay open until then.
  class Guard {
   public:
    Guard(const Farewells& farewells, Party party) noexcept
        : farewells_(&farewells), party_(party) {}
    Guard(Guard&& other) noexcept
        : farewells_(std::exchange(other.farewells_, nullptr)), party_(other.party_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (farewells_ != nullptr) farewells_->part(party_);
    }

   private:
    const Farewells* farewells_;
    Party party_;
  };

 private:
  using Said = std::array<std::uint32_t, 2>;

  explicit Farewells(Shared<Said> said) noexcept : said_(std::move(said)) {}

  // Says that this party is done, and returns when the other one is too, or after some seconds: it
  // may have failed.
  void part(Party party) const noexcept {
    constexpr int kTurns = 50'000;
    constexpr useconds_t kTurnUs = 100;
    const std::size_t self = party == Party::first ? 0 : 1;
    // Relaxed: nothing is read on the strength of it.
    std::atomic_ref((*said_)[self]).store(1, std::memory_order_relaxed);
    for (int turn = 0; turn < kTurns; ++turn) {
      if (std::atomic_ref((*said_)[1 - self]).load(std::memory_order_relaxed) != 0) return;
      ::usleep(kTurnUs);
    }
  }

  Shared<Said> said_;
};

}  // namespace ringbell::bench
