#include "bridge/nats/inbound.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell::bridge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{50};
constexpr std::uint64_t kMostFetched = 1024;  // and no more than so many bytes, by the last ones
constexpr std::uint64_t kMostFetchedBytes = 64UL << 20;
constexpr std::int64_t kMostUnacknowledged = 20'000;  // fewer than number_after() can tell

using ConsumerInfoPtr = std::unique_ptr<jsConsumerInfo, Destroy<jsConsumerInfo_Destroy>>;

// Where a message stands: "$JS.ACK.STREAM.CONSUMER.DELIVERED.IN_STREAM.IN_CONSUMER.TIME.PENDING",
// or with two words more in front of the stream.
struct Numbers {
  std::uint64_t in_stream;
  std::uint64_t in_consumer;
};
std::optional<Numbers> numbers_of(const natsMsg* message) {
  const char* const reply = natsMsg_GetReply(message);
  std::array<std::string_view, 16> words;
  std::size_t count = 0;
  for (std::string_view rest = reply != nullptr ? reply : ""; !rest.empty();) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (count == words.size()) return std::nullopt;
    words[count++] = rest.substr(0, dot);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (count < 9) return std::nullopt;
  const std::size_t first = count == 9 ? 5 : 7;
  const auto number = [](std::string_view word) {
    std::uint64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
  };
  return Numbers{number(words[first]), number(words[first + 1])};
}

std::uint64_t check_of(std::int64_t created) noexcept {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
  return static_cast<std::uint64_t>(created) * kGolden >> 48U;
}

constexpr std::chrono::seconds kExpires{1};  // a wish for messages

Result<std::string> make_inbox() {
  natsInbox* made = nullptr;
  const natsStatus status = natsInbox_Create(&made);
  const std::unique_ptr<natsInbox, Destroy<natsInbox_Destroy>> owned(made);
  if (status != NATS_OK) return fail_nats("an inbox", status);
  return std::string(made);
}

Result<void> ask_for(const Connection& connection, std::uint64_t messages, const std::string& next,
                     const std::string& inbox) {
  const std::string wish = fmt::format("{{\"batch\":{},\"expires\":{}}}", messages,
                                       std::chrono::nanoseconds(kExpires).count());
  return connection.publish(next, inbox.c_str(), std::as_bytes(std::span(wish)), {});
}

// But not that one.
void purge_up_to(const Connection& connection, const std::string& stream, std::uint64_t number) {
  jsOptions purge;
  jsOptions_Init(&purge);
  purge.Stream.Purge.Sequence = number;
  (void)js_PurgeStream(connection.stream(), stream.c_str(), &purge, nullptr);
}

}  // namespace

Inbound::Inbound(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                 RingWriter writer)
    : pair_(pair), counters_(counters), stopped_(stopped), writer_(std::move(writer)) {}

Result<void> Inbound::run(Connection first) {
  return keep_connected(pair_, "in", counters_, stopped_, std::move(first),
                        [this](Connection& connection) {
                          return pair_.durable ? pump_durable(connection) : pump_core(connection);
                        });
}

// --- into the ring -------------------------------------------------------------------------------

// A reader that died or closed makes room for the next one: this end waits for it.
Result<void> Inbound::await_room(std::span<const std::byte> record) {
  Sender& sender = *writer_.channel();
  for (bool first = true;; first = false) {
    const auto room = sender.claim_for(record.size(), first ? Timeout::zero() : Timeout(kSlice));
    if (room && *room) {
      sender.copy_in(**room, record);
      sender.stage();
      return {};
    }
    if (!room && room.error().code != ErrorCode::closed &&
        room.error().code != ErrorCode::peer_dead) {
      return tl::unexpected(room.error());
    }
    if (!room) std::this_thread::sleep_for(kSlice);
    if (first) counters_.stalls.add(1);
    if (stopped_()) return mends_itself("");
  }
}

