// Kinds of `./dev faults`: rings of many, by name and by descriptor, and what waits on several.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <tests/faults/kinds.hpp>

namespace ringbell::faults {
namespace {

using Received = Result<std::optional<std::size_t>>;

// How an end comes about. Each kind runs with ends by name, of which the second one waits for the
// first, and with ends on a region, where the first one may never have come.
template <class End>
using Opens = std::function<Result<End>()>;

Outcome collect(const Opens<Collector>& ours, const Opens<Contributor>& theirs, Timeout longest) {
  return between_two(
      [&](FileDescriptor) {
        Result<Collector> collector = ours();
        if (!collector) return told(collector.error());
        return receive_all([&](auto into) { return collector->receive(into, kLong); });
      },
      [&](FileDescriptor) {
        Result<Contributor> contributor = theirs();
        if (!contributor) return told(contributor.error());
        return send_all([&](auto bytes) { return contributor->send(bytes, longest); });
      });
}

CollectorOptions collector_options() { return {.contributors = 2, .capacity_bytes = 4096}; }

Outcome collector() {
  return collect([] { return Collector::create("logs", collector_options()); },
                 [] { return Contributor::open("logs", kLong); }, kTold);
}

Outcome collector_of_region() {
  const Result<Region> region = Region::create(collector_options().region());
  if (!region) return told(region.error());
  return collect([&] { return open_on<Collector>(*region); },
                 [&] { return open_on<Contributor>(*region); }, kLong);
}

Outcome serve(const Opens<Server>& ours, const Opens<Client>& theirs, Timeout longest) {
  return between_two(
      [&](FileDescriptor) {
        Result<Server> server = ours();
        if (!server) return told(server.error());
        const auto echo = [](std::span<const std::byte> request, auto&& claim) {
          const std::vector<std::byte> copy(request.begin(), request.end());
          const auto room = claim(copy.size());
          if (room) std::copy(copy.begin(), copy.end(), room->begin());
        };
        const Result<std::uint64_t> served = server->serve(echo, kMessages, kLong);
        if (!served) return told(served.error());
        return *served == kMessages ? whole : refused;
      },
      [&](FileDescriptor) {
        Result<Client> client = theirs();
        if (!client) return told(client.error());
        std::uint64_t number = 0;
        return receive_all([&](std::span<std::byte> into) {
          return client->call(message(number++), into, longest);
        });
      });
}

ServiceOptions service_options(std::uint32_t tickets = 0) {
  return {.clients = 2, .tickets = tickets, .message_bytes = 128};
}

Outcome service() {
  return serve([] { return Server::create("sums", service_options()); },
               [] { return Client::open("sums", kLong); }, kTold);
}

Outcome service_of_region() {
  const Result<Region> region = Region::create(service_options().region());
  if (!region) return told(region.error());
  return serve([&] { return open_on<Server>(*region); }, [&] { return open_on<Client>(*region); },
               kLong);
}

// Two calls at a time, of which the second is answered first.
Outcome answer_pairs(Server& server) {
  for (std::uint64_t number = 0; number < kMessages; number += 2) {
    std::vector<TakenRequest> taken;
    while (taken.size() < 2) {
      Result<std::optional<TakenRequest>> next = server.take_for(kLong);
      if (!next) return told(next.error());
      if (!*next) return refused;
      taken.push_back(std::move(**next));
    }
    for (; !taken.empty(); taken.pop_back()) {
      const std::span<const std::byte> asked = taken.back().request();
      const std::vector<std::byte> copy(asked.begin(), asked.end());
      const Result<void> answered = taken.back().respond(copy);
      if (!answered) return told(answered.error());
    }
  }
  return whole;
}

Outcome ask_pairs(Client& client) {
  for (std::uint64_t number = 0; number < kMessages; number += 2) {
    Result<Ticket> first = client.start(message(number));
    if (!first) return told(first.error());
    Result<Ticket> second = client.start(message(number + 1));
    if (!second) return told(second.error());
    for (std::uint64_t each = 0; each < 2; ++each) {
      const auto answer = (each == 0 ? *first : *second).wait(kTold);
      if (!answer) return told(answer.error());
      if (!*answer) return refused;
      if (!std::ranges::equal(**answer, message(number + each))) return wrong;
    }
  }
  return whole;
}

Outcome tickets() {
  return between_two(
      [](FileDescriptor) {
        Result<Server> server = Server::create("sums", service_options(2));
        return server ? answer_pairs(*server) : told(server.error());
      },
      [](FileDescriptor) {
        Result<Client> client = Client::open("sums", kLong);
        return client ? ask_pairs(*client) : told(client.error());
      });
}

// The publishers publish in turn. They wait until the subscriber has joined, and has read all.
Outcome publish(const Opens<std::vector<Publisher>>& ours, const Opens<Subscriber>& theirs,
                Timeout first) {
  return between_two(
      [&](FileDescriptor life) {
        Result<std::vector<Publisher>> publishers = ours();
        if (!publishers) return told(publishers.error());
        char joined = 0;
        if (::read(life.get(), &joined, 1) != 1) return refused;
        std::uint64_t number = 0;
        const Outcome sent = send_all([&](auto bytes) {
          return (*publishers)[number++ % publishers->size()].publish(bytes, kTold);
        });
        if (sent == whole && ::read(life.get(), &joined, 1) != 1) return refused;
        return sent;
      },
      [&](FileDescriptor life) {
        Result<Subscriber> subscriber = theirs();
        if (!subscriber) return told(subscriber.error());
        if (::write(life.get(), "j", 1) != 1) return refused;
        Timeout longest = first;
        const Outcome got = receive_all([&](auto into) {
          return subscriber->receive(into, std::exchange(longest, Timeout(kTold)));
        });
        return got == whole && ::write(life.get(), "r", 1) != 1 ? refused : got;
      });
}

TopicOptions topic_options(TopicOptions::Policy policy, std::uint32_t publishers) {
  return {.policy = policy,
          .messages = 256,
          .message_bytes = 128,
          .subscribers = publishers > 1 ? 64U : 2U,
          .publishers = publishers};
}

// Puts it behind the others, or tells its Error.
Result<void> add(Result<Publisher> publisher, std::vector<Publisher>& into) {
  if (!publisher) return tl::unexpected(std::move(publisher.error()));
  into.push_back(std::move(*publisher));
  return {};
}

Outcome topic(TopicOptions::Policy policy, std::uint32_t publishers = 1) {
  Result<Topic> made = Topic::create(topic_options(policy, publishers));
  if (!made) return told(made.error());
  const TopicFds fds = made->fds();
  return publish(
      [&]() -> Result<std::vector<Publisher>> {
        std::vector<Publisher> all;
        Result<void> done;
        for (std::uint32_t more = 1; done && more < publishers; ++more) {
          Result<Topic> same = Topic::attach(fds);
          if (!same) return tl::unexpected(std::move(same.error()));
          done = add(Publisher::open(std::move(*same)), all);
        }
        if (done) done = add(Publisher::open(std::move(*made)), all);
        if (!done) return tl::unexpected(std::move(done.error()));
        return all;
      },
      [&]() -> Result<Subscriber> {
        Result<Topic> same = Topic::attach(fds);
        if (!same) return tl::unexpected(std::move(same.error()));
        return Subscriber::open(std::move(*same));
      },
      kLong);
}

Outcome named_topic(TopicOptions::Policy policy, std::uint32_t publishers = 1) {
  return publish(
      [&]() -> Result<std::vector<Publisher>> {
        std::vector<Publisher> all;
        while (all.size() < publishers) {
          const Result<void> done =
              add(Publisher::create("news", topic_options(policy, publishers)), all);
          if (!done) return tl::unexpected(done.error());
        }
        return all;
      },
      [] { return Subscriber::open("news", Subscriber::Start::oldest, kLong); }, kTold);
}

// A channel and a queue, whose messages come in turn.
struct TwoReceivers {
  Receiver orders;
  QueueReceiver jobs;
  std::uint64_t next = 0;

