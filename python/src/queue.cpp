// QueueSender and QueueReceiver: many of each, each message for one of them.
#include <cstdint>
#include <utility>

#include <ringbell/transport/ends/queue.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

using Counts = std::pair<std::uint64_t, std::uint64_t>;

template <class E, class Class>
void def_recover(Class& end) {
  end.def(
         "recover",
         [](EndOf<E>& self) {
           self.check();
           const core::MpmcRecovered now = self.end().recover();
           return Counts(now.returned, now.skipped);
         },
         "Takes from all dead ends what they held, now: how many messages come again, and how many "
         "were never completed.\nEnds that wait or poll do so by themselves, later.")
      .def_property_readonly("recovered", [](EndOf<E>& self) {
        self.check();
        return Counts(self.end().recovered().returned, self.end().recovered().skipped);
      });
}

}  // namespace

void bind_queue(py::module_& module) {
  py::class_<EndOf<QueueSender>, Handle> sender(module, "QueueSender",
                                                "An end that writes a queue.");
  def_create<QueueSender, QueueOptions>(sender);
  def_open<QueueSender>(sender);
  def_common<QueueSender>(sender);
  def_send<QueueSender>(sender, "send");
  def_loan<QueueSender>(sender);
  def_recover<QueueSender>(sender);

  py::class_<EndOf<QueueReceiver>, Handle> receiver(
      module, "QueueReceiver",
      "An end that reads a queue. A message in the hand of one that dies goes to another.");
  def_create<QueueReceiver, QueueOptions>(receiver);
  def_open<QueueReceiver>(receiver);
  def_common<QueueReceiver>(receiver);
  def_receive<QueueReceiver>(receiver);
  def_recover<QueueReceiver>(receiver);
  receiver.def_property_readonly(
      "redelivered",
      [](EndOf<QueueReceiver>& self) {
        self.check();
        return self.end().redelivered();
      },
      "Whether the message that came last was in the hand of a receiver that died.");
}

}  // namespace ringbell::python
