#include "bridge/nats/config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#ifdef RINGBELL_HAS_TOML
#include <toml++/toml.h>
#endif

#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/topic.hpp>

namespace ringbell::bridge {
namespace {

std::optional<std::pair<std::uint64_t, std::string_view>> number_in_front(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return std::pair(value, text.substr(static_cast<std::size_t>(end - text.data())));
}

}  // namespace

std::optional<std::chrono::nanoseconds> duration_of(std::string_view text) {
  const auto parts = number_in_front(text);
  if (!parts) return std::nullopt;
  constexpr std::uint64_t kMost = 3600;  // of the largest unit: no product overflows
  const auto [value, unit] = *parts;
  if (unit == "ns" && value <= kMost * 1'000'000'000) return std::chrono::nanoseconds(value);
  if (unit == "us" && value <= kMost * 1'000'000) return std::chrono::microseconds(value);
  if (unit == "ms" && value <= kMost * 1'000) return std::chrono::milliseconds(value);
  if (unit == "s" && value <= kMost) return std::chrono::seconds(value);
  return std::nullopt;
}

std::optional<std::uint64_t> size_of(std::string_view text) {
  const auto parts = number_in_front(text);
  if (!parts) return std::nullopt;
  const auto [value, unit] = *parts;
  if (unit.empty()) return value;
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit.front()) : std::string_view::npos;
  if (power == std::string_view::npos) return std::nullopt;
  const auto shift = static_cast<unsigned>(10 * (power + 1));
  if (value > UINT64_MAX >> shift) return std::nullopt;
  return value << shift;
}

std::optional<core::RingKind> kind_named(std::string_view text) {
  using core::RingKind;
  if (text == "channel") return RingKind::spsc;
  if (text == "queue") return RingKind::mpmc;
  if (text == "topic") return RingKind::broadcast_lossless;
  if (text == "lossy-topic") return RingKind::broadcast_lossy;
  if (text == "collector") return RingKind::fan_in;
  return std::nullopt;
}

std::optional<OverflowWish> overflow_named(std::string_view text) {
  constexpr std::string_view kSpill = "spill:";
  if (text == "block") return OverflowWish{};
  if (text == "drop-oldest") return OverflowWish{Overflow::drop_oldest, {}};
  if (!text.starts_with(kSpill) || text == kSpill) return std::nullopt;
  return OverflowWish{Overflow::spill, std::string(text.substr(kSpill.size()))};
}

core::RingShape shape_of(const RingWish& wish) {
  using core::RingKind;
  switch (wish.kind) {
    case RingKind::mpmc:
      return QueueOptions{.messages = wish.messages, .message_bytes = wish.message_bytes}
          .region()
          .shape;
    case RingKind::broadcast_lossless:
    case RingKind::broadcast_lossy:
      return TopicOptions{.policy = wish.kind == RingKind::broadcast_lossy
                                        ? TopicOptions::Policy::lossy
                                        : TopicOptions::Policy::lossless,
                          .messages = wish.messages,
                          .message_bytes = wish.message_bytes}
          .region()
          .shape;
    case RingKind::call_group:
      return ServiceOptions{.clients = wish.clients, .message_bytes = wish.message_bytes}
          .region()
          .shape;
    case RingKind::fan_in:
      return CollectorOptions{.capacity_bytes = wish.capacity_bytes}.region().shape;
    default:
      return ChannelOptions{.capacity_bytes = wish.capacity_bytes}.region().shape;
  }
}

#ifdef RINGBELL_HAS_TOML

namespace {

tl::unexpected<Error> wrong_at(const std::string& path, const toml::source_region& where,
                               std::string_view what) {
  return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", path, where.begin.line, what));
}

// Reads a table, key by key; what is not asked for is refused.
class Reader {
 public:
  Reader(const std::string& path, const toml::table& table) : path_(path), table_(table) {}

  template <class T>
  void value(const char* key, T& into) {
    known_.emplace_back(key);
    const toml::node* const node = table_.get(key);
    if (node == nullptr) return;
    const std::optional<T> found = node->value_exact<T>();
    if (found) {
      into = *found;
    } else {
      complain(*node, fmt::format("'{}' is of another type", key));
    }
  }
  // Of a text that `parse` makes something of.
  template <class T, class Parse>
  void parsed(const char* key, T& into, Parse&& parse) {
    known_.emplace_back(key);
    const toml::node* const node = table_.get(key);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string>();
    const auto found = text ? parse(*text) : std::nullopt;
    if (found) {
      into = static_cast<T>(*found);
    } else {
      complain(*node, fmt::format("'{}' cannot be that", key));
    }
  }
  void also(const char* key) { known_.emplace_back(key); }

  [[nodiscard]] Result<void> finish() {
    for (const auto& [key, node] : table_) {
      const bool known = std::find(known_.begin(), known_.end(), key.str()) != known_.end();
      if (!known) complain(node, fmt::format("'{}' is no key here", key.str()));
    }
    if (wrong_) return tl::unexpected(*wrong_);
    return {};
  }

 private:
  void complain(const toml::node& node, const std::string& what) {
    if (!wrong_) wrong_ = wrong_at(path_, node.source(), what).value();
  }

  const std::string& path_;
  const toml::table& table_;
  std::vector<std::string> known_;
  std::optional<Error> wrong_;
};

constexpr std::array kPairKinds{"out", "in", "service"};

std::optional<Direction> direction_named(const std::string& text) {
  if (text == "in") return Direction::in;
  if (text == "out") return Direction::out;
  return std::nullopt;
}

void read_service(Reader& reader, Pair& pair) {
  RingWish wish{.kind = core::RingKind::call_group};
  pair.service = true;
  reader.parsed("direction", pair.direction, direction_named);
  reader.parsed("timeout", pair.timeout, duration_of);
  std::int64_t clients = wish.clients;
  reader.value("clients", clients);
  wish.clients = static_cast<std::uint32_t>(std::clamp<std::int64_t>(clients, 0, UINT16_MAX));
  reader.parsed("message_bytes", wish.message_bytes, size_of);
  pair.shape = shape_of(wish);
}

void read_records(Reader& reader, const toml::table& table, Pair& pair) {
  reader.value("durable", pair.durable);
  reader.value("stream", pair.stream);
  reader.parsed("store", pair.store_bytes, size_of);
  std::int64_t replicas = pair.replicas;
  reader.value("replicas", replicas);
  pair.replicas = static_cast<int>(std::clamp<std::int64_t>(replicas, 0, 6));  // as check() has it
  if (pair.direction == Direction::out) {
    reader.parsed("linger", pair.linger, duration_of);
    pair.batches = table.contains("linger");
    OverflowWish overflow;
    reader.parsed("overflow", overflow, overflow_named);
    pair.overflow = overflow.how;
    pair.spill_folder = overflow.folder;
    reader.value("keep", pair.keep);
  } else {
    RingWish wish;
    reader.parsed("as", wish.kind, kind_named);
    reader.parsed("capacity", wish.capacity_bytes, size_of);
    std::int64_t messages = static_cast<std::int64_t>(wish.messages);
    reader.value("messages", messages);
    wish.messages = static_cast<std::uint64_t>(messages);
    reader.parsed("message_bytes", wish.message_bytes, size_of);
    reader.value("consumer", pair.consumer);
    reader.value("purge", pair.purge);
    reader.value("mark_losses", pair.mark_losses);
    pair.shape = shape_of(wish);
  }
}

Result<Pair> read_pair(const std::string& path, const toml::table& table, const std::string& kind,
                       const Server& server) {
  Pair pair;
  pair.direction = kind == "out" ? Direction::out : Direction::in;
  pair.server = server;
  Reader reader(path, table);
  reader.value("ring", pair.ring);
  reader.value("subject", pair.subject);
  if (kind == "service") {
    read_service(reader, pair);
  } else {
    read_records(reader, table, pair);
  }
  if (auto right = reader.finish(); !right) return tl::unexpected(right.error());
  if (auto right = check(pair); !right) {
    return wrong_at(path, table.source(), right.error().message);
  }
  return pair;
}

}  // namespace

Result<Config> read_config(const std::string& path) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return wrong_at(path, error.source(), error.description());
  }
  Config config;
  Server server;
  Reader reader(path, table);
  reader.value("server", server.url);
  reader.value("credentials", server.credentials);
  reader.value("nkey", server.nkey);
  reader.value("seed", server.seed);
  reader.value("ca", server.ca);
  reader.value("certificate", server.certificate);
  reader.value("private_key", server.private_key);
  reader.value("metrics", config.metrics);
  for (const char* const kind : kPairKinds) reader.also(kind);
  if (auto right = reader.finish(); !right) return tl::unexpected(right.error());
  for (const char* const key : kPairKinds) {
    const toml::node* const node = table.get(key);
    if (node == nullptr) continue;
    const toml::array* const list = node->as_array();
    if (list == nullptr || !list->is_homogeneous<toml::table>()) {
      return wrong_at(path, node->source(), fmt::format("write [[{}]] for each pair", key));
    }
    for (const toml::node& one : *list) {
      Result<Pair> pair = read_pair(path, *one.as_table(), key, server);
      if (!pair) return tl::unexpected(pair.error());
      config.pairs.push_back(std::move(*pair));
    }
  }
  if (config.pairs.empty()) {
    return fail(ErrorCode::invalid_argument,
                path + ": there is no [[out]], no [[in]] and no [[service]]");
  }
  return config;
}

#else

Result<Config> read_config(const std::string&) {
  return fail(ErrorCode::unsupported,
              "this ringbell was built without toml++: install libtomlplusplus-dev and build it "
              "again");
}

#endif

}  // namespace ringbell::bridge
