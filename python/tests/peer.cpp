// The C++ side of the Python tests: one end of each pattern.
//
//   usage: ringbell-python-peer WHAT NAME COUNT SIZE
//
// Message number i has SIZE bytes; byte k of it is (i + k) mod 251. What sends closes in order at
// the end; what receives checks each byte, and exits with 1 at the first that is wrong.
//
//   send queue-send publish publish-lossless contribute   makes or joins NAME, sends COUNT
//   receive queue-receive subscribe collect               opens NAME, reads COUNT
//   call     asks COUNT times; the answer is the request
//   serve    answers COUNT requests, with themselves
//   listen   lets one peer connect(), and sends COUNT messages back as they come
//   connect  connects to a Listener and sends COUNT; each comes back
//   hold     as receive, then sleeps with one in hand
//   set      sets a state COUNT times, then waits for a line
//   watch    reads a state until it has seen value COUNT - 1
//   quotes   sends COUNT typed messages (Quote), or receives them: read-quotes
//   rates    sets COUNT keys of a typed::StatesWriter, then waits for a line
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <ringbell/ringbell.hpp>

namespace {

using namespace std::chrono_literals;
using namespace ringbell;
using Bytes = std::vector<std::byte>;

constexpr auto kLong = 30s;

struct Task {
  std::string name;
  std::size_t count;
  std::size_t size;
};

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "peer: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  require(result.has_value(), result ? "" : result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void fill(std::span<std::byte> message, std::size_t number) {
  for (std::size_t k = 0; k < message.size(); ++k) {
    message[k] = static_cast<std::byte>((number + k) % 251);
  }
}

void check(std::span<const std::byte> message, std::size_t number, std::size_t size) {
  Bytes expected(size);
  fill(expected, number);
  require(Bytes(message.begin(), message.end()) == expected,
          "message " + std::to_string(number) + " is not what was sent");
}

template <class End>
void send_all(End end, const Task& task) {
  Bytes message(task.size);
  for (std::size_t i = 0; i < task.count; ++i) {
    fill(message, i);
    if constexpr (requires { end.publish(message, kLong); }) {
      require(must(end.publish(message, kLong)), "there was no room in time");
    } else {
      require(must(end.send(message, kLong)), "there was no room in time");
    }
  }
  std::this_thread::sleep_for(50ms);
}

template <class End>
void receive_all(End end, const Task& task) {
  Bytes message(std::max<std::size_t>(task.size, 1) * 2 + 4096);
  for (std::size_t i = 0; i < task.count; ++i) {
    const auto size = must(end.receive(message, kLong));
    require(size.has_value(), "nothing came in time");
    check(std::span(message).first(*size), i, task.size);
  }
}

TopicOptions topic_of(const Task& task, TopicOptions::Policy policy) {
  return {.policy = policy,
          .messages = policy == TopicOptions::Policy::lossy ? task.count : 8,
          .message_bytes = static_cast<std::uint32_t>(task.size)};
}

template <class Options>
Options options_of(const Task& task) {
  Options options;
  if constexpr (requires { options.capacity_bytes; }) {
    options.capacity_bytes = std::max<std::uint64_t>(options.capacity_bytes, task.size * 4);
  } else {
    options.message_bytes = static_cast<std::uint32_t>(task.size);
  }
  return options;
}

void call_all(const Task& task) {
  Client client = must(Client::open(task.name, kLong));
  Bytes request(task.size);
  Bytes response(task.size);
  for (std::size_t i = 0; i < task.count; ++i) {
    fill(request, i);
    const auto size = must(client.call(request, response, kLong));
    require(size == task.size, "the answer has another size");
    check(response, i, task.size);
  }
}

void serve_all(const Task& task) {
  Server server = must(Server::create(task.name, options_of<ServiceOptions>(task)));
  const auto echo = [&](std::span<const std::byte> request, auto&& claim) {
    const Bytes asked(request.begin(), request.end());
    std::copy(asked.begin(), asked.end(), claim(asked.size())->begin());
  };
  require(must(server.serve(echo, task.count, kLong)) == task.count, "no request came in time");
}

void listen(const Task& task) {
  Listener listener =
      must(Listener::open(task.name, {.channel = options_of<ChannelOptions>(task)}));
  std::optional<Connection> peer = must(listener.accept(kLong));
  require(peer.has_value(), "no peer came in time");
  Bytes message(task.size + 1);
  for (std::size_t i = 0; i < task.count; ++i) {
    const auto size = must(peer->receiver.receive(message, kLong));
    require(size.has_value(), "nothing came in time");
    require(must(peer->sender.send(std::span(message).first(*size), kLong)), "full");
  }
}

void connect_to(const Task& task) {
  Connection peer = must(ringbell::connect(task.name, {.timeout = kLong}));
  Bytes message(task.size);
  Bytes answer(task.size + 1);
  for (std::size_t i = 0; i < task.count; ++i) {
    fill(message, i);
    require(must(peer.sender.send(message, kLong)), "full");
    const auto size = must(peer.receiver.receive(answer, kLong));
    require(size.has_value(), "nothing came back in time");
    check(std::span(answer).first(*size), i, task.size);
  }
}

