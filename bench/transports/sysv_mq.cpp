#include "bench/transports/sysv_mq.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/ipc.h>
#include <sys/msg.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

constexpr long kType = 1;
constexpr std::size_t kTypeBytes = sizeof(long);
static_assert(kTypeBytes <= MessageBuffer::kHeadroom);

// Turns the bytes in front of a part into the message's type while it lives.
class TypeInFront {
 public:
  explicit TypeInFront(std::byte* part) noexcept : place_(part - kTypeBytes) {
    std::memcpy(&before_, place_, kTypeBytes);
    std::memcpy(place_, &kType, kTypeBytes);
  }
  TypeInFront(const TypeInFront&) = delete;
  TypeInFront& operator=(const TypeInFront&) = delete;
  ~TypeInFront() { std::memcpy(place_, &before_, kTypeBytes); }

  [[nodiscard]] void* message() const noexcept { return place_; }

 private:
  std::byte* place_;
  long before_ = 0;
};

}  // namespace

Result<SysvMq> SysvMq::open(const LinkOptions& options) {
  const Result<Parts> parts = Parts::of(options.message_bytes, sysv_message_limit());
  if (!parts) return tl::unexpected(parts.error());
  Result<SysvQueue> to_second = SysvQueue::create();
  if (!to_second) return tl::unexpected(to_second.error());
  Result<SysvQueue> to_first = SysvQueue::create();
  if (!to_first) return tl::unexpected(to_first.error());
  return SysvMq(std::move(*to_second), std::move(*to_first), *parts, options);
}

Result<SysvMq::End> SysvMq::end(Party party) const {
  const bool is_first = party == Party::first;
  const int in = is_first ? to_first_.id() : to_second_.id();
  const int out = is_first ? to_second_.id() : to_first_.id();
  return End(in, out, parts_, options_.wait == Wait::polled ? IPC_NOWAIT : 0,
             Polling{options_.yield});
}

void SysvMq::describe(Row& row) const {
  parts_.describe(row);
  msqid_ds state{};
  if (::msgctl(to_second_.id(), IPC_STAT, &state) == 0) set(row, "queue_bytes", state.msg_qbytes);
}

bool SysvMq::End::send(std::span<std::byte> message) {
  while (!message.empty()) {
    const std::size_t part = std::min(parts_.part_bytes, message.size());
    const TypeInFront framed(message.data());
    if (::msgsnd(out_, framed.message(), part, flags_) == 0) {
      message = message.subspan(part);
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      return failed("msgsnd failed");
    }
  }
  return true;
}

std::size_t SysvMq::End::receive(std::span<std::byte> into) {
  std::size_t done = 0;
  for (std::size_t part = 0; part < parts_.count;) {
    const TypeInFront framed(into.data() + done);
    const ssize_t got = ::msgrcv(in_, framed.message(), into.size() - done, 0, flags_);
    if (got >= 0) {
      done += static_cast<std::size_t>(got);
      ++part;
    } else if (errno == ENOMSG) {
      polling_.not_now();
    } else if (errno != EINTR) {
      failed("msgrcv failed");
      return 0;
    }
  }
  return done;
}

template TransportEntry entry<SysvMq>(std::string_view name, Family family);

}  // namespace ringbell::bench
