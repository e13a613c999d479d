// The ends of a collector whose messages are of a type.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {

template <SendableMessage M>
class Contributor : public SendingEnd<Contributor<M>, ringbell::Contributor, CollectorOptions, M> {
 public:
  // As Sender's.
  [[nodiscard]] bool try_send(Argument<M> message) noexcept {
    return this->bytes_.try_send(bytes_of<M>(message));
  }
  void set_source(std::uint32_t source) noexcept { this->bytes_.set_source(source); }

 private:
  using Base = SendingEnd<Contributor<M>, ringbell::Contributor, CollectorOptions, M>;
  friend typename Base::Maker;
  friend Loan<Contributor, M>;
  using Base::Base;
};

template <SendableMessage M>
class Collector
    : public ReceivingEnd<Collector<M>,
                          OpenedByName<Collector<M>, ringbell::Collector, CollectorOptions>, M> {
 public:
  [[nodiscard]] static CollectorOptions fitted(CollectorOptions options) {
    return fitted_to<M>(std::move(options));
  }
  // Whose the message is that was taken last.
  [[nodiscard]] std::uint32_t lane() const noexcept { return this->bytes_.lane(); }
  // As Receiver's.
  [[nodiscard]] std::optional<UserHeader> user_header() noexcept {
    return this->bytes_.user_header();
  }

 private:
  using Base = ReceivingEnd<Collector<M>,
                            OpenedByName<Collector<M>, ringbell::Collector, CollectorOptions>, M>;
  friend typename Base::Maker;
  friend Taken<Collector, M>;
  using Base::Base;
};

}  // namespace ringbell::typed