// As numpy.dtype([("number", "<u8"), ("price", "<f8"), ("symbol", "S8")], align=True) has it.
struct Quote {
  std::uint64_t number;
  double price;
  char symbol[8];
  static constexpr std::string_view kTypeName = "Quote";
  static constexpr std::uint64_t kTypeVersion = 3;
};
struct Pair {
  char text[8];
  friend bool operator==(const Pair&, const Pair&) = default;
};

Quote quote_of(std::size_t number) {
  return {number, static_cast<double>(number) / 2, {'E', 'U', 'R'}};
}

void say_and_wait(const char* what) {
  std::puts(what);
  std::fflush(stdout);
  std::getchar();
}

void set_all(const Task& task) {
  StateOptions options;
  options.value_bytes = static_cast<std::uint32_t>(task.size);
  options.readers_in_place = 4;
  StateWriter writer = must(StateWriter::create(task.name, options));
  Bytes value(task.size);
  say_and_wait("there");
  for (std::size_t i = 0; i < task.count; ++i) {
    fill(value, i);
    must(writer.set(value));
  }
  say_and_wait("set");
}

void watch(const Task& task) {
  StateReader reader = must(StateReader::open(task.name, kLong));
  Bytes value(reader.max_value_bytes());
  for (;;) {
    require(must(reader.wait_changed(kLong)), "nothing new in time");
    const auto size = must(reader.get(value));
    check(std::span(value).first(*size), reader.number() - 1, task.size);
    if (reader.number() == task.count) return;
  }
}

void send_quotes(const Task& task) {
  auto sender = must(typed::Sender<Quote>::create(task.name));
  for (std::size_t i = 0; i < task.count; ++i)
    require(must(sender.send(quote_of(i), kLong)), "full");
  say_and_wait("sent");
}

void read_quotes(const Task& task) {
  auto receiver = must(typed::Receiver<Quote>::open(task.name, kLong));
  for (std::size_t i = 0; i < task.count; ++i) {
    const auto quote = must(receiver.receive(kLong));
    require(quote && quote->number == i && quote->price == static_cast<double>(i) / 2,
            "another quote");
  }
}

void set_rates(const Task& task) {
  auto writer = must(typed::StatesWriter<Pair, double>::create(
      task.name, {.keys = static_cast<std::uint32_t>(task.count)}));
  for (std::size_t i = 0; i < task.count; ++i) {
    Pair pair{{'P', static_cast<char>('0' + i)}};
    must(writer.set(pair, static_cast<double>(i) + 0.5));
  }
  say_and_wait("set");
}

void hold(const Task& task) {
  Receiver receiver = must(Receiver::open(task.name, kLong));
  require(must(receiver.peek_for(kLong)).has_value(), "nothing came in time");
  std::puts("held");
  std::fflush(stdout);
  std::this_thread::sleep_for(60s);
}

const std::map<std::string, std::function<void(const Task&)>> kTasks{
    {"send",
     [](auto& t) { send_all(must(Sender::create(t.name, options_of<ChannelOptions>(t))), t); }},
    {"receive", [](auto& t) { receive_all(must(Receiver::open(t.name, kLong)), t); }},
    {"queue-send",
     [](auto& t) { send_all(must(QueueSender::create(t.name, options_of<QueueOptions>(t))), t); }},
    {"queue-receive", [](auto& t) { receive_all(must(QueueReceiver::open(t.name, kLong)), t); }},
    {"publish",
     [](auto& t) {
       Publisher publisher =
           must(Publisher::create(t.name, topic_of(t, TopicOptions::Policy::lossy)));
       Bytes message(t.size);
       for (std::size_t i = 0; i < t.count; ++i) {
         fill(message, i);
         require(must(publisher.publish(message, kLong)), "a lossy topic waited");
       }
       std::puts("published");
       std::fflush(stdout);
       std::getchar();  // its name goes with it
     }},
    {"publish-lossless",
     [](auto& t) {
       Publisher publisher =
           must(Publisher::create(t.name, topic_of(t, TopicOptions::Policy::lossless)));
       std::puts("there");
       std::fflush(stdout);
       std::getchar();  // until a subscriber has joined
       send_all(std::move(publisher), t);
     }},
    {"subscribe",
     [](auto& t) { receive_all(must(Subscriber::open(t.name, Subscriber::Start::oldest)), t); }},
    {"contribute", [](auto& t) { send_all(must(Contributor::open(t.name, kLong)), t); }},
    {"collect",
     [](auto& t) {
       receive_all(must(Collector::create(t.name, options_of<CollectorOptions>(t))), t);
     }},
    {"call", call_all},
    {"serve", serve_all},
    {"listen", listen},
    {"connect", connect_to},
    {"hold", hold},
    {"set", set_all},
    {"watch", watch},
    {"quotes", send_quotes},
    {"read-quotes", read_quotes},
    {"rates", set_rates},
};

}  // namespace

int main(int argc, char** argv) {
  require(argc == 5 && kTasks.contains(argv[1]), "usage: WHAT NAME COUNT SIZE");
  kTasks.at(argv[1])({argv[2], std::stoul(argv[3]), std::stoul(argv[4])});
}