  static Result<TwoReceivers> create() {
    Result<Receiver> orders = Receiver::create("orders", {.capacity_bytes = 4096});
    if (!orders) return tl::unexpected(std::move(orders.error()));
    Result<QueueReceiver> jobs =
        QueueReceiver::create("jobs", {.messages = 16, .message_bytes = 128});
    if (!jobs) return tl::unexpected(std::move(jobs.error()));
    return TwoReceivers{std::move(*orders), std::move(*jobs)};
  }
  Received receive(std::span<std::byte> into) {
    Received size =
        next % 2 == 0 ? orders.receive(into, Timeout::zero()) : jobs.receive(into, Timeout::zero());
    if (size && *size) ++next;
    return size;
  }
};

Outcome send_in_turn(FileDescriptor /*life*/) {
  Result<Sender> orders = Sender::open("orders", kLong);
  if (!orders) return told(orders.error());
  Result<QueueSender> jobs = QueueSender::open("jobs", kLong);
  if (!jobs) return told(jobs.error());
  std::uint64_t number = 0;
  return send_all([&](auto bytes) {
    return number++ % 2 == 0 ? orders->send(bytes, kTold) : jobs->send(bytes, kLong);
  });
}

Outcome receive_with_set(FileDescriptor /*life*/) {
  Result<TwoReceivers> ends = TwoReceivers::create();
  if (!ends) return told(ends.error());
  Result<WaitSet> set = WaitSet::create();
  if (!set) return told(set.error());
  const Result<WaitSet::Id> orders = set->add(ends->orders);
  if (!orders) return told(orders.error());
  const Result<WaitSet::Id> jobs = set->add(ends->jobs);
  if (!jobs) return told(jobs.error());
  return receive_all([&](auto into) -> Received {
    for (;;) {
      Received size = ends->receive(into);
      if (!size || *size) return size;
      const Result<std::span<const WaitSet::Event>> events = set->wait(kLong);
      if (!events) return tl::unexpected(events.error());
      if (events->empty()) return std::nullopt;
    }
  });
}

Outcome receive_with_loop(FileDescriptor /*life*/) {
  Result<TwoReceivers> ends = TwoReceivers::create();
  if (!ends) return told(ends.error());
  Result<Loop> loop = Loop::create();
  if (!loop) return told(loop.error());
  std::span<std::byte> room;
  Received got;
  const auto take = [&] {
    if (got && !*got) got = ends->receive(room);
  };
  const Result<Loop::Id> orders = loop->on(ends->orders, take);
  if (!orders) return told(orders.error());
  const Result<Loop::Id> jobs = loop->on(ends->jobs, take);
  if (!jobs) return told(jobs.error());
  const Result<Loop::Id> signal = loop->on_signal(SIGUSR1);
  if (!signal) return told(signal.error());
  return receive_all([&](auto into) -> Received {
    room = into;
    for (got = std::nullopt; got && !*got;) {
      const Result<std::size_t> turned = loop->turn(kLong);
      if (!turned) return tl::unexpected(turned.error());
      if (*turned == 0) return std::nullopt;
    }
    return got;
  });
}

}  // namespace

std::map<std::string, std::function<Outcome()>> kinds_of_groups() {
  using Policy = TopicOptions::Policy;
  return {
      {"collector", collector},
      {"collector-of-region", collector_of_region},
      {"service", service},
      {"service-of-region", service_of_region},
      {"tickets", tickets},
      {"topic", [] { return topic(Policy::lossy); }},
      {"topic-lossless", [] { return topic(Policy::lossless); }},
      {"topic-many", [] { return topic(Policy::lossy, 2); }},
      {"topic-many-lossless", [] { return topic(Policy::lossless, 2); }},
      {"named-topic", [] { return named_topic(Policy::lossy); }},
      {"named-topic-many", [] { return named_topic(Policy::lossless, 2); }},
      {"wait-set", [] { return between_two(receive_with_set, send_in_turn); }},
      {"event-loop", [] { return between_two(receive_with_loop, send_in_turn); }},
  };
}

}  // namespace ringbell::faults
