// What `./dev faults` makes fail: one kind of end, between this process and a child of it. A call
// that fails is told by an Error, the other process learns of it, nothing is left, and the same
// process does the same again with success.
//
//   ringbell-fault-subject KIND      status 0: all went through; 10: something failed, and the next
//                                    try went through; all else is a finding
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/sign_of_life.hpp>

#include <tests/faults/kinds.hpp>

namespace {

using namespace ringbell;
using namespace ringbell::faults;
using namespace std::chrono_literals;

enum Finding : int {
  wrong_data = 20,
  fails_again = 21,
  descriptors_left = 22,
  threads_left = 23,
  names_left = 24,
  child_hangs = 25,
  mappings_left = 26,
  not_told = 27,
};

using Clock = std::chrono::steady_clock;

// A socketpair of which each process has one end: closed by whichever gives up.
struct Life {
  FileDescriptor ours;
  FileDescriptor theirs;
};

bool ends_in_time(pid_t child) {
  constexpr int kEndsMs = std::chrono::milliseconds(kEnds).count();
  Result<FileDescriptor> pidfd = open_process(child);
  if (!pidfd) return true;  // then waitpid() has no limit
  const SignOfLife sign(std::move(*pidfd));
  pollfd waiting = sign.polled();
  int ended = -1;
  while ((ended = ::poll(&waiting, 1, kEndsMs)) < 0) {
  }
  return ended > 0;
}

int findings = 0;

}  // namespace

Outcome ringbell::faults::between_two(const std::function<Outcome(FileDescriptor)>& ours,
                                      const std::function<Outcome(FileDescriptor)>& theirs) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return refused;
  Life life{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return refused;
  if (child == 0) {
    life.ours = {};
    ::_exit(theirs(std::move(life.theirs)));
  }
  life.theirs = {};
  const Clock::time_point begun = Clock::now();
  const Outcome mine = ours(std::move(life.ours));
  if (Clock::now() - begun > kEnds) findings = not_told;
  if (!ends_in_time(child)) {
    findings = child_hangs;
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) == wrong || mine == wrong) return wrong;
  return mine == whole && WEXITSTATUS(status) == whole ? whole : refused;
}

