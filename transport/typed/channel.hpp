// The ends of a channel whose messages are of a type.
//
//   auto sender = typed::Sender<Quote>::create("quotes").value();
//   sender.send({1, 100.25});
//   if (auto room = sender.loan()) { room->number = 2; room->price = 100.5; room.send(); }
//
//   auto receiver = typed::Receiver<Quote>::open("quotes").value();
//   for (const Quote& quote : receiver) use(quote);
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {

template <SendableMessage M>
class Sender : public SendingEnd<Sender<M>, ringbell::Sender, ChannelOptions, M> {
 public:
  // Copies a message in. False: not now; nor ever, if it is more than the ring takes. Never waits.
  [[nodiscard]] bool try_send(Argument<M> message) noexcept {
    return this->bytes_.try_send(bytes_of<M>(message));
  }
  // As the sender of bytes'.
  void set_source(std::uint32_t source) noexcept { this->bytes_.set_source(source); }

 private:
  using Base = SendingEnd<Sender<M>, ringbell::Sender, ChannelOptions, M>;
  friend typename Base::Maker;
  friend Loan<Sender, M>;
  using Base::Base;
};

template <SendableMessage M>
class Receiver
    : public ReceivingEnd<Receiver<M>,
                          OpenedByName<Receiver<M>, ringbell::Receiver, ChannelOptions>, M> {
 public:
  [[nodiscard]] static ChannelOptions fitted(ChannelOptions options) {
    return fitted_to<M>(std::move(options));
  }
  // When the message in hand was sent and by which sender, as the receiver of bytes says.
  [[nodiscard]] std::optional<UserHeader> user_header() noexcept {
    return this->bytes_.user_header();
  }

 private:
  using Base =
      ReceivingEnd<Receiver<M>, OpenedByName<Receiver<M>, ringbell::Receiver, ChannelOptions>, M>;
  friend typename Base::Maker;
  friend Taken<Receiver, M>;
  using Base::Base;
};

}  // namespace ringbell::typed
