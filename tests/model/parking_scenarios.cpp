// SpscRing with the parking protocol on both of its bells, explored: neither side sleeps for ever,
// with the heavy barrier, with fences, and while a side goes from one to the other.
#include <string>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Ring = core::SpscRing<SimulatedAtomics>;
using Parking = core::Parking<SimulatedAtomics>;

constexpr std::size_t kWriter = 1;

// How a side sleeps, and what its publishing has to do.
struct Means {
  bool by_barrier;            // parks with the heavy barrier, else by fences
  bool changes_over = false;  // begins with the barrier and lets its peer fence at the second sleep
  bool must_fence = false;    // its process is not registered for the barrier
};

// A side: sleeps on its own bell, rings the other's.
class Side {
 public:
  Side(std::uint32_t& own, std::uint32_t& peer, const Means& means, bool times_out)
      : own_(own), peer_(peer), means_(means), times_out_(times_out) {
    Parking::open(own_, means_.by_barrier);
  }

  // Until `look` finds something.
  template <class Look>
  void wait(Look&& look) {
    while (!look()) {
      if (means_.changes_over && sleeps_++ == 1) {
        Parking::let_peer_fence(own_, heavy_barrier);
        means_.by_barrier = false;
      }
      const std::uint32_t parked = Parking::park(own_, means_.by_barrier, heavy_barrier);
      if (!look()) {
        Execution::current().futex_wait({&own_, sizeof own_}, parked, times_out_);
      }
      Parking::unpark(own_, means_.by_barrier);
    }
  }

  void published() {
    if (!Parking::peer_waits(peer_, means_.must_fence)) return;
    Parking::ring(peer_, [&] { Execution::current().futex_wake({&peer_, sizeof peer_}); });
  }

 private:
  std::uint32_t& own_;
  std::uint32_t& peer_;
  Means means_;
  bool times_out_;
  int sleeps_ = 0;
};

class ParkedStream : public Program {
 public:
  ParkedStream(Means writer, Means reader, std::uint64_t messages, bool writer_dies)
      : writer_(writer), reader_(reader), messages_(messages), writer_dies_(writer_dies) {}

  [[nodiscard]] std::size_t threads() const override { return 2; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kWriter ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return writer_dies_ && thread == kWriter;
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_.control = execution.shared<core::SpscControl>();
    memory_.capacity_bytes = 32;  // one record: the second waits for the first
    memory_.record_alignment = 8;
    memory_.data = execution.shared<std::byte>(32 + memory_.spare_bytes());
    // Both sides said so when they attached.
    Parking::open(memory_.control->data_bell.word, reader_.by_barrier);
    Parking::open(memory_.control->space_bell.word, writer_.by_barrier);
  }

  void run(std::size_t thread) override {
    std::uint32_t& data_bell = memory_.control->data_bell.word;
    std::uint32_t& space_bell = memory_.control->space_bell.word;
    if (thread == kWriter) {
      Ring::Writer writer(memory_);
      Side side(space_bell, data_bell, writer_, writer_dies_);
      for (std::uint64_t number = 1; number <= messages_; ++number) {
        std::span<std::byte> room;
        side.wait([&] { return !(room = writer.claim(8)).empty(); });
        write_payload(room, number);
        writer.commit();
        side.published();
      }
    } else {
      Ring::Reader reader(memory_);
      Side side(data_bell, space_bell, reader_, writer_dies_);
      for (std::uint64_t number = 1; number <= messages_; ++number) {
        std::span<const std::byte> record;
        side.wait([&] {
          const bool over = writer_dies_ && is_dead(kWriter);
          return !(record = reader.peek()).empty() || over;
        });
        if (record.empty()) return;
        require(read_payload(record) == number, "a message lost, repeated or out of order");
        reader.release();
        reader.publish_head();
        side.published();
      }
    }
  }

 private:
  Means writer_;
  Means reader_;
  std::uint64_t messages_;
  bool writer_dies_;
  core::SpscMemory memory_{};
};

}  // namespace

std::vector<Scenario> parking_scenarios() {
  const Means barrier{.by_barrier = true};
  const Means fences{.by_barrier = false};
  const Means unregistered{.by_barrier = true, .must_fence = true};
  const Means changing{.by_barrier = true, .changes_over = true};
  const auto stream = [](const char* name, Means writer, Means reader, std::uint64_t messages,
                         bool dies = false) {
    const Bounds full{.preemptions = 3, .stale_loads = 3, .deaths = dies ? 1 : 0};
    const Bounds quick{.preemptions = 2, .stale_loads = 2, .deaths = dies ? 1 : 0};
    return Scenario{"Parking", name, program<ParkedStream>(writer, reader, messages, dies), quick,
                    full};
  };
  return {
      stream("both by the barrier", barrier, barrier, 2),
      stream("both by fences", fences, fences, 2),
      stream("one each way", barrier, fences, 2),
      stream("the other way round", fences, barrier, 2),
      stream("from the barrier to fences", barrier, changing, 3),
      stream("neither process registered", unregistered, unregistered, 2),
      stream("the writer dies", barrier, barrier, 2, true),
  };
}

}  // namespace ringbell::model
