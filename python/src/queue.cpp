// QueueSender and QueueReceiver: many of each, each message for one of them.
#include <ringbell/transport/ends/queue.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {

void bind_queue(py::module_& module) {
  py::class_<EndOf<QueueSender>, Handle> sender(module, "QueueSender",
                                                "An end that writes a queue.");
  def_create<QueueSender, QueueOptions>(sender);
  def_open<QueueSender>(sender);
  def_common<QueueSender>(sender);
  def_send<QueueSender>(sender, "send");
  def_loan<QueueSender>(sender);

  py::class_<EndOf<QueueReceiver>, Handle> receiver(
      module, "QueueReceiver",
      "An end that reads a queue. A message in the hand of one that dies goes to another.");
  def_create<QueueReceiver, QueueOptions>(receiver);
  def_open<QueueReceiver>(receiver);
  def_common<QueueReceiver>(receiver);
  def_receive<QueueReceiver>(receiver);
  receiver.def_property_readonly(
      "redelivered",
      [](EndOf<QueueReceiver>& self) {
        self.check();
        return self.end().redelivered();
      },
      "Whether the message that came last was in the hand of a receiver that died.");
}

}  // namespace ringbell::python