// B3: what is staged is shown with its tag whenever the ring has no room, and at the end.
Result<void> Inbound::put_tagged(Records records, std::uint64_t number, std::uint64_t from) {
  Sender& sender = *writer_.channel();
  std::uint64_t shown = from;
  const auto show = [&](std::uint64_t to) {
    sender.flush_tagged(InboundTag{check_, number & 0x1fffffU, shown, to}.word());
    half_number_ = number;
    half_done_ = shown = to;
  };
  for (std::uint64_t i = from; i < records.size(); ++i) {
    const std::span<const std::byte> record = records[i];
    if (const auto room = sender.claim(record.size())) {
      sender.copy_in(*room, record);
      sender.stage();
      continue;
    }
    show(i);
    if (auto done = await_room(record); !done) return done;
  }
  show(records.size());
  return {};
}

Result<void> Inbound::put_staged(Records records) {
  Sender& sender = *writer_.channel();
  for (const std::span<const std::byte> record : records) {
    if (const auto room = sender.claim(record.size())) {
      sender.copy_in(*room, record);
      sender.stage();
      continue;
    }
    sender.flush();
    if (auto done = await_room(record); !done) return done;
  }
  return {};
}

Result<void> Inbound::put_one_by_one(Records records, std::uint64_t number, std::uint64_t from) {
  for (std::uint64_t i = from; i < records.size(); ++i) {
    for (bool first = true;; first = false) {
      const Result<bool> sent = writer_.send(records[i], first ? Timeout::zero() : Timeout(kSlice));
      if (!sent) return tl::unexpected(sent.error());
      if (*sent) break;
      if (first) counters_.stalls.add(1);
      if (stopped_()) return mends_itself("");
    }
    half_number_ = number;
    half_done_ = i + 1;
  }
  return {};
}

std::uint64_t Inbound::lost_before(const std::optional<Origin>& origin) {
  if (!origin) return 0;
  std::uint64_t lost = origin->missed;
  if (last_end_ == ends_.end() || last_end_->first != origin->source) {
    last_end_ = ends_.find(origin->source);
    if (last_end_ == ends_.end()) {
      last_end_ = ends_.emplace(origin->source, origin->begin).first;
    }
  }
  std::uint64_t& end = last_end_->second;
  if (origin->begin > end && !pair_.durable) lost += origin->begin - end;
  end = origin->end;
  return lost;
}

Result<void> Inbound::put(natsMsg* message, std::uint64_t number, std::uint64_t from) {
  const std::optional<Origin> origin = origin_in(message);
  records_.clear();
  if (!records_of(payload_of(message), origin, records_)) {
    return fail(ErrorCode::corrupt, "a message of " + pair_.subject +
                                        " says that it is a batch of ringbell's and is none");
  }
  const std::uint64_t lost = lost_before(origin);
  if (lost != 0) counters_.lost.add(lost);
  std::uint64_t bytes = 0;
  for (const std::span<const std::byte> record : records_) bytes += record.size();
  counters_.bytes.add(bytes);
  const std::array marker = loss_marker(lost);
  const bool marks = pair_.mark_losses && lost != 0;
  if (marks) records_.insert(records_.begin(), marker);
  const std::uint64_t begin = std::min<std::uint64_t>(from, records_.size());
  Result<void> done;
  if (writer_.channel() == nullptr) {
    done = put_one_by_one(records_, number, begin);
  } else {
    done = pair_.durable ? put_tagged(records_, number, begin) : put_staged(records_);
  }
  if (!done) return done;
  counters_.records.add(records_.size() - begin - (marks && begin == 0 ? 1 : 0));
  counters_.messages.add(1);
  return {};
}

// --- core ----------------------------------------------------------------------------------------

