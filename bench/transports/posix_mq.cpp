#include "bench/transports/posix_mq.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <mqueue.h>
#include <unistd.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

std::size_t number_in(const char* path, std::size_t otherwise) {
  std::ifstream file(path);
  std::size_t number = 0;
  return file >> number && number > 0 ? number : otherwise;
}

}  // namespace

PosixQueueLimits PosixQueueLimits::read() {
  return {.messages = number_in("/proc/sys/fs/mqueue/msg_max", 10),
          .message_bytes = number_in("/proc/sys/fs/mqueue/msgsize_max", 8192)};
}

Result<FileDescriptor> make_posix_queue(std::size_t messages, std::size_t message_bytes,
                                        bool non_blocking) {
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(messages);
  attributes.mq_msgsize = static_cast<long>(message_bytes);
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0);
  for (int number = 0; number < 1000; ++number) {
    const std::string name = fmt::format("/ringbell-compare-{}-{}", ::getpid(), number);
    FileDescriptor queue(::mq_open(name.c_str(), flags, 0600, &attributes));
    if (queue) {
      // The descriptor is enough for both processes; the name must not outlive this one.
      ::mq_unlink(name.c_str());
      return queue;
    }
    if (errno != EEXIST) {
      return fail_errno(
          fmt::format("mq_open for {} messages of {} bytes failed", messages, message_bytes),
          "see the limits in /proc/sys/fs/mqueue and ulimit -q");
    }
  }
  return fail(ErrorCode::system, "no free name for a POSIX message queue");
}

Result<PosixMq> PosixMq::open(const LinkOptions& options) {
  const PosixQueueLimits limits = PosixQueueLimits::read();
  const Result<Parts> parts = Parts::of(options.message_bytes, limits.message_bytes);
  if (!parts) return tl::unexpected(parts.error());
  Queues queues;
  for (FileDescriptor& queue : queues) {
    Result<FileDescriptor> made =
        make_posix_queue(limits.messages, parts->part_bytes, options.wait == Wait::polled);
    if (!made) return tl::unexpected(made.error());
    queue = std::move(*made);
  }
  return PosixMq(std::move(queues), *parts, Polling{options.yield}, limits.messages);
}

Result<PosixMq::End> PosixMq::end(Party party) const {
  const int to_second = queues_[0].get();
  const int to_first = queues_[1].get();
  return party == Party::first ? End(to_first, to_second, parts_, polling_)
                               : End(to_second, to_first, parts_, polling_);
}

void PosixMq::describe(Row& row) const {
  parts_.describe(row);
  set(row, "queue_messages", messages_);
}

bool PosixMq::End::send(std::span<const std::byte> message) {
  while (!message.empty()) {
    const std::size_t part = std::min(parts_.part_bytes, message.size());
    if (::mq_send(out_, reinterpret_cast<const char*>(message.data()), part, 0) == 0) {
      message = message.subspan(part);
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      return failed("mq_send failed");
    }
  }
  return true;
}

std::size_t PosixMq::End::receive(std::span<std::byte> into) {
  std::size_t done = 0;
  for (std::size_t part = 0; part < parts_.count;) {
    const ssize_t got =
        ::mq_receive(in_, reinterpret_cast<char*>(into.data() + done), into.size() - done, nullptr);
    if (got >= 0) {
      done += static_cast<std::size_t>(got);
      ++part;
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      failed("mq_receive failed");
      return 0;
    }
  }
  return done;
}

template TransportEntry entry<PosixMq>(std::string_view name, Family family);

}  // namespace ringbell::bench
