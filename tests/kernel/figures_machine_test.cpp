// The same records by the ring, by read(2) and write(2) of a device, by a relay buffer and by
// netlink (kernel/samples/baseline.c): all come, in order; what each message cost is printed, and
// how long one takes to a reader that sleeps. `./dev vm kernel --figures` runs this in a machine
// whose clock counts instructions.
#include <chrono>
#include <cstring>

#include <liburing.h>
#include <linux/netlink.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <tests/kernel/kernel_peer.hpp>

#include <kernel/samples/records.h>

namespace ringbell {
namespace {

using Record = rb_baseline_record;
using test::KernelDevice;
using test::kPatience;

constexpr std::uint64_t kMany = 20'000;
constexpr std::uint32_t kFew = 200;  // with pauses
constexpr std::uint32_t kPauseUs = 2000;

class KernelFiguresTest : public test::KernelPeerTest {
 protected:
  void SetUp() override {
    KernelPeerTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(test::load_module("ringbell_baseline"), 0);
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(test::unload_module("ringbell_baseline"), 0);
    }
    KernelPeerTest::TearDown();
  }

  // `stream` says how many came, or went, as they should.
  template <class Stream>
  static void measure(const char* way, const char* copies, Stream&& stream) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(stream(), kMany) << way;
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
    std::printf("figure: %s|%s|%llu\n", way, copies,
                static_cast<unsigned long long>(took.count()) / kMany);
  }
  // `stream` says how long kFew records took to a side that slept, in all, and 0 for a wrong one.
  template <class Stream>
  static void measure_sleeper(const char* way, const char* copies, Stream&& stream) {
    const std::uint64_t took_ns = stream();
    ASSERT_GT(took_ns, 0U) << way;
    std::printf("figure: %s|%s|%llu\n", way, copies,
                static_cast<unsigned long long>(took_ns / kFew));
  }
};

// How many of a batch are the next ones.
[[nodiscard]] std::uint64_t right_of(std::span<const Record> batch, std::uint64_t first) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].number != first + i) return i;
  }
  return batch.size();
}

[[nodiscard]] std::uint64_t read_all(std::size_t batch_of) {
  const FileDescriptor device(::open("/dev/ringbell_baseline", O_RDONLY | O_CLOEXEC));
  std::vector<Record> batch(batch_of);
  for (std::uint64_t number = 0; number < kMany; number += batch_of) {
    const auto bytes = static_cast<ssize_t>(batch_of * sizeof(Record));
    if (::read(device.get(), batch.data(), batch_of * sizeof(Record)) != bytes ||
        right_of(batch, number) != batch_of) {
      return number;
    }
  }
  return kMany;
}

[[nodiscard]] std::uint64_t write_all(std::size_t batch_of) {
  const FileDescriptor device(::open("/dev/ringbell_baseline", O_WRONLY | O_CLOEXEC));
  std::vector<Record> batch(batch_of);
  for (std::uint64_t number = 0; number < kMany; number += batch_of) {
    for (std::size_t i = 0; i < batch_of; ++i) batch[i].number = number + i;
    const auto bytes = static_cast<ssize_t>(batch_of * sizeof(Record));
    if (::write(device.get(), batch.data(), batch_of * sizeof(Record)) != bytes) return number;
  }
  return kMany;
}

// A socket on which the module has been asked for records.
[[nodiscard]] FileDescriptor ask_for(std::uint32_t way, std::uint32_t records,
                                     std::uint32_t pause_us = 0) {
  FileDescriptor link(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, RB_BASELINE_NETLINK));
  struct {
    nlmsghdr header;
    rb_baseline_request request;
  } asked{{.nlmsg_len = sizeof asked,
           .nlmsg_type = NLMSG_MIN_TYPE,
           .nlmsg_flags = NLM_F_REQUEST,
           .nlmsg_seq = 0,
           .nlmsg_pid = 0},
          {.records = records, .pause_us = pause_us, .way = way}};
  EXPECT_EQ(::send(link.get(), &asked, sizeof asked, 0), ssize_t{sizeof asked});
  return link;
}

[[nodiscard]] bool receive_netlink(const FileDescriptor& link, Record& record) {
  struct {
    nlmsghdr header;
    Record record;
  } message{};
  if (::recv(link.get(), &message, sizeof message, 0) != ssize_t{sizeof message}) return false;
  record = message.record;
  return true;
}

