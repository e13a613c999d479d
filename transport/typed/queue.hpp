// The ends of a queue whose messages are of a type.
#pragma once

#include <utility>

#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {

template <SendableMessage M>
class QueueSender : public SendingEnd<QueueSender<M>, ringbell::QueueSender, QueueOptions, M> {
 private:
  using Base = SendingEnd<QueueSender<M>, ringbell::QueueSender, QueueOptions, M>;
  friend typename Base::Maker;
  friend Loan<QueueSender, M>;
  using Base::Base;
};

template <SendableMessage M>
class QueueReceiver
    : public ReceivingEnd<QueueReceiver<M>,
                          OpenedByName<QueueReceiver<M>, ringbell::QueueReceiver, QueueOptions>,
                          M> {
 public:
  [[nodiscard]] static QueueOptions fitted(QueueOptions options) {
    return fitted_to<M>(std::move(options));
  }

 private:
  using Base =
      ReceivingEnd<QueueReceiver<M>,
                   OpenedByName<QueueReceiver<M>, ringbell::QueueReceiver, QueueOptions>, M>;
  friend typename Base::Maker;
  friend Taken<QueueReceiver, M>;
  using Base::Base;
};

}  // namespace ringbell::typed
