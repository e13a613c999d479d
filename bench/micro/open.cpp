// From nothing to the first message by name: create, open, send, receive; and the end of it. What a
// program pays before its first message, and again for each channel.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

#include <benchmark/benchmark.h>

#include <ringbell/ringbell.hpp>

namespace ringbell::bench {
namespace {

// Names of its own, on the same kind of file system as a user's.
class OwnFolder {
 public:
  OwnFolder() {
    std::array<char, 64> path{"/dev/shm/ringbell-bench-XXXXXX"};
    if (::mkdtemp(path.data()) != nullptr) path_ = path.data();
    ::setenv("RINGBELL_DIR", path_.c_str(), 1);
  }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

bool first_message(Sender& sender, Receiver& receiver) {
  const std::array<std::byte, 8> message{std::byte{1}};
  if (!sender.try_send(message)) return false;
  const std::optional<std::span<const std::byte>> record = receiver.peek();
  if (!record || record->size() != message.size() || (*record)[0] != message[0]) return false;
  receiver.release();
  return true;
}

void first_message_by_name(benchmark::State& state) {
  const OwnFolder folder;
  const ChannelOptions options{.capacity_bytes = static_cast<std::uint64_t>(state.range(0))};
  for ([[maybe_unused]] auto _ : state) {
    Result<Sender> sender = Sender::create("bench", options);
    Result<Receiver> receiver = Receiver::open("bench");
    if (!sender || !receiver || !first_message(*sender, *receiver)) {
      state.SkipWithError(!sender     ? sender.error().message.c_str()
                          : !receiver ? receiver.error().message.c_str()
                                      : "the message did not come");
      return;
    }
  }
}
BENCHMARK(first_message_by_name)->Arg(64 << 10)->Arg(256 << 10)->Arg(4 << 20)->UseRealTime();

// The same without a name: what of it the memory costs.
void first_message_by_descriptor(benchmark::State& state) {
  const ChannelOptions options{.capacity_bytes = static_cast<std::uint64_t>(state.range(0))};
  for ([[maybe_unused]] auto _ : state) {
    Result<Channel> channel = Channel::create(options);
    if (!channel) {
      state.SkipWithError(channel.error().message.c_str());
      return;
    }
    const ChannelFds fds = channel->fds();
    Result<Receiver> receiver = Receiver::attach(fds);
    Result<Sender> sender = Sender::attach(fds);
    if (!sender || !receiver || !first_message(*sender, *receiver)) {
      state.SkipWithError("no endpoint, or the message did not come");
      return;
    }
  }
}
BENCHMARK(first_message_by_descriptor)->Arg(64 << 10)->Arg(256 << 10)->Arg(4 << 20)->UseRealTime();

}  // namespace
}  // namespace ringbell::bench