[[nodiscard]] std::uint64_t read_netlink() {
  const FileDescriptor link = ask_for(RB_BASELINE_BY_NETLINK, kMany);
  Record record{};
  for (std::uint64_t number = 0; number < kMany; ++number) {
    if (!receive_netlink(link, record) || record.number != number) return number;
  }
  return kMany;
}

// It does not wait for its reader, nor its reader for it: there is room for all.
[[nodiscard]] std::uint64_t read_relay() {
  ::mount("debugfs", "/sys/kernel/debug", "debugfs", 0, nullptr);
  const FileDescriptor file(
      ::open("/sys/kernel/debug/ringbell_baseline/relay0", O_RDONLY | O_CLOEXEC));
  const FileDescriptor link = ask_for(RB_BASELINE_BY_RELAY, kMany);
  std::vector<Record> batch(50);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (std::uint64_t number = 0; number < kMany;) {
    const ssize_t bytes = ::read(file.get(), batch.data(), batch.size() * sizeof(Record));
    if (bytes < 0 || bytes % ssize_t{sizeof(Record)} != 0) return number;
    if (bytes == 0) {
      if (std::chrono::steady_clock::now() > until) return number;
      std::this_thread::yield();
      continue;
    }
    const std::span<const Record> got(batch.data(),
                                      static_cast<std::size_t>(bytes) / sizeof(Record));
    if (right_of(got, number) != got.size()) return number;
    number += got.size();
  }
  return kMany;
}

[[nodiscard]] std::uint64_t read_ring(const Channel& channel) {
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const KernelDevice device;
  if (device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, kMany, "baseline")) != 0) {
    return 0;
  }
  for (std::uint64_t number = 0; number < kMany; ++number) {
    const auto record = receiver.peek_for(kPatience);
    if (!record || !*record || (*record)->size() != sizeof(Record)) return number;
    if (reinterpret_cast<const Record*>((*record)->data())->number != number) return number;
    receiver.release();
  }
  return kMany;
}

[[nodiscard]] std::uint64_t write_ring(const Channel& channel) {
  Sender sender = Sender::attach(channel.fds()).value();
  const KernelDevice device;
  if (device.attach(test::attach_words(channel.fds(), RB_ROLE_READER, kMany, "baseline")) != 0) {
    return 0;
  }
  for (std::uint64_t number = 0; number < kMany; ++number) {
    const auto room = sender.claim_for(sizeof(Record), kPatience);
    if (!room || !*room) return number;
    const Record record{.number = number, .time_ns = 0, .rest = {}};
    std::memcpy((*room)->data(), &record, sizeof record);
    sender.commit();
  }
  // Until the kernel has read all: it publishes its head when it finds nothing more.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const std::uint64_t& head = channel.region().spsc_control().head;
  while (__atomic_load_n(&head, __ATOMIC_ACQUIRE) != sender.position()) {
    if (std::chrono::steady_clock::now() > until) return 0;
    std::this_thread::yield();
  }
  return kMany;
}

// --- to a reader that sleeps ---------------------------------------------------------------------

[[nodiscard]] std::uint64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// `next` waits for a record, and is false if none came. 0: a wrong one, or none.
template <class Next>
[[nodiscard]] std::uint64_t sum_of_waits(Next&& next) {
  std::uint64_t sum = 0;
  Record record{};
  for (std::uint64_t number = 0; number < kFew; ++number) {
    if (!next(record) || record.number != number) return 0;
    sum += now_ns() - record.time_ns;
  }
  return sum;
}

constexpr std::uint64_t kPaced = std::uint64_t{kPauseUs} << 32 | kFew;

[[nodiscard]] bool take(Receiver& receiver,
                        const Result<std::optional<std::span<const std::byte>>>& got,
                        Record& record) {
  if (!got || !*got || (*got)->size() != sizeof record) return false;
  std::memcpy(&record, (*got)->data(), sizeof record);
  receiver.release();
  return true;
}

[[nodiscard]] std::uint64_t sleep_for_ring(const Channel& channel) {
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const KernelDevice device;
  if (device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, kPaced, "baseline")) != 0) {
    return 0;
  }
  return sum_of_waits(
      [&](Record& record) { return take(receiver, receiver.peek_for(kPatience), record); });
}

