// Sender and Receiver: one of each for a channel.
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {

void bind_channel(py::module_& module) {
  py::class_<EndOf<Sender>, Handle> sender(
      module, "Sender", "The end that writes a channel: records of any size, for one receiver.");
  def_create<Sender, ChannelOptions>(sender);
  def_open<Sender>(sender);
  def_common<Sender>(sender);
  def_send<Sender>(sender, "send");
  def_loan<Sender>(sender);

  py::class_<EndOf<Receiver>, Handle> receiver(module, "Receiver", "The end that reads a channel.");
  def_create<Receiver, ChannelOptions>(receiver);
  def_open<Receiver>(receiver);
  def_common<Receiver>(receiver);
  def_receive<Receiver>(receiver);
}

}  // namespace ringbell::python
