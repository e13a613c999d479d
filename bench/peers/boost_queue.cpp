#include "bench/peers/boost_queue.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>

#include "bench/peers/endpoint_name.hpp"
#include "bench/transports/entry.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {
namespace {

namespace interprocess = boost::interprocess;

constexpr std::size_t kDeepest = 1024;

}  // namespace

class BoostQueue::Queue : public interprocess::message_queue {
 public:
  using interprocess::message_queue::message_queue;
};

Result<BoostQueue> BoostQueue::open(const LinkOptions& options) {
  const std::size_t size = options.message_bytes;
  const std::size_t depth = std::min(Ringbell::ring_bytes(size) / size, kDeepest);
  Queues queues;
  try {
    for (std::shared_ptr<Queue>& queue : queues) {
      const std::string name = fresh_endpoint_name();
      queue = std::make_shared<Queue>(interprocess::create_only, name.c_str(), depth, size,
                                      interprocess::permissions(0600));
      interprocess::message_queue::remove(name.c_str());
    }
  } catch (const interprocess::interprocess_exception& exception) {
    return fail(ErrorCode::no_space, fmt::format("a Boost message_queue of {} messages of {} bytes "
                                                 "cannot be made: {}; is /dev/shm full?",
                                                 depth, size, exception.what()));
  }
  return BoostQueue(std::move(queues), options, depth);
}

Result<BoostQueue::End> BoostQueue::end(Party party) const {
  Queue& to_second = *queues_[0];
  Queue& to_first = *queues_[1];
  return party == Party::first ? End(to_first, to_second, polled_)
                               : End(to_second, to_first, polled_);
}

void BoostQueue::describe(Row& row) const {
  set(row, "queue_messages", depth_);
  set(row, "peer_version",
      fmt::format("{}.{}", BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1000));
}

bool BoostQueue::End::send(std::span<const std::byte> message) {
  if (!polled_) {
    out_.send(message.data(), message.size(), 0);
    return true;
  }
  while (!out_.try_send(message.data(), message.size(), 0)) kPolling.not_now();
  return true;
}

std::size_t BoostQueue::End::receive(std::span<std::byte> into) {
  interprocess::message_queue::size_type got = 0;
  unsigned priority = 0;
  if (!polled_) {
    in_.receive(into.data(), into.size(), got, priority);
    return got;
  }
  while (!in_.try_receive(into.data(), into.size(), got, priority)) kPolling.not_now();
  return got;
}

template TransportEntry entry<BoostQueue>(std::string_view name, Family family);

}  // namespace ringbell::bench