[[nodiscard]] std::uint64_t sleep_in_io_uring(const Channel& channel) {
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const int bell = receiver.waitable_fd().value();
  const KernelDevice device;
  if (device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, kPaced, "baseline")) != 0) {
    return 0;
  }
  io_uring kernel{};
  if (::io_uring_queue_init(4, &kernel, 0) != 0) return 0;
  const std::uint64_t sum = sum_of_waits([&](Record& record) {
    while (receiver.arm()) {
      ::io_uring_prep_poll_add(::io_uring_get_sqe(&kernel), bell, POLLIN);
      if (::io_uring_submit_and_wait(&kernel, 1) != 1) return false;
      ::io_uring_cq_advance(&kernel, 1);
    }
    return take(receiver, receiver.peek_for({}), record);
  });
  ::io_uring_queue_exit(&kernel);
  return sum;
}

[[nodiscard]] std::uint64_t sleep_for_device() {
  const FileDescriptor device(::open("/dev/ringbell_baseline_event", O_RDONLY | O_CLOEXEC));
  const FileDescriptor link = ask_for(RB_BASELINE_BY_DEVICE, kFew, kPauseUs);
  return sum_of_waits([&](Record& record) {
    return ::read(device.get(), &record, sizeof record) == ssize_t{sizeof record};
  });
}

[[nodiscard]] std::uint64_t sleep_for_netlink() {
  const FileDescriptor link = ask_for(RB_BASELINE_BY_NETLINK, kFew, kPauseUs);
  return sum_of_waits([&](Record& record) { return receive_netlink(link, record); });
}

// The kernel's thread sleeps; the module says how long the records took.
[[nodiscard]] std::uint64_t kernel_sleeps_for_ring(const Channel& channel) {
  Sender sender = Sender::attach(channel.fds()).value();
  const KernelDevice device;
  if (device.attach(test::attach_words(channel.fds(), RB_ROLE_READER, kFew, "baseline")) != 0) {
    return 0;
  }
  for (std::uint64_t number = 0; number < kFew; ++number) {
    std::this_thread::sleep_for(std::chrono::microseconds(kPauseUs));
    const Record record{.number = number, .time_ns = now_ns(), .rest = {}};
    const auto sent = sender.send(std::as_bytes(std::span(&record, 1)), kPatience);
    if (!sent || !*sent) return 0;
  }
  std::this_thread::sleep_for(std::chrono::microseconds(kPauseUs));
  return static_cast<std::uint64_t>(test::parameter("ringbell_baseline", "slept_ns"));
}

TEST_F(KernelFiguresTest, SameRecordsByEveryWay) {
  const Channel down = make_channel({.capacity_bytes = 65536});
  const Channel up = make_channel({.capacity_bytes = 65536});
  measure("from the kernel by a ring", "0", [&] { return read_ring(down); });
  measure("from the kernel by read(2), one each", "1", [] { return read_all(1); });
  measure("from the kernel by read(2), 50 each", "1", [] { return read_all(50); });
  measure("from the kernel by a relay buffer, 50 each", "2", [] { return read_relay(); });
  measure("from the kernel by netlink", "2", [] { return read_netlink(); });
  measure("to the kernel by a ring", "0", [&] { return write_ring(up); });
  measure("to the kernel by write(2), one each", "1", [] { return write_all(1); });
  measure("to the kernel by write(2), 50 each", "1", [] { return write_all(50); });
}

TEST_F(KernelFiguresTest, HowLongARecordTakesToASleeper) {
  const Channel down = make_channel({.capacity_bytes = 65536});
  const Channel other = make_channel({.capacity_bytes = 65536});
  const Channel up = make_channel({.capacity_bytes = 65536});
  measure_sleeper("to a sleeper from the kernel by a ring", "0",
                  [&] { return sleep_for_ring(down); });
  measure_sleeper("to a sleeper from the kernel by a ring and io_uring", "0",
                  [&] { return sleep_in_io_uring(other); });
  measure_sleeper("to a sleeper from the kernel by read(2)", "1",
                  [] { return sleep_for_device(); });
  measure_sleeper("to a sleeper from the kernel by netlink", "2",
                  [] { return sleep_for_netlink(); });
  measure_sleeper("to a sleeper in the kernel by a ring", "0",
                  [&] { return kernel_sleeps_for_ring(up); });
}

}  // namespace
}  // namespace ringbell