Result<void> Inbound::pump_core(const Connection& connection) {
  constexpr std::uint32_t kMostStaged = 32;
  const Result<SubscriptionPtr> subscription = connection.subscribe(pair_.subject);
  if (!subscription) return tl::unexpected(subscription.error());
  Sender* const channel = writer_.channel();
  std::uint32_t staged = 0;  // messages that the ring does not show yet
  const auto show = [&] {
    if (std::exchange(staged, 0) != 0) channel->flush();
  };
  Result<void> done;
  while (done && !enough()) {
    if (stopped_()) done = mends_itself("");
    const Result<MessagePtr> message =
        next_of(subscription->get(), staged != 0 ? milliseconds(0) : kSlice);
    if (!message) done = tl::unexpected(message.error());
    if (!done) break;
    if (!*message) {
      show();
      continue;
    }
    done = put(message->get(), 0, 0);
    if (channel != nullptr && ++staged == kMostStaged) show();
  }
  show();
  return done;
}

// --- durable -------------------------------------------------------------------------------------

Result<std::optional<Inbound::Place>> Inbound::place_of(const Connection& connection,
                                                        const std::string& name) const {
  jsConsumerInfo* found = nullptr;
  jsErrCode code{};
  const natsStatus status = js_GetConsumerInfo(
      &found, connection.stream(), stream_of(pair_).c_str(), name.c_str(), nullptr, &code);
  const ConsumerInfoPtr info(found);
  if (status == NATS_NOT_FOUND || code == JSConsumerNotFoundErr) return std::nullopt;
  if (status != NATS_OK) return fail_stream("consumer " + name, status, code);
  const std::uint64_t start = std::max<std::uint64_t>(info->Config->OptStartSeq, 1) - 1;
  return Place{name, std::max(info->AckFloor.Stream, start)};
}

// B3.
void Inbound::resume_from_ring(const StreamState& stream, std::uint64_t floor) {
  const std::uint64_t check = check_of(stream.created);
  if (std::exchange(check_, check) != check) done_ = half_number_ = 0;  // another stream
  if (floor > done_) {
    done_ = floor;
    half_number_ = 0;
  }
  const Sender* const sender = writer_.channel();
  const std::optional<core::LastTag> last = sender != nullptr ? sender->last_tag() : std::nullopt;
  if (!last) return;
  const InboundTag tag = InboundTag::of(last->tag);
  const std::optional<std::uint64_t> number = tag.number_after(floor);
  if (tag.check != check_ || !number || *number <= done_) return;
  done_ = *number - 1;
  half_number_ = *number;
  half_done_ = last->visible ? tag.to : tag.from;
}

Result<std::string> Inbound::take_place(const Connection& connection) {
  const Result<StreamState> stream = find_stream(connection, pair_);
  if (!stream) return tl::unexpected(stream.error());
  const std::array names{consumer_of(pair_) + "-1", consumer_of(pair_) + "-2"};
  std::array<std::optional<Place>, 2> places;
  std::uint64_t floor = 0;
  std::size_t newest = 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Result<std::optional<Place>> place = place_of(connection, names[i]);
    if (!place) return tl::unexpected(place.error());
    places[i] = *place;
    if (*place && (*place)->floor >= floor) {
      floor = (*place)->floor;
      newest = i;
    }
  }
  resume_from_ring(*stream, floor);

  const std::string stream_name = stream_of(pair_);
  const std::string& name = names[1 - newest];
  jsErrCode code{};
  natsStatus status = NATS_OK;
  if (places[1 - newest]) {  // older than the other: it tells nothing
    status =
        js_DeleteConsumer(connection.stream(), stream_name.c_str(), name.c_str(), nullptr, &code);
    if (status != NATS_OK) return fail_stream("consumer " + name, status, code);
  }
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = name.c_str();
  config.DeliverPolicy = js_DeliverByStartSequence;
  config.OptStartSeq = done_ + 1;
  config.AckPolicy = js_AckAll;
  config.AckWait = std::chrono::nanoseconds(std::chrono::minutes(1)).count();
  config.MaxAckPending = kMostUnacknowledged;
  jsConsumerInfo* made = nullptr;
  status = js_AddConsumer(&made, connection.stream(), stream_name.c_str(), &config, nullptr, &code);
  const ConsumerInfoPtr info(made);
  if (status != NATS_OK) return fail_stream("consumer " + name, status, code);
  if (places[newest]) {
    status = js_DeleteConsumer(connection.stream(), stream_name.c_str(), names[newest].c_str(),
                               nullptr, &code);
    if (status != NATS_OK && status != NATS_NOT_FOUND) {
      return fail_stream("consumer " + names[newest], status, code);
    }
  }
  return name;
}

