// Sender and Receiver: one of each for a channel.
#include <cstdint>
#include <optional>
#include <utility>

#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

#include "python/src/ends.hpp"
#include "python/src/sealed.hpp"

namespace ringbell::python {
namespace {

template <class E, class Class>
void def_wait_for_peer(Class& end) {
  end.def(
      "wait_for_peer",
      [](EndOf<E>& self, const py::object& timeout) {
        self.check_empty_handed();
        return self.wait(timeout_of(timeout),
                         [&](Timeout slice) { return self.end().wait_for_peer(slice); });
      },
      py::arg("timeout") = py::none(),
      "Waits until the other side has opened its end. False: the time is up.\n\nRaises: "
      "ClosedError, PeerDeadError, EndClosedError, ForkError, InUseError.");
}

// Records that become visible together, and a tag that tells the next sender whether they did.
void def_batches(py::class_<EndOf<Sender>, Handle>& sender) {
  using Self = EndOf<Sender>;
  sender
      .def(
          "stage",
          [](Self& self, const py::object& message, const py::object& timeout) {
            self.check_empty_handed();
            const Bytes bytes(message);
            const Room room = self.wait(timeout_of(timeout), [&](Timeout slice) {
              return self.end().claim_for(bytes.get().size(), slice);
            });
            if (!room) return false;
            copy(self, room->data(), bytes.get());
            self.end().stage();
            return true;
          },
          py::arg("message"), py::arg("timeout") = py::none(),
          "As send(), but shown only by flush(), or the next send(); or when there is no room, to "
          "wait for it. A loan that\nis given up takes what is staged with it.\n\nRaises: as "
          "send().")
      .def(
          "flush",
          [](Self& self) {
            self.check_empty_handed();
            self.end().flush();
          },
          "Shows what is staged, all at once.\n\nRaises: EndClosedError, ForkError, InUseError.")
      .def(
          "flush_tagged",
          [](Self& self, std::uint64_t tag) {
            self.check_empty_handed();
            if (tag >= core::kTagLimit) raise("invalid_argument", "a tag has at most 61 bits");
            self.end().flush_tagged(tag);
          },
          py::arg("tag"),
          "The same, with a number below 2**61. After the death of this process the next sender's "
          "last_tag tells whether\nthe records became visible. Nothing happens if nothing is "
          "staged.\n\nRaises: InvalidArgumentError, EndClosedError, ForkError, InUseError.")
      .def_property_readonly("last_tag",
                             [](Self& self) -> std::optional<std::pair<std::uint64_t, bool>> {
                               self.check();
                               const std::optional<core::LastTag> last = self.end().last_tag();
                               if (!last) return std::nullopt;
                               return std::pair(last->tag, last->visible);
                             });
}

}  // namespace

void bind_channel(py::module_& module) {
  py::class_<EndOf<Sender>, Handle> sender(
      module, "Sender", "The end that writes a channel: records of any size, for one receiver.");
  def_create<Sender, ChannelOptions>(sender);
  def_open<Sender>(sender);
  def_common<Sender>(sender);
  def_send<Sender>(sender, "send");
  def_loan<Sender>(sender);
  def_wait_for_peer<Sender>(sender);
  def_batches(sender);

  py::class_<EndOf<Receiver>, Handle> receiver(module, "Receiver", "The end that reads a channel.");
  def_create<Receiver, ChannelOptions>(receiver);
  def_open<Receiver>(receiver);
  def_common<Receiver>(receiver);
  def_receive<Receiver>(receiver);
  def_wait_for_peer<Receiver>(receiver);
  receiver.def_property_readonly("expired", [](EndOf<Receiver>& self) {
    self.check();
    return self.end().expired();
  });
  def_sealed(sender, receiver);
}

}  // namespace ringbell::python
