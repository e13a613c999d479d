// Kinds of `./dev faults` in one process: memory of each backing, names that are left, files.
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/faults/kinds.hpp>

namespace ringbell::faults {
namespace {

using namespace std::chrono_literals;

// Whatever has a name must have been taken away where the making of it failed.
Outcome without_name(Outcome outcome, const MemoryOptions& memory) {
  if (memory.name.empty() || memory.name.ends_with('/')) return outcome;
  const auto remove = [&] { return Region::remove(memory.backing, memory.name).has_value(); };
  const bool was_there = remove() || remove();  // a call fails once
  if (was_there && outcome == refused) {
    std::fprintf(stderr, "%s is left\n", memory.name.c_str());
    return wrong;
  }
  return outcome;
}

// A channel whose ends are both here.
Outcome through(const MemoryOptions& memory) {
  Result<Channel> channel = Channel::create({.capacity_bytes = 65536, .memory = memory});
  if (!channel) return without_name(told(channel.error()), memory);
  Result<Channel> same = Channel::attach(channel->fds());
  (void)without_name(whole, memory);
  if (!same) return told(same.error());
  Result<Sender> sender = Sender::open(std::move(*channel));
  if (!sender) return told(sender.error());
  Result<Receiver> receiver = Receiver::open(std::move(*same));
  if (!receiver) return told(receiver.error());
  const Outcome sent = send_all([&](auto bytes) { return sender->send(bytes, kLong); });
  if (sent != whole) return sent;
  return receive_all([&](auto into) { return receiver->receive(into, kLong); });
}

// What fork() shares has no descriptor.
Outcome anonymous() {
  const Result<Channel> channel =
      Channel::create({.capacity_bytes = 65536, .memory = {.backing = Backing::anonymous}});
  return channel ? whole : told(channel.error());
}

// A ring and a listener that a dead process has left: looked at, taken over, removed.
Outcome names_of_the_dead() {
  const pid_t child = ::fork();
  if (child < 0) return refused;
  if (child == 0) {
    const Result<Sender> sender = Sender::create("left", {.capacity_bytes = 4096});
    const Result<QueueSender> jobs =
        QueueSender::create("jobs", {.messages = 16, .message_bytes = 128});
    const Result<Listener> listener = Listener::open("left");
    ::_exit(sender && jobs && listener ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const auto before = names::list();
  if (!before) return told(before.error());
  {
    Result<Sender> sender = Sender::create("left", {.capacity_bytes = 8192});
    if (!sender) return told(sender.error());
    const Result<QueueReceiver> jobs =
        QueueReceiver::create("jobs", {.messages = 16, .message_bytes = 128});
    if (!jobs) return told(jobs.error());
    const Result<Listener> listener = Listener::open("left");
    if (!listener) return told(listener.error());
    const auto there = names::list();
    if (!there) return told(there.error());
    if (there->size() != 3) return wrong;
  }
  const auto removed = names::remove_dead();
  if (!removed) return told(removed.error());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? whole : refused;
}

// A connection without a file, by futexes.
Outcome abstract_connection() {
  const std::string name = "faults." + std::to_string(::getpid());
  Result<Listener> listener = Listener::open(name, {.place = Place::abstract,
                                                    .channel = {.capacity_bytes = 4096},
                                                    .doorbell = core::DoorbellKind::futex});
  if (!listener) return told(listener.error());
  return between_two(
      [&](FileDescriptor) {
        Result<std::optional<Connection>> accepted = listener->accept(kLong);
        if (!accepted) return told(accepted.error());
        if (!*accepted) return refused;
        return send_all([&](auto bytes) { return (*accepted)->sender.send(bytes, kTold); });
      },
      [&](FileDescriptor) {
        Result<Connection> connected = connect(name, {.place = Place::abstract, .timeout = kLong});
        if (!connected) return told(connected.error());
        return receive_all([&](auto into) { return connected->receiver.receive(into, kTold); });
      });
}

// A file into a ring and out of it into another, by io_uring, several requests at a time.
Outcome files(UringOptions loop_options, core::DoorbellKind doorbell) {
  constexpr std::size_t kBytes = 60'000;
  Result<Channel> channel = Channel::create({.capacity_bytes = 16384, .doorbell = doorbell});
  if (!channel) return told(channel.error());
  Result<Channel> same = Channel::attach(channel->fds());
  if (!same) return told(same.error());
  Result<Receiver> receiver = Receiver::open(std::move(*same));
  if (!receiver) return told(receiver.error());
  std::optional<Result<Sender>> sender(Sender::open(std::move(*channel)));
  if (!*sender) return told(sender->error());
  const FileDescriptor from(::open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const FileDescriptor into(::open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const std::vector<char> bytes(kBytes, 'x');
  if (!from || !into || ::write(from.get(), bytes.data(), kBytes) != ssize_t{kBytes}) {
    return refused;
  }
  loop_options.longest_sleep = 50ms;
  Result<UringLoop> loop = UringLoop::create(loop_options);
  if (!loop) return told(loop.error());
  std::optional<StreamEnd> read;
  std::optional<StreamEnd> written;
  const StreamOptions options{.offset = 0, .depth = 4};
  const auto reads = loop->read_into(**sender, from.get(), options, [&](const StreamEnd& end) {
    read = end;
    sender.reset();
  });
  if (!reads) return told(reads.error());
  const auto writes = loop->write_from(*receiver, into.get(), options,
                                       [&](const StreamEnd& end) { written = end; });
  if (!writes) return told(writes.error());
  for (int turns = 0; !(read && written) && turns < 300; ++turns) {
    const Result<std::size_t> turned = loop->turn(10ms);
    if (!turned) return told(turned.error());
  }
  if (!read || !written) return refused;
  if (!read->result) return told(read->result.error());
  if (!written->result) return told(written->result.error());
  std::vector<char> copied(kBytes + 1);
  const ssize_t got = ::pread(into.get(), copied.data(), copied.size(), 0);
  if (got < 0) return refused;
  copied.resize(static_cast<std::size_t>(got));
  return copied == bytes ? whole : wrong;
}

}  // namespace

std::map<std::string, std::function<Outcome()>> kinds_of_one_process() {
  const std::string shared = "/faults." + std::to_string(::getpid());
  return {
      {"memory-huge", [] { return through({.huge_pages = HugePages::prefer}); }},
      {"memory-locked", [] { return through({.lock_memory = true, .numa_node = 0}); }},
      {"memory-shm", [=] { return through({.backing = Backing::posix_shm, .name = shared}); }},
      {"memory-file", [] { return through({.backing = Backing::file, .name = "./region"}); }},
      {"memory-system-v", [] { return through({.backing = Backing::system_v}); }},
      {"memory-anonymous", anonymous},
      {"names-of-the-dead", names_of_the_dead},
      {"connection-abstract", abstract_connection},
      {"uring-files", [] { return files({}, core::DoorbellKind::eventfd); }},
  };
}

}  // namespace ringbell::faults