Result<void> Inbound::pump_durable(const Connection& connection) {
  constexpr std::chrono::seconds kPurgeEach{1};
  const Result<std::string> place = take_place(connection);
  if (!place) return tl::unexpected(place.error());
  const std::string stream_name = stream_of(pair_);
  const Result<std::string> inbox = make_inbox();
  if (!inbox) return tl::unexpected(inbox.error());
  const Result<SubscriptionPtr> subscription = connection.subscribe(*inbox);
  if (!subscription) return tl::unexpected(subscription.error());
  const std::string next = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream_name, *place);

  std::uint64_t fetch = kMostFetched / 8;
  std::uint64_t asked = 0;  // messages that the server was asked for, and that did not come yet
  SteadyTime ask_at = end_of(Timeout::zero());
  std::uint64_t expected = 1;  // the consumer's count of what it delivers
  SteadyTime purge_at = end_of(kPurgeEach);
  std::vector<MessagePtr> fetched;
  while (!enough()) {
    if (stopped_()) return mends_itself("");
    if (asked <= fetch / 2 || left_until(ask_at) == Timeout::zero()) {
      const Result<void> sent = ask_for(connection, fetch, next, *inbox);
      if (!sent) return sent;
      asked += fetch;
      ask_at = end_of(kExpires);
    }
    fetched.clear();
    std::uint64_t bytes = 0;
    while (fetched.size() < kMostFetched) {
      Result<MessagePtr> message =
          next_of(subscription->get(), fetched.empty() ? kSlice : milliseconds(0));
      if (!message) return tl::unexpected(message.error());
      if (!*message) break;
      if (payload_of(message->get()).empty() && header_of(message->get(), "Status") != nullptr) {
        asked = 0;  // the wish has expired, or the consumer is gone
        continue;
      }
      bytes += payload_of(message->get()).size();
      fetched.push_back(std::move(*message));
    }
    if (bytes != 0) {
      fetch =
          std::clamp<std::uint64_t>(kMostFetchedBytes * fetched.size() / bytes, 16, kMostFetched);
    }
    asked -= std::min<std::uint64_t>(asked, fetched.size());
    if (!connection.is_open()) return mends_itself("the connection is lost");
    natsMsg* in_ring = nullptr;  // the last of these that is
    Result<void> done;
    for (const MessagePtr& one : fetched) {
      natsMsg* const message = one.get();
      const std::optional<Numbers> numbers = numbers_of(message);
      if (!numbers)
        return fail(ErrorCode::system, "a message of " + stream_name + " has no number");
      if (numbers->in_consumer != expected++) done = mends_itself("a message is missing");
      const std::uint64_t number = numbers->in_stream;
      if (done && number <= done_) {  // B1
        counters_.repeats.add(1);
      } else {
        if (done) done = put(message, number, number == half_number_ ? half_done_ : 0);
        if (!done) break;
        done_ = number;
      }
      in_ring = message;
      if (enough()) break;
    }
    if (in_ring != nullptr) {  // B2: all up to there
      constexpr std::string_view kAck = "+ACK";
      (void)connection.publish(natsMsg_GetReply(in_ring), nullptr, std::as_bytes(std::span(kAck)),
                               {});
    }
    if (!done) return done;
    if (pair_.purge && done_ > 1 && left_until(purge_at) == Timeout::zero()) {
      purge_up_to(connection, stream_name, done_);
      purge_at = end_of(kPurgeEach);
    }
  }
  (void)connection.flush();  // the acknowledgement
  return {};
}

}  // namespace ringbell::bridge
