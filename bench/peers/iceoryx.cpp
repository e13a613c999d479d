#include "bench/peers/iceoryx.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/mepoo/chunk_header.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <iceoryx_versions.hpp>

#include "bench/peers/endpoint_name.hpp"
#include "bench/transports/entry.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kShallowest = 4;
constexpr std::size_t kDeepest = iox::MAX_SUBSCRIBER_QUEUE_CAPACITY;
// Loaned, taken, and the one that a publisher keeps for the next loan; each way.
constexpr std::size_t kChunksBesides = 16;
constexpr std::size_t kChunkAlignment = 32;
constexpr int kConnectTurns = 20'000;
constexpr useconds_t kConnectTurnUs = 1000;

template <class IoxString>
IoxString text(const std::string& from) {
  return IoxString(iox::cxx::TruncateToCapacity, from.c_str());
}

std::string runtime_name(const std::string& link, Party party) {
  return fmt::format("{}-{}", link, party == Party::first ? "first" : "second");
}

iox::capro::ServiceDescription service(const std::string& link, const char* way) {
  using iox::capro::IdString_t;
  return {IdString_t("ringbell-compare"), text<IdString_t>(link),
          text<IdString_t>(fmt::format("{}-{}", link, way))};
}

iox::popo::PublisherOptions publisher_options() {
  iox::popo::PublisherOptions options;
  options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
  return options;
}

iox::popo::SubscriberOptions subscriber_options(std::size_t depth) {
  iox::popo::SubscriberOptions options;
  options.queueCapacity = depth;
  options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
  return options;
}

}  // namespace

class Iceoryx::End::Ports {
 public:
  Ports(const Iceoryx& link, Party party)
      : publisher(service(link.name_, party == Party::first ? "there" : "back"),
                  publisher_options()),
        subscriber(service(link.name_, party == Party::first ? "back" : "there"),
                   subscriber_options(link.depth_)),
        polled(link.options_.wait == Wait::polled),
        polling{link.options_.yield},
        guard(link.farewells_, party) {}

  // What is published before the other side subscribes is lost, so both sides wait for each other
  // first. RouDi joins them in its next turn, at most 100 ms later.
  [[nodiscard]] Result<void> connect() {
    if (!polled &&
        waiting.attachState(subscriber, iox::popo::SubscriberState::HAS_DATA).has_error()) {
      return fail(ErrorCode::system, "iceoryx: attaching the subscriber to the WaitSet failed");
    }
    for (int turn = 0; turn < kConnectTurns; ++turn) {
      if (publisher.hasSubscribers() &&
          subscriber.getSubscriptionState() == iox::SubscribeState::SUBSCRIBED) {
        return {};
      }
      ::usleep(kConnectTurnUs);
    }
    return fail(ErrorCode::system, "iceoryx: publisher and subscriber did not find each other");
  }

  iox::popo::UntypedPublisher publisher;
  iox::popo::UntypedSubscriber subscriber;
  iox::popo::WaitSet<1> waiting;
  bool polled;
  Polling polling;
  Farewells::Guard guard;
};

Result<Iceoryx> Iceoryx::open(const LinkOptions& options) {
  Result<Farewells> farewells = Farewells::create();
  if (!farewells) return tl::unexpected(farewells.error());
  const std::size_t size = options.message_bytes;
  const std::size_t depth = std::clamp(Ringbell::ring_bytes(size) / size, kShallowest, kDeepest);
  const std::string name = fresh_endpoint_name();
  Result<Roudi> roudi = Roudi::start(
      {.chunk_bytes = (size + kChunkAlignment - 1) / kChunkAlignment * kChunkAlignment,
       .chunks = 2 * (depth + kChunksBesides),
       .runtimes = {runtime_name(name, Party::first), runtime_name(name, Party::second)}});
  if (!roudi) return tl::unexpected(roudi.error());
  return Iceoryx(std::move(*farewells), std::move(*roudi), name, options, depth);
}

Result<Iceoryx::End> Iceoryx::end(Party party) const {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  iox::runtime::PoshRuntime::initRuntime(text<iox::RuntimeName_t>(runtime_name(name_, party)));
  auto ports = std::make_unique<End::Ports>(*this, party);
  if (Result<void> connected = ports->connect(); !connected) {
    return tl::unexpected(connected.error());
  }
  return End(std::move(ports));
}

void Iceoryx::describe(Row& row) const {
  set(row, "queue_messages", depth_);
  set(row, "peer_version", std::string(ICEORYX_LATEST_RELEASE_VERSION));
}

Iceoryx::End::End(std::unique_ptr<Ports> ports) noexcept : ports_(std::move(ports)) {}
Iceoryx::End::End(End&& other) noexcept = default;
Iceoryx::End::~End() = default;

std::span<std::byte> Iceoryx::End::claim(std::uint32_t size_bytes) {
  auto loan = ports_->publisher.loan(size_bytes);
  if (loan.has_error()) {
    failed(ErrorCode::no_space, fmt::format("iceoryx: no chunk could be loaned (error {})",
                                            static_cast<int>(loan.get_error())));
    return {};
  }
  outgoing_ = loan.value();
  return {static_cast<std::byte*>(outgoing_), size_bytes};
}

bool Iceoryx::End::commit() {
  ports_->publisher.publish(outgoing_);
  return true;
}

std::span<const std::byte> Iceoryx::End::peek() {
  for (;;) {
    auto taken = ports_->subscriber.take();
    if (!taken.has_error()) {
      incoming_ = taken.value();
      const auto* const header = iox::mepoo::ChunkHeader::fromUserPayload(incoming_);
      return {static_cast<const std::byte*>(incoming_), header->userPayloadSize()};
    }
    if (taken.get_error() != iox::popo::ChunkReceiveResult::NO_CHUNK_AVAILABLE) {
      failed(ErrorCode::system, "iceoryx: too many chunks are held");
      return {};
    }
    if (ports_->polled) {
      ports_->polling.not_now();
    } else {
      ports_->waiting.wait();
    }
  }
}

void Iceoryx::End::release() noexcept { ports_->subscriber.release(incoming_); }

bool Iceoryx::End::send(std::span<const std::byte> message) {
  const std::span<std::byte> room = claim(static_cast<std::uint32_t>(message.size()));
  if (room.empty()) return false;
  std::memcpy(room.data(), message.data(), message.size());
  return commit();
}

std::size_t Iceoryx::End::receive(std::span<std::byte> into) {
  const std::span<const std::byte> record = peek();
  if (record.empty()) return 0;
  if (record.size() != into.size()) {
    failed(ErrorCode::corrupt, fmt::format("a message of {} bytes came", record.size()));
    return 0;
  }
  std::memcpy(into.data(), record.data(), into.size());
  release();
  return into.size();
}

template TransportEntry entry<Iceoryx>(std::string_view name, Family family);

}  // namespace ringbell::bench
