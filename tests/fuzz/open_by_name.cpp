// Any bytes as the file that stands under a name, of which other processes may hold roles: every
// end opens or creates the name, is refused with an Error, or can be used without harm.
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <ringbell/ringbell.hpp>

#include <tests/fuzz/region_file.hpp>
#include <tests/fuzz/target.hpp>
#include <tests/hostile/choices.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell::fuzz {
namespace {

using namespace std::chrono_literals;
using hostile::Choices;

constexpr const char* kName = "fuzzed";
constexpr int kCalls = 8;
constexpr std::array<std::byte, 16> kMessage{};

// What came of a call or of opening an end.
template <class T>
bool went_well(const Result<T>& result) {
  HOSTILE_CHECK(result || !result.error().message.empty());
  return result.has_value();
}

class Uses {
 public:
  void operator()(Sender& end) { send(end); }
  void operator()(Contributor& end) { send(end); }
  void operator()(QueueSender& end) {
    send(end);
    (void)end.recover();
  }
  void operator()(Publisher& end) {
    (void)(went_well(end.publish(kMessage, 0ns)) && end.subscribers());
    (void)end.evict();
  }
  void operator()(Receiver& end) { read(end); }
  void operator()(Collector& end) { read(end); }
  void operator()(QueueReceiver& end) { read(end); }
  void operator()(Subscriber& end) {
    into_.resize(end.max_message_bytes());
    const auto size = end.receive(into_, 0ns);
    if (went_well(size) && *size) tally_.read(std::span(into_).first(**size));
    (void)end.lag();
  }
  void operator()(Client& end) {
    std::array<std::byte, 48> response{};
    (void)went_well(end.call(kMessage, response, 0ns));
  }
  void operator()(Server& end) {
    const auto asked = end.request_for(0ns);
    if (!went_well(asked) || !*asked) return;
    tally_.read(**asked);
    if (const auto room = end.claim(end.max_message_bytes())) tally_.write(*room);
    end.respond();
  }

 private:
  template <class End>
  void send(End& end) {
    (void)went_well(end.send(kMessage, 0ns));
    (void)end.fill();
  }
  template <class End>
  void read(End& end) {
    const auto message = end.peek_for(0ns);
    if (went_well(message) && *message) {
      tally_.read(**message);
      end.release();
    }
    (void)end.lag();
  }

  hostile::Tally tally_;
  std::vector<std::byte> into_;
};

template <class End>
void use(Result<End> end) {
  if (!went_well(end)) return;
  Uses uses;
  for (int i = 0; i < kCalls; ++i) uses(*end);
}

template <class End, class Options>
void open_or_create(bool creates, const Options& options) {
  use(creates ? End::create(kName, options) : End::open(kName, 0ns));
}

constexpr std::uint64_t kEnds = 11;

void open_end(std::uint64_t end, bool creates) {
  const ChannelOptions channel{.capacity_bytes = 4096};
  const QueueOptions queue{.messages = 8, .message_bytes = 16, .participants = 4};
  const CollectorOptions collector{
      .contributors = 3, .capacity_bytes = 4096, .record_alignment = 64};
  const ServiceOptions service{.clients = 3, .message_bytes = 100};
  TopicOptions topic{.messages = 8, .message_bytes = 16, .subscribers = 3};
  const TopicOptions several{.policy = TopicOptions::Policy::lossless,
                             .messages = 8,
                             .message_bytes = 16,
                             .publishers = 2};
  switch (end) {
    case 0:
      return open_or_create<Sender>(creates, channel);
    case 1:
      return open_or_create<Receiver>(creates, channel);
    case 2:
      return open_or_create<QueueSender>(creates, queue);
    case 3:
      return open_or_create<QueueReceiver>(creates, queue);
    case 4:
      return open_or_create<Contributor>(creates, collector);
    case 5:
      return open_or_create<Collector>(creates, collector);
    case 6:
      return open_or_create<Client>(creates, service);
    case 7:
      return open_or_create<Server>(creates, service);
    case 8:
      topic.policy = creates ? TopicOptions::Policy::lossy : TopicOptions::Policy::lossless;
      return use(Publisher::create(kName, topic));
    case 9:
      return use(Publisher::create(kName, several));
    default:
      return use(Subscriber::open(kName, Subscriber::Start::oldest, 0ns));
  }
}

// The roles that others have: locks, by open file descriptions of their own.
std::vector<ParticipantLock> hold_roles(int file, Choices& choices) {
  std::vector<ParticipantLock> held;
  for (std::uint64_t count = choices.roll(3); count > 0; --count) {
    const auto number = static_cast<std::uint32_t>(choices.roll(4));
    if (auto lock = ParticipantLock::take(file, number, "other")) held.push_back(std::move(*lock));
  }
  return held;
}

// Which rings an end of that number can open.
bool is_of(std::uint64_t end, core::RingKind kind) {
  using core::RingKind;
  switch (kind) {
    case RingKind::spsc:
      return end <= 1;
    case RingKind::mpmc:
      return end == 2 || end == 3;
    case RingKind::fan_in:
      return end == 4 || end == 5;
    case RingKind::call_group:
      return end == 6 || end == 7;
    case RingKind::broadcast_lossless:
    case RingKind::broadcast_lossy:
      return end == 8 || end == 10;
    case RingKind::many_lossless:
    case RingKind::many_lossy:
      return end >= 9;
    case RingKind::bells:
      return end == 0;
    case RingKind::state:  // none of these ends has one
      break;
  }
  return false;
}

}  // namespace

// The input: which end, whether it creates, the roles that are held, then what fill_file() takes.
std::vector<Input> seeds() {
  std::vector<Input> inputs;
  for (const core::RingShape& shape : all_shapes()) {
    for (std::uint8_t end = 0; end < kEnds; ++end) {
      if (!is_of(end, shape.kind)) continue;
      for (const std::uint8_t creates : {std::uint8_t{0}, std::uint8_t{1}}) {
        // The first, and the last of the rest.
        inputs.push_back(region_input(shape, Backing::file, {end, creates, 2, 0, 3}));
        inputs.push_back(region_input(shape, Backing::file, {end, creates, 0}));
      }
    }
  }
  return inputs;
}

}  // namespace ringbell::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringbell;
  static const test::TemporaryNameFolder folder;
  const std::string path = folder.path() + "/" + fuzz::kName + ".ring";
  hostile::Choices choices(std::span(data, size));
  const std::uint64_t end = choices.roll(fuzz::kEnds);
  const bool creates = choices.roll(2) == 1;
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  HOSTILE_CHECK(file);
  {
    const std::vector<ParticipantLock> held = fuzz::hold_roles(file.get(), choices);
    fuzz::fill_file(file.get(), choices);
    fuzz::open_end(end, creates);
  }
  // A name that is kept for a next process.
  for (const std::string& left : folder.files()) {
    std::filesystem::remove(folder.path() + "/" + left);
  }
  return 0;
}
