// A send and a receive of a type, and the same of its bytes: asm_test.py holds that the
// instructions are as many.
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/transport/typed/channel.hpp>

namespace {

struct Quote {
  std::uint64_t number;
  double price;
};

}  // namespace

extern "C" {

bool send_typed(ringbell::typed::Sender<Quote>& sender, const Quote& quote) {
  return sender.try_send(quote);
}
bool send_bytes(ringbell::Sender& sender, const Quote& quote) {
  return sender.try_send(std::as_bytes(std::span(&quote, 1)));
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
}
