#include "bench/scale/groups.hpp"

#include "bench/scale/ways.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kMessages = 1024;  // that a topic or queue keeps

core::DoorbellKind doorbell_for(Loop loop) noexcept {
  return loop == Loop::polled ? core::DoorbellKind::none : core::DoorbellKind::futex;
}

template <class Write>
RegionOptions region_for(std::uint32_t count, Loop loop) {
  if constexpr (std::is_same_v<Write, Contributor>) {
    return CollectorOptions{.contributors = count, .doorbell = doorbell_for(loop)}.region();
  } else {
    return QueueOptions{.messages = kMessages,
                        .message_bytes = kLetterBytes,
                        .participants = count + 1,
                        .doorbell = doorbell_for(loop)}
        .region();
  }
}

}  // namespace

Result<Topic> ManySubscribers::create(TopicOptions::Policy policy, Loop loop) {
  return Topic::create({.policy = policy,
                        .messages = kMessages,
                        .message_bytes = kLetterBytes,
                        .subscribers = kMostMembers,
                        .doorbell = doorbell_for(loop)});
}

Result<ManySubscribers::Writers> ManySubscribers::writers() {
  // The one that made a lossy topic publishes in it, in whichever process.
  Result<Publisher> publisher =
      Publisher::open(std::move(topic_), {.kind = WaitOptions::Kind::spin});
  if (!publisher) return tl::unexpected(publisher.error());
  // None is to miss the first message.
  const Result<bool> there = publisher->wait_for_subscribers(count_);
  if (!there) return tl::unexpected(there.error());
  return Writers(std::move(*publisher));
}

Result<ManySubscribers::Reader> ManySubscribers::reader() {
  std::vector<Subscriber> subscribers;
  subscribers.reserve(count_);
  const WaitOptions wait{
      .kind = loop_ == Loop::polled ? WaitOptions::Kind::spin : WaitOptions::Kind::park,
      .spin_budget = std::chrono::nanoseconds::zero()};
  for (std::uint32_t i = 0; i < count_; ++i) {
    Result<Topic> topic = Topic::attach(topic_.fds());
    if (!topic) return tl::unexpected(topic.error());
    Result<Subscriber> subscriber =
        Subscriber::open(std::move(*topic), core::BroadcastStart::oldest, wait);
    if (!subscriber) return tl::unexpected(subscriber.error());
    subscribers.push_back(std::move(*subscriber));
  }
  std::optional<WaitSet> set;
  std::vector<WaitSet::Id> ids;
  if (loop_ == Loop::wait_set) {
    Result<WaitSet> made =
        WaitSet::create({.wait = {.spin_budget = std::chrono::nanoseconds::zero()}});
    if (!made) return tl::unexpected(made.error());
    for (Subscriber& subscriber : subscribers) {
      const Result<WaitSet::Id> id = made->add(subscriber);
      if (!id) return tl::unexpected(id.error());
      ids.push_back(*id);
    }
    set.emplace(std::move(*made));
  }
  return Reader(topic_.fds(), std::move(subscribers), std::move(set), std::move(ids));
}

Result<std::function<Result<void>()>> ManySubscribers::one_more(Writers& /*writers*/,
                                                                Reader& reader) {
  return [fds = reader.drop_last()]() -> Result<void> {
    Result<Topic> topic = Topic::attach(fds);
    if (!topic) return tl::unexpected(topic.error());
    const Result<Subscriber> one =
        Subscriber::open(std::move(*topic), core::BroadcastStart::newest);
    return one ? Result<void>{} : tl::unexpected(one.error());
  };
}

template <class Write, class Read>
Result<ManyWriters<Write, Read>> ManyWriters<Write, Read>::open(std::uint32_t count, Loop loop) {
  Result<Region> region = Region::create(region_for<Write>(count, loop));
  if (!region) return tl::unexpected(region.error());
  return ManyWriters(std::move(*region), count, loop);
}

void add_groups(std::vector<ManyWay>& ways) {
  using Policy = TopicOptions::Policy;
  using Lossless = SubscribersOf<Policy::lossless>;
  using Lossy = SubscribersOf<Policy::lossy>;
  using Collected = ManyWriters<Contributor, Collector>;
  using Queued = ManyWriters<QueueSender, QueueReceiver>;
  static constexpr std::array<std::uint32_t, 4> kCounts{1, 4, 16, kMostMembers};
  for (const Loop loop : {Loop::polled, Loop::wait_set}) {
    add_streams<Lossless>(ways, "ringbell_topic", loop, kCounts);
    add_streams<Lossy>(ways, "ringbell_lossy_topic", loop, kCounts);
  }
  add_ends<Lossless>(ways, "ringbell_topic", Loop::none, kCounts);
  add_ends<Lossy>(ways, "ringbell_lossy_topic", Loop::none, kCounts);
  for (const Loop loop : {Loop::polled, Loop::waiting}) {
    add_streams<Collected>(ways, "ringbell_collector", loop, kCounts);
    add_streams<Queued>(ways, "ringbell_queue", loop, kCounts);
  }
  add_ends<Collected>(ways, "ringbell_collector", Loop::none, kCounts);
  add_ends<Queued>(ways, "ringbell_queue", Loop::none, kCounts);
}

}  // namespace ringbell::bench