namespace {

// --- the kinds -----------------------------------------------------------------------------------

Outcome channel(core::DoorbellKind doorbell) {
  Result<Channel> channel = Channel::create({.capacity_bytes = 4096, .doorbell = doorbell});
  if (!channel) return told(channel.error());
  Result<Channel> same = Channel::attach(channel->fds());
  if (!same) return told(same.error());
  return between_two(
      [&](FileDescriptor life) {
        Result<Receiver> receiver = Receiver::open(std::move(*channel), {}, std::move(life));
        if (!receiver) return told(receiver.error());
        return receive_all([&](auto into) { return receiver->receive(into, kTold); });
      },
      [&](FileDescriptor life) {
        Result<Sender> sender = Sender::open(std::move(*same), {}, std::move(life));
        if (!sender) return told(sender.error());
        return send_all([&](auto bytes) { return sender->send(bytes, kTold); });
      });
}

Outcome named_channel() {
  return between_two(
      [](FileDescriptor) {
        Result<Sender> sender = Sender::create("orders", {.capacity_bytes = 4096});
        if (!sender) return told(sender.error());
        return send_all([&](auto bytes) { return sender->send(bytes, kLong); });
      },
      [](FileDescriptor) {
        Result<Receiver> receiver = Receiver::open("orders", kLong);
        if (!receiver) return told(receiver.error());
        return receive_all([&](auto into) { return receiver->receive(into, kTold); });
      });
}

Outcome queue() {
  const Result<Region> region =
      Region::create(QueueOptions{.messages = 16, .message_bytes = 128}.region());
  if (!region) return told(region.error());
  return between_two(
      [&](FileDescriptor) {
        Result<QueueSender> sender = open_on<QueueSender>(*region);
        if (!sender) return told(sender.error());
        return send_all([&](auto bytes) { return sender->send(bytes, kLong); });
      },
      [&](FileDescriptor) {
        Result<QueueReceiver> receiver = open_on<QueueReceiver>(*region);
        if (!receiver) return told(receiver.error());
        return receive_all([&](auto into) { return receiver->receive(into, kLong); });
      });
}

Outcome named_queue() {
  return between_two(
      [](FileDescriptor) {
        Result<QueueSender> sender =
            QueueSender::create("jobs", {.messages = 16, .message_bytes = 128});
        if (!sender) return told(sender.error());
        return send_all([&](auto bytes) { return sender->send(bytes, kLong); });
      },
      [](FileDescriptor) {
        Result<QueueReceiver> receiver = QueueReceiver::open("jobs", kLong);
        if (!receiver) return told(receiver.error());
        return receive_all([&](auto into) { return receiver->receive(into, kLong); });
      });
}

Outcome connection() {
  return between_two(
      [](FileDescriptor) {
        Result<Listener> listener = Listener::open("doors", {.channel = {.capacity_bytes = 4096}});
        if (!listener) return told(listener.error());
        Result<std::optional<Connection>> accepted = listener->accept(kLong);
        if (!accepted) return told(accepted.error());
        if (!*accepted) return refused;
        return send_all([&](auto bytes) { return (*accepted)->sender.send(bytes, kTold); });
      },
      [](FileDescriptor) {
        Result<Connection> connected = connect("doors", {.timeout = kLong});
        if (!connected) return told(connected.error());
        return receive_all([&](auto into) { return connected->receiver.receive(into, kTold); });
      });
}

// A pipe into a channel by io_uring, and from the channel into memory.
Outcome uring() {
  Result<Channel> channel =
      Channel::create({.capacity_bytes = 16384, .doorbell = core::DoorbellKind::eventfd});
  if (!channel) return told(channel.error());
  Result<Channel> same = Channel::attach(channel->fds());
  if (!same) return told(same.error());
  constexpr std::size_t kBytes = 60'000;
  return between_two(
      [&](FileDescriptor life) {
        Result<Sender> sender = Sender::open(std::move(*channel), {}, std::move(life));
        if (!sender) return told(sender.error());
        Result<UringLoop> loop = UringLoop::create({.longest_sleep = 50ms});
        if (!loop) return told(loop.error());
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) != 0) return refused;
        const FileDescriptor from(ends[0]);
        std::optional<FileDescriptor> into{FileDescriptor(ends[1])};
        const std::vector<char> bytes(kBytes, 'x');
        if (::write(into->get(), bytes.data(), bytes.size()) != ssize_t{kBytes}) return refused;
        into.reset();
        std::optional<StreamEnd> end;
        const auto started =
            loop->read_into(*sender, from.get(), {}, [&](const StreamEnd& ended) { end = ended; });
        if (!started) return told(started.error());
        for (int turns = 0; !end && turns < 1500; ++turns) {
          const Result<std::size_t> turned = loop->turn(10ms);
          if (!turned) return told(turned.error());
        }
        if (!end) return refused;
        return end->result ? whole : told(end->result.error());
      },
      [&](FileDescriptor life) {
        Result<Receiver> receiver = Receiver::open(std::move(*same), {}, std::move(life));
        if (!receiver) return told(receiver.error());
        std::size_t got = 0;
        for (;;) {
          const auto record = receiver->peek_for(kTold);
          if (!record) {
            if (record.error().code == ErrorCode::closed && got == kBytes) return whole;
            return told(record.error());
          }
          if (!*record) return refused;
          for (const std::byte byte : **record) {
            if (byte != std::byte{'x'}) return wrong;
          }
          got += (*record)->size();
          receiver->release();
        }
      });
}

