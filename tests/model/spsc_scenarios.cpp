// SpscRing, explored: streams through rings so small that they wrap and fill at once, batches,
// claims taken back, and the death of either side with a successor.
#include <optional>
#include <span>
#include <string>

#include "tests/model/scenario.hpp"
#include "tests/model/spsc_program.hpp"

namespace ringbell::model {
namespace {

using Ring = SpscUnderTest;

// So many messages, of 8 bytes or of 8 and 16 in turn.
class Stream : public SpscProgram {
 public:
  Stream(std::uint64_t capacity_bytes, std::uint64_t messages, bool mixed)
      : SpscProgram(capacity_bytes), messages_(messages), mixed_(mixed) {}

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (std::uint64_t number = 1; number <= messages_; ++number) {
        send(writer, number, mixed_ && number % 2 == 0 ? 16 : 8);
      }
    } else {
      Ring::Reader reader(memory());
      for (std::uint64_t number = 1; number <= messages_; ++number) expect(reader, number);
    }
  }

 private:
  std::uint64_t messages_;
  bool mixed_;
};

// Batches of two, read as batches: both records are held before they are given back. The first
// half of the second batch is made visible by itself.
class Batches : public SpscProgram {
 public:
  Batches() : SpscProgram(64) {}

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      stage(writer, 1);
      stage(writer, 2);
      writer.flush();
      stage(writer, 3);
      const std::uint64_t half = writer.staged_position();
      stage(writer, 4);
      writer.flush_to(half);
      writer.flush();
    } else {
      Ring::Reader reader(memory());
      for (const std::uint64_t first : {1U, 3U}) {
        require(receive(reader) == first, "the batch begins with another message");
        reader.hold();
        require(receive(reader) == first + 1, "the batch goes on with another message");
        reader.hold();
        reader.release_to(reader.position());
      }
    }
  }

 private:
  static void stage(Ring::Writer& writer, std::uint64_t number) {
    write_payload(claim(writer), number);
    writer.stage();
  }
};

// What is claimed, written and taken back is never seen; nor is the rest of a record that came out
// shorter.
class TakenBack : public SpscProgram {
 public:
  TakenBack() : SpscProgram(64) {}

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      send(writer, 1);
      write_payload(claim(writer, 24), 666);
      writer.abort();
      const std::span<std::byte> room = claim(writer, 24);
      write_payload(room, 2);
      writer.commit(8);
      send(writer, 3);
      send(writer, 4);
    } else {
      Ring::Reader reader(memory());
      for (std::uint64_t number = 1; number <= 4; ++number) expect(reader, number);
    }
  }
};

// The writer may die anywhere; the next one goes on where it was. The reader sees the beginning of
// what the first one sent and all of what the second one sends.
class WriterDies : public SpscProgram {
 public:
  WriterDies(std::uint64_t capacity_bytes, std::uint64_t messages)
      : SpscProgram(capacity_bytes), messages_(messages) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new writer" : SpscProgram::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kWriter; }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (std::uint64_t number = 1; number <= messages_; ++number) send(writer, number);
      say_ended();
    } else if (thread == kSuccessor) {
      wait_for_the_end_of(kWriter);
      Ring::Writer writer(memory());
      for (std::uint64_t i = 0; i < 2; ++i) send(writer, kFirstOfSuccessor + i);
    } else {
      Ring::Reader reader(memory());
      std::uint64_t number = 0;
      std::uint64_t next = 1;
      while ((number = receive(reader)) < kFirstOfSuccessor) {
        require(number == next++, "a message lost, repeated or out of order");
        reader.release();
      }
      require(number == kFirstOfSuccessor, "the new writer's first message is not its first");
      reader.release();
      expect(reader, kFirstOfSuccessor + 1);
    }
  }

 private:
  std::uint64_t messages_;
};

// The reader may die anywhere; the next one sees nothing later than what follows the last one read,
// and everything from there on.
class ReaderDies : public SpscProgram {
 public:
  ReaderDies(std::uint64_t capacity_bytes, std::uint64_t messages)
      : SpscProgram(capacity_bytes), messages_(messages) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new reader" : SpscProgram::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kReader; }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (std::uint64_t number = 1; number <= messages_; ++number) send(writer, number);
    } else if (thread == kReader) {
      Ring::Reader reader(memory());
      for (std::uint64_t number = 1; number < messages_; ++number) {
        require(receive(reader) == number, "a message lost, repeated or out of order");
        read_ = number;
        reader.release();
      }
      reader.publish_head();
      say_ended();
    } else {
      wait_for_the_end_of(kReader);
      Ring::Reader reader(memory());
      std::uint64_t number = receive(reader);
      require(number <= read_ + 1, "a message lost with the first reader");
      require(number + kRepeated > read_, "more repeated than promised");
      reader.release();
      while (number < messages_) expect(reader, ++number);
    }
  }

 private:
  // An eighth of these rings is less than a record, so only the one in hand is repeated.
  static constexpr std::uint64_t kRepeated = 1;

  std::uint64_t messages_;
  std::uint64_t read_ = 0;
};

// A reader that finds the writer dead and then nothing in the ring has seen everything.
class NothingAfterDeath : public SpscProgram {
 public:
  NothingAfterDeath() : SpscProgram(64) {}

  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kWriter; }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (std::uint64_t number = 1; number <= 3; ++number) {
        send(writer, number);
        sent_ = number;
      }
      say_ended();
      return;
    }
    Ring::Reader reader(memory());
    std::uint64_t received = 0;
    while (true) {
      const bool over = has_ended() || is_dead(kWriter);
      if (const std::optional<std::uint64_t> number = try_receive(reader)) {
        require(*number == ++received, "a message lost, repeated or out of order");
        reader.release();
      } else if (over) {
        break;
      } else {
        SimulatedAtomics::pause();
      }
    }
    require(received >= sent_, "a message was committed and not seen");
  }

 private:
  std::uint64_t sent_ = 0;
};

}  // namespace

std::vector<Scenario> spsc_scenarios() {
  const Bounds all{};
  const Bounds one_death{.deaths = 1};
  const auto both = [](const char* name, MakeProgram make, const Bounds& bounds) {
    return Scenario{"SpscRing", name, std::move(make), bounds, bounds};
  };
  // With a successor there are three threads.
  const auto deep = [](const char* name, MakeProgram make) {
    return Scenario{"SpscRing", name, std::move(make),
                    Bounds{.preemptions = 2, .stale_loads = 2, .deaths = 1}, Bounds{.deaths = 1}};
  };
  return {
      both("one record fits, 4 messages", program<Stream>(32U, 4U, false), all),
      both("three records fit, 5 messages", program<Stream>(64U, 5U, false), all),
      both("two sizes, 5 messages", program<Stream>(64U, 5U, true), all),
      both("batches", program<Batches>(), all),
      both("aborted and shortened claims", program<TakenBack>(), all),
      deep("the writer dies, full ring", program<WriterDies>(32U, 3U)),
      deep("the writer dies, three fit", program<WriterDies>(64U, 3U)),
      deep("the reader dies, full ring", program<ReaderDies>(32U, 3U)),
      deep("the reader dies, three fit", program<ReaderDies>(64U, 4U)),
      both("dead and empty is the end", program<NothingAfterDeath>(), one_death),
  };
}

}  // namespace ringbell::model
