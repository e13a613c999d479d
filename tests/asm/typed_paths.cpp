// A send and a receive of a type, of its bytes, and of its bytes in place: asm_test.py holds that
// the instructions of the first two are as many, hardly more than those in place, and that none
// waits for its own stores. What ends of many do besides, which calls nothing to find a bell.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/typed/channel.hpp>

namespace {

struct Quote {
  std::uint64_t number;
  double price;
};

}  // namespace

std::span<std::byte> later(ringbell::Sender& sender);

extern "C" {

bool send_typed(ringbell::typed::Sender<Quote>& sender, const Quote& quote) {
  return sender.try_send(quote);
}
bool send_bytes(ringbell::Sender& sender, const Quote& quote) {
  return sender.try_send(std::as_bytes(std::span(&quote, 1)));
}

bool send_in_place(ringbell::Sender& sender, const Quote& quote) {
  const std::optional<std::span<std::byte>> claimed = sender.claim(sizeof quote);
  const std::span<std::byte> room = claimed ? *claimed : later(sender);
  if (room.data() == nullptr) return false;
  std::memcpy(room.data(), &quote, sizeof quote);
  sender.commit();
  return true;
}

std::size_t receive_in_place(ringbell::Receiver& receiver) {
  const std::optional<std::span<const std::byte>> message = receiver.peek();
  if (!message) return 0;
  const std::size_t first = static_cast<std::size_t>(message->front()) + message->size();
  receiver.release();
  return first;
}

void receive_typed(ringbell::typed::Receiver<Quote>& receiver, Quote& into) {
  if (const auto quote = receiver.try_receive()) into = *quote;
}
void receive_bytes(ringbell::Receiver& receiver, Quote& into) {
  const auto message = receiver.peek();
  if (!message || message->size() != sizeof(Quote)) return;
  const Quote quote = *reinterpret_cast<const Quote*>(message->data());
  receiver.release();
  into = quote;
}

bool queue_commit(ringbell::QueueSender& sender, std::size_t size_bytes) {
  return sender.commit(size_bytes);
}
bool queue_release(ringbell::QueueReceiver& receiver) { return receiver.release(); }
void contributor_commit(ringbell::Contributor& contributor, std::size_t size_bytes) {
  contributor.commit(size_bytes);
}
}
