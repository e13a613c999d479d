// `ringbell cp SRC DST`: one process reads a file into a ring, another writes it out.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/stream/copy_file.hpp"
#include "tools/command/stream/options.hpp"
#include "tools/command/stream/pump_in.hpp"
#include "tools/command/stream/pump_out.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell cp disk.img /mnt/backup/            a file, into a folder
  ringbell cp --progress --verify a.iso b.iso  with a progress line, then SHA-256 of both
  ringbell cp /dev/sdb sdb.img --progress      a device

A copy that fails is removed, unless DST was there before.
Exit status: 0; 1 failed; 5 --verify found a difference.)";

struct CopyOptions {
  std::string source;
  std::string destination;
  std::uint64_t capacity_bytes = kStreamCapacity;
  bool progress = false;
  bool verify = false;
};

int read_into(Channel channel, const Source& source) {
  Result<Sender> sender = Sender::open(std::move(channel));
  if (!sender) return complain(sender.error().message);
  Meter silent(false);
  const Patience patience({});
  StreamWriter writer(*sender, patience, silent, true);
  const Tried<void> sent = pump_in({.fd = source.fd.get()}, writer, silent);
  // What the other process has to say, it says itself.
  if (!sent && sent.error().status == kTruncated) return kTruncated;
  return sent ? int{kDone} : complain(sent.error());
}

// Runs `work` in a child that dies with this process, and with this object.
class Child {
 public:
  template <class Work>
  [[nodiscard]] static Tried<Child> run(Work&& work) {
    const pid_t parent = ::getpid();
    std::fflush(nullptr);  // or the child would write it as well
    const pid_t pid = ::fork();
    if (pid < 0) return give_up_errno("fork failed");
    if (pid > 0) return Child(pid);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kFailed);
    ::_exit(work());
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  // Its exit status. It may be blocked in a call of its own when a signal comes to this process.
  [[nodiscard]] int wait() noexcept {
    int status = 0;
    if (interruption::signal() != 0) ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      if (interruption::signal() != 0) ::kill(pid_, SIGKILL);
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : status_of_signal(WTERMSIG(status));
  }

 private:
  explicit Child(pid_t pid) noexcept : pid_(pid) {}

  pid_t pid_;
};

Tried<void> write_out(Receiver receiver, const Destination& destination, Meter& meter) {
  const Patience patience({});
  StreamReader reader(receiver, patience, meter, true);
  const Tried<bool> copied = pump_out(reader, {destination.fd.get(), Shape::bytes}, meter);
  if (!copied) return tl::unexpected(copied.error());
  if (!*copied) return give_up(kTruncated, "the reading process stopped before it began");
  return {};
}

Tried<void> copy(const Source& source, const Destination& destination, const CopyOptions& options) {
  ChannelOptions shape;
  shape.capacity_bytes = options.capacity_bytes;
  shape.record_alignment = 64;
  shape.memory.give_up = interruption::has_come;
  Result<Channel> channel = Channel::create(shape);
  if (!channel) return give_up(channel.error());
  Tried<Child> child = Child::run([&] { return read_into(std::move(*channel), source); });
  if (!child) return tl::unexpected(child.error());
  // Without this end the child would fill a ring that is never read: it goes with its owner.
  // And it may end before it opens its own.
  Result<FileDescriptor> reader = open_process(child->pid());
  if (!reader) return give_up(reader.error());
  Result<Receiver> receiver = Receiver::open(std::move(*channel), {}, std::move(*reader));
  if (!receiver) return give_up(receiver.error());

  Meter meter(options.progress);
  Tried<void> copied = write_out(std::move(*receiver), destination, meter);
  meter.finish();
  if (!copied && interruption::signal() != 0) return copied;
  const int status = child->wait();
  // The reading process has said what it failed at; that it stopped then is no news.
  if (status != kDone && status != kTruncated) return give_up(status);
  return copied;
}

int copy_command(const CopyOptions& options) {
  interruption::watch();
  const Tried<Source> source = open_source(options.source);
  if (!source) return complain(source.error());
  const Tried<Destination> destination = open_destination(options.destination, *source);
  if (!destination) return complain(destination.error());
  Tried<void> done = copy(*source, *destination, options);
  if (!done) {
    remove_failed(*destination);
    return complain(done.error());
  }
  if (options.verify) {
    interruption::unwatch();
    done = interruption::check();
    if (done) done = verify(*source, *destination);
  }
  return done ? int{kDone} : complain(done.error());
}

}  // namespace

void add_copy(Command program) {
  const auto options = std::make_shared<CopyOptions>();
  Command command = program.add("cp", "copy a file through a ring");
  command.option("SRC", options->source, "the file to read").required();
  command.option("DST", options->destination, "the file to write, or a folder").required();
  command.flag("--progress", options->progress, "total, rate and time left, on stderr");
  command.flag("--verify", options->verify, "read both files once more, compare SHA-256");
  add_capacity(command, options->capacity_bytes);
  command.footer(kExamples);
  command.runs([options] { return copy_command(*options); });
}

}  // namespace ringbell::tools