// A loop of one's own, which sleeps on a thread's eventfd.
Outcome loop() {
  return between_two(
      [](FileDescriptor) {
        Result<QueueReceiver> receiver =
            QueueReceiver::create("jobs", {.messages = 16, .message_bytes = 128});
        if (!receiver) return told(receiver.error());
        const Result<int> fd = receiver->waitable_fd();
        if (!fd) return told(fd.error());
        return receive_all([&](auto into) -> Result<std::optional<std::size_t>> {
          for (int turns = 0; turns < 300; ++turns) {
            if (receiver->arm()) {
              pollfd bell{.fd = *fd, .events = POLLIN, .revents = 0};
              (void)::poll(&bell, 1, 10);
            }
            auto size = receiver->receive(into, Timeout::zero());
            if (!size || *size) return size;
          }
          return std::nullopt;
        });
      },
      [](FileDescriptor) {
        Result<QueueSender> sender = QueueSender::open("jobs", kLong);
        if (!sender) return told(sender.error());
        return send_all([&](auto bytes) { return sender->send(bytes, kLong); });
      });
}

std::map<std::string, std::function<Outcome()>> kinds{
    {"channel", [] { return channel(core::DoorbellKind::futex); }},
    {"channel-eventfd", [] { return channel(core::DoorbellKind::eventfd); }},
    {"named-channel", named_channel},
    {"queue", queue},
    {"named-queue", named_queue},
    {"connection", connection},
    {"uring", uring},
    {"loop", loop},
};

std::ptrdiff_t entries_of(const char* folder) {
  std::error_code none;
  return std::distance(std::filesystem::directory_iterator(folder, none),
                       std::filesystem::directory_iterator());
}

// io_uring's workers in the kernel belong to the process until they have been idle for seconds.
bool only_one_thread_is_left() {
  std::ptrdiff_t left = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    left += name.starts_with("iou-wrk") ? 0 : 1;
  }
  return left == 1;
}

// Of rings and io_uring: "7f00-7f01 rw-s ...".
std::ptrdiff_t shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::ptrdiff_t shared = 0;
  for (std::string line; std::getline(maps, line);) shared += line.at(line.find(' ') + 4) == 's';
  return shared;
}

// A name whose removal failed has no process, so `ringbell clean` removes it.
bool nothing_has_a_name() {
  if (!names::remove_dead()) return false;
  const auto left = names::list();
  return left && left->empty();
}

}  // namespace

int main(int argc, char** argv) {
  kinds.merge(kinds_of_one_process());
  kinds.merge(newer_kinds());
  kinds.merge(kinds_of_groups());
  const auto kind = argc == 2 ? kinds.find(argv[1]) : kinds.end();
  if (kind == kinds.end()) {
    for (const auto& [name, run] : kinds) std::puts(name.c_str());
    return 2;
  }
  const std::ptrdiff_t descriptors = entries_of("/proc/self/fd");
  const std::ptrdiff_t mappings = shared_mappings();
  std::signal(SIGPIPE, SIG_IGN);
  ::raise(SIGSTOP);  // until strace is attached, which counts calls from here on
  const Outcome first = kind->second();
  // Nothing fails any more once strace has been ended, which a line on standard input tells.
  while (::write(STDOUT_FILENO, "done\n", 5) != 5) {
  }
  for (char line = 0; line != '\n' && ::read(STDIN_FILENO, &line, 1) != 0;) {
  }
  if (findings == 0 && first == wrong) findings = wrong_data;
  (void)names::remove_dead();  // what was not delivered is kept: the next try begins anew
  const Outcome second = first == whole ? whole : kind->second();
  if (findings == 0 && second != whole) findings = fails_again;
  if (findings == 0 && entries_of("/proc/self/fd") != descriptors) findings = descriptors_left;
  if (findings == 0 && shared_mappings() != mappings) findings = mappings_left;
  if (findings == 0 && !only_one_thread_is_left()) findings = threads_left;
  if (findings == 0 && !nothing_has_a_name()) findings = names_left;
  if (findings != 0) return findings;
  return first == whole ? 0 : 10;
}
