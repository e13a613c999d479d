// Kinds of `./dev faults`: states, rings that are set aside for newer ones, files with seals.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/ends/sealed.hpp>

#include <tests/faults/kinds.hpp>

namespace ringbell::faults {
namespace {

using Message = std::array<std::byte, 96>;

StateOptions state_options() {
  return {.value_bytes = sizeof(Message), .keys = 2, .readers_in_place = 1};
}

Outcome set_all(StateWriter& writer) {
  return send_all(
      [&](auto bytes) -> Result<bool> { return writer.set(bytes, 1).map([] { return true; }); });
}

// Until the last value has come: each is whole, and none is passed off as another.
Outcome follow(StateReader& reader, Timeout longest) {
  while (reader.number(1) < kMessages) {
    const Result<bool> changed = reader.wait_changed(std::exchange(longest, Timeout(kTold)), 1);
    if (!changed) return told(changed.error());
    if (!*changed) return refused;
    Message into{};
    const Result<std::optional<std::size_t>> size = reader.get(into, 1);
    if (!size) return told(size.error());
    if (*size != sizeof into || into != message(reader.number(1) - 1)) return wrong;
  }
  return whole;
}

Outcome state() {
  Result<State> made = State::create(state_options());
  if (!made) return told(made.error());
  const StateFds fds = made->fds();
  return between_two(
      [&](FileDescriptor) {
        Result<StateWriter> writer = StateWriter::open(std::move(*made));
        return writer ? set_all(*writer) : told(writer.error());
      },
      [&](FileDescriptor) {
        Result<State> same = State::attach(fds);
        if (!same) return told(same.error());
        Result<StateReader> reader = StateReader::open(std::move(*same));
        return reader ? follow(*reader, kLong) : told(reader.error());
      });
}

// Its reader takes a place for looking, and says when it is there.
Outcome named_state() {
  return between_two(
      [](FileDescriptor life) {
        Result<StateWriter> writer = StateWriter::create("prices", state_options());
        if (!writer) return told(writer.error());
        char joined = 0;
        if (::read(life.get(), &joined, 1) != 1) return refused;
        return set_all(*writer);
      },
      [](FileDescriptor life) {
        Result<StateReader> reader = StateReader::open("prices", kLong);
        if (!reader) return told(reader.error());
        const auto seen = reader->look(1);
        if (!seen) return told(seen.error());
        if (::write(life.get(), "j", 1) != 1) return refused;
        return follow(*reader, kTold);
      });
}

// What a dead process has left is set aside, and read before what came after it.
Outcome older_ring() {
  const pid_t child = ::fork();
  if (child < 0) return refused;
  if (child == 0) {
    Result<Sender> sender = Sender::create("orders", {.capacity_bytes = 4096});
    ::_exit(sender && sender->send(message(0), kLong) == true ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return refused;
  Result<Sender> sender =
      Sender::create("orders", {.capacity_bytes = 8192, .replace = Replace::when_drained});
  if (!sender) return told(sender.error());
  const Result<bool> sent = sender->send(message(1), kLong);
  if (!sent) return told(sent.error());
  Result<Receiver> receiver = Receiver::open("orders", kLong);
  if (!receiver) return told(receiver.error());
  for (const std::uint64_t number : {0U, 1U}) {
    Message into{};
    const Result<std::optional<std::size_t>> size = receiver->receive(into, kLong);
    if (!size) return told(size.error());
    if (!*size) return refused;
    if (**size != sizeof into || into != message(number)) return wrong;
  }
  return whole;
}

Outcome send_sealed(const std::string& path) {
  Result<Channel> channel = Channel::create(
      {.capacity_bytes = 65536, .memory = {.backing = Backing::file, .name = path}, .seals = true});
  if (!channel) return told(channel.error());
  Result<Sender> sender = Sender::open(std::move(*channel));
  if (!sender) return told(sender.error());
  const Outcome sent =
      send_all([&](auto bytes) { return sealed::send(*sender, bytes, Timeout::zero()); });
  if (sent != whole) return sent;
  const Result<void> settled = sender->channel().region().settle();
  return settled ? whole : told(settled.error());
}

Outcome sealed_file() {
  const std::string path = "./sealed";
  (void)Region::remove(Backing::file, path);  // that of a try whose removal failed
  const Outcome sent = send_sealed(path);
  if (sent != whole) return sent;
  std::uint64_t next = 0;
  bool right = true;
  const auto recovered = sealed::recover(path, [&](std::span<const std::byte> bytes) {
    right = right && std::ranges::equal(bytes, message(next));
    ++next;
  });
  if (!recovered) return told(recovered.error());
  const Result<void> removed = Region::remove(Backing::file, path);
  if (!removed) return told(removed.error());
  return right && next == kMessages && recovered->gaps == 0 ? whole : wrong;
}

}  // namespace

std::map<std::string, std::function<Outcome()>> newer_kinds() {
  return {
      {"state", state},
      {"named-state", named_state},
      {"older-ring", older_ring},
      {"file-sealed", sealed_file},
  };
}

}  // namespace ringbell::faults
