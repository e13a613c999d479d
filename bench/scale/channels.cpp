#include "bench/scale/channels.hpp"

#include <array>
#include <cerrno>

#include "bench/scale/ways.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kCapacityBytes = 64UL * 1024;  // as a pipe has
constexpr std::uint32_t kMostWords = 127;              // that a WaitSet sleeps on

ChannelOptions options_of(std::uint32_t count, Loop loop) {
  ChannelOptions options{.capacity_bytes = kCapacityBytes};
  switch (loop) {
    case Loop::polled:
      options.doorbell = core::DoorbellKind::none;
      break;
    case Loop::epoll:
    case Loop::uring:
      options.doorbell = core::DoorbellKind::eventfd;
      break;
    case Loop::wait_set:
      if (count > kMostWords) options.doorbell = core::DoorbellKind::eventfd;
      break;
    default:
      break;
  }
  return options;
}

// The channels stay for the other side, in a process that makes both.
template <class End>
Result<std::vector<End>> ends_on(const std::vector<Channel>& channels, const WaitOptions& wait) {
  std::vector<End> ends;
  ends.reserve(channels.size());
  for (const Channel& channel : channels) {
    Result<End> end = End::attach(channel.fds(), wait);
    if (!end) return tl::unexpected(end.error());
    ends.push_back(std::move(*end));
  }
  return ends;
}

}  // namespace

Result<ManyChannels> ManyChannels::open(std::uint32_t count, Loop loop) {
  std::vector<Channel> channels;
  for (std::uint32_t i = 0; i < count; ++i) {
    Result<Channel> channel = Channel::create(options_of(count, loop));
    if (!channel) return tl::unexpected(channel.error());
    channels.push_back(std::move(*channel));
  }
  return ManyChannels(std::move(channels), loop);
}

Result<ManyChannels::Writers> ManyChannels::writers() {
  Result<std::vector<Sender>> senders =
      ends_on<Sender>(channels_, {.kind = WaitOptions::Kind::spin});
  if (!senders) return tl::unexpected(senders.error());
  channels_.clear();
  return Writers(std::move(*senders));
}

Result<ManyChannels::Reader> ManyChannels::reader() {
  const WaitOptions wait{
      .kind = loop_ == Loop::polled ? WaitOptions::Kind::spin : WaitOptions::Kind::park,
      .spin_budget = std::chrono::nanoseconds::zero()};
  Result<std::vector<Receiver>> receivers = ends_on<Receiver>(channels_, wait);
  if (!receivers) return tl::unexpected(receivers.error());
  Reader reader(std::move(*receivers), loop_);
  if (const Result<void> prepared = reader.prepare(); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return reader;
}

Result<std::function<Result<void>()>> ManyChannels::one_more(Writers& /*writers*/,
                                                             Reader& /*reader*/) {
  Result<Channel> made = Channel::create({.capacity_bytes = kCapacityBytes});
  if (!made) return tl::unexpected(made.error());
  return [channel = std::make_shared<Channel>(std::move(*made))]() -> Result<void> {
    const Result<Receiver> receiver = Receiver::attach(channel->fds());
    return receiver ? Result<void>{} : tl::unexpected(receiver.error());
  };
}

Result<void> ManyChannels::Reader::prepare() {
  if (loop_ == Loop::epoll) {
    epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return fail_errno("epoll_create1 failed");
  } else if (loop_ == Loop::wait_set) {
    Result<WaitSet> set =
        WaitSet::create({.wait = {.spin_budget = std::chrono::nanoseconds::zero()}});
    if (!set) return tl::unexpected(set.error());
    set_.emplace(std::move(*set));
  } else if (loop_ == Loop::uring || loop_ == Loop::uring_futex) {
    Result<UringLoop> uring = UringLoop::create({.futex_wait = loop_ == Loop::uring_futex});
    if (!uring) return tl::unexpected(uring.error());
    uring_.emplace(std::move(*uring));
    called_ = std::make_unique<std::vector<std::uint32_t>>();
  }
  for (std::uint32_t way = 0; way < receivers_.size(); ++way) {
    if (epoll_) {
      const Result<int> bell = receivers_[way].waitable_fd();
      if (!bell) return tl::unexpected(bell.error());
      epoll_event wanted{.events = EPOLLIN, .data = {.u32 = way}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, *bell, &wanted) != 0) {
        return fail_errno("epoll_ctl failed");
      }
      ready_.push_back(way);  // none is armed yet
    } else if (set_) {
      const Result<WaitSet::Id> id = set_->add(receivers_[way]);
      if (!id) return tl::unexpected(id.error());
      way_of_[*id] = way;
    } else if (uring_) {
      const auto watched =
          uring_->watch(receivers_[way], [way, called = called_.get()](const Result<void>& there) {
            if (there) called->push_back(way);
          });
      if (!watched) return tl::unexpected(watched.error());
    }
  }
  return {};
}

bool ManyChannels::Reader::wait() {
  if (epoll_) return wait_in_epoll();
  if (set_) return wait_in_set();
  called_->clear();
  if (const Result<std::size_t> turned = uring_->turn(); !turned) return failed(turned.error());
  ready_ = *called_;
  return true;
}

// What was taken from may have more, or be over; what is armed is slept on, and heard of meanwhile.
bool ManyChannels::Reader::wait_in_epoll() {
  std::erase_if(ready_, [&](std::uint32_t way) { return receivers_[way].arm(); });
  std::array<epoll_event, kMostAtOnce> events{};
  const int longest_ms = ready_.empty() ? -1 : 0;
  const int found = ::epoll_wait(epoll_.get(), events.data(), kMostAtOnce, longest_ms);
  if (found < 0 && errno != EINTR) return failed("epoll_wait failed");
  for (int i = 0; i < found; ++i) ready_.push_back(events[static_cast<std::size_t>(i)].data.u32);
  return true;
}

bool ManyChannels::Reader::wait_in_set() {
  const Result<std::span<const WaitSet::Event>> events = set_->wait();
  if (!events) return failed(events.error());
  ready_.clear();
  for (const WaitSet::Event& event : *events) ready_.push_back(way_of_[event.id]);
  return true;
}

void add_channels(std::vector<ManyWay>& ways) {
  static constexpr std::array<std::uint32_t, 4> kCounts{1, 10, 100, 1000};
  for (const Loop loop :
       {Loop::polled, Loop::epoll, Loop::uring, Loop::uring_futex, Loop::wait_set}) {
    add_streams<ManyChannels>(ways, "ringbell", loop, kCounts);
  }
  add_ends<ManyChannels>(ways, "ringbell", Loop::none, kCounts);
  add_ends<ManyChannels>(ways, "ringbell", Loop::epoll, kCounts);
}

}  // namespace ringbell::bench
