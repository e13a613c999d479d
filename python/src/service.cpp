// Client and Server: many ask, one answers.
#include <algorithm>
#include <span>
#include <utility>

#include <ringbell/transport/ends/service.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

using OwnClient = EndOf<Client>;
using OwnServer = EndOf<Server>;

// Hands a request over. False: time is up, a call that was abandoned is still being served.
bool begin(OwnClient& self, const py::object& request, Timeout timeout) {
  self.check_empty_handed();
  const Bytes bytes(request);
  const std::size_t size_bytes = bytes.get().size();
  const Room room =
      self.wait(timeout, [&](Timeout slice) { return self.end().claim_for(size_bytes, slice); });
  if (!room) return false;
  copy(self, room->data(), bytes.get());
  self.end().call();
  return true;
}

// Waits for the answer; the call is abandoned if it does not come, or the wait is interrupted.
Found answer(OwnClient& self, Timeout timeout) {
  bool answered = false;
  try {
    answered = self.wait(timeout, [&](Timeout slice) { return self.end().answered_for(slice); });
  } catch (const py::error_already_set& error) {
    if (!self.is_closed()) error.value().attr("fate") = name_of(self.end().abandon());
    throw;
  }
  if (!answered) {
    self.end().abandon();
    return std::nullopt;
  }
  return value_or_raise(self.end().answer_for(Timeout::zero()));
}

py::object call(OwnClient& self, const py::object& request, const py::object& timeout) {
  const SteadyTime end = end_of(timeout_of(timeout));
  if (!begin(self, request, left_until(end))) return py::none();
  const Found found = answer(self, left_until(end));
  return found ? bytes_from(self, *found) : py::none();
}

// The part before was copied out, and goes back.
py::object next_part(OwnClient& self, const py::object& timeout) {
  self.check_empty_handed();
  self.end().ask_for_more();
  const Found found = answer(self, timeout_of(timeout));
  return found ? bytes_from(self, *found) : py::none();
}

// A call under way. It waits as its client does, in its client's turn, and keeps it. The ticket is
// its client's state: whatever looks at it or gives it back takes its turn, too.
class OwnTicket {
 public:
  OwnTicket(py::object client, Ticket ticket)
      : keeper_(std::move(client)), ticket_(std::make_shared<Ticket>(std::move(ticket))) {}
  OwnTicket(const OwnTicket&) = delete;
  OwnTicket& operator=(const OwnTicket&) = delete;
  ~OwnTicket() { client().drop_when_unused(std::move(ticket_)); }

  [[nodiscard]] py::object wait(const py::object& timeout) {
    OwnClient& own = client();
    own.check();
    const Found found =
        own.wait(timeout_of(timeout), [&](Timeout slice) { return ticket_->wait(slice); });
    return found ? bytes_from(own, *found) : py::none();
  }
  [[nodiscard]] py::object next(const py::object& timeout) {
    OwnClient& own = client();
    own.check();
    const Found found =
        own.wait(timeout_of(timeout), [&](Timeout slice) { return ticket_->next(slice); });
    return found ? bytes_from(own, *found) : py::none();
  }
  // Raises: InUseError.
  [[nodiscard]] Ticket& ticket() {
    client().check_not_in_use();
    return *ticket_;
  }

 private:
  [[nodiscard]] OwnClient& client() const { return keeper_.cast<OwnClient&>(); }

  py::object keeper_;
  std::shared_ptr<Ticket> ticket_;
};

void bind_ticket(py::module_& module) {
  py::class_<OwnTicket>(module, "Ticket",
                        "A call that is under way while its client does something else. When it "
                        "goes, or at the end of a with\nstatement, it is given up: taken back, if "
                        "the server has not begun it.")
      .def(
          "wait", &OwnTicket::wait, py::arg("timeout") = py::none(),
          "The answer as bytes, again at each call. None: the time is up, the call stays under "
          "way.\n\nRaises: InvalidArgumentError (the call is over); ClosedError, PeerDeadError, "
          "DroppedError, CorruptError: these\nend the call; EndClosedError, ForkError, InUseError.")
      .def("next", &OwnTicket::next, py::arg("timeout") = py::none(),
           "The parts of the answer in turn, each as bytes: what a server gave by send(), or "
           "respond() once. None: the\ntime is up, the call stays under way.\n\nRaises: "
           "ClosedError, with fate \"served\", when there is no more; as wait().")
      .def(
          "answered", [](OwnTicket& self) { return self.ticket().answered(); },
          "Whether wait() would have something to give, or to raise, at once. Raises: InUseError.")
      .def(
          "abandon", [](OwnTicket& self) { return name_of(self.ticket().abandon()); },
          "Gives the call up: its fate. Raises: InUseError.")
      .def_property_readonly(
          "fate", [](OwnTicket& self) { return name_of(self.ticket().fate()); },
          "What became of the call, as Client.fate has it; \"none\", while it is under way. "
          "Raises: InUseError.")
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__",
           [](OwnTicket& self, const py::args& /*raised*/) { (void)self.ticket().abandon(); });
}

void bind_client(py::module_& module) {
  bind_ticket(module);
  py::class_<OwnClient, Handle> client(module, "Client", "An end that calls a service.");
  def_create<Client, ServiceOptions>(client);
  def_open<Client>(client);
  def_common<Client>(client);
  def_loan<Client>(client);
  client
      .def("call", &call, py::arg("request"), py::arg("timeout") = py::none(),
           "Sends a bytes-like request and returns the answer as bytes. None: the time is up, the "
           "call is abandoned; fate\nsays what comes of it, and so does that of an exception."
           "\n\nRaises: TooLargeError, InvalidArgumentError (a call is "
           "under way), ClosedError, PeerDeadError,\nCorruptError, EndClosedError, ForkError, "
           "InUseError.")
      .def(
          "begin",
          [](OwnClient& self, const py::object& request, const py::object& timeout) {
            return begin(self, request, timeout_of(timeout));
          },
          py::arg("request"), py::arg("timeout") = py::none(),
          "Hands a request over; answer() has what comes of it, as after `with loan(n)`. False: "
          "the time is up, a call\nthat was abandoned is not served yet.\n\nRaises: as call().")
      .def(
          "answer",
          [](const py::object& self, const py::object& timeout) -> py::object {
            auto& own = self.cast<OwnClient&>();
            own.check_empty_handed();
            const Found found = answer(own, timeout_of(timeout));
            if (!found) return py::none();
            return py::cast(std::make_unique<Message>(self, own, *found));
          },
          py::arg("timeout") = py::none(),
          "The answer where it stands: `with client.answer() as view`. None: the time is up, the "
          "call is abandoned.\n\nRaises: InvalidArgumentError (nothing was called); as call().")
      .def("next", &next_part, py::arg("timeout") = py::none(),
           "After begin() the parts of the answer in turn, each as bytes; parts() does both. None: "
           "the time is up, the call is\nabandoned.\n\nRaises: ClosedError, with fate "
           "\"served\", when there is no more; as answer().")
      .def(
          "answered",
          [](OwnClient& self) {
            self.check();
            return self.end().answered();
          },
          "Whether answer() would have something to give, or to raise, at once.")
      .def(
          "_answered_for",
          [](OwnClient& self, const py::object& timeout) {
            self.check_empty_handed();
            return self.wait(timeout_of(timeout),
                             [&](Timeout slice) { return self.end().answered_for(slice); });
          },
          py::arg("timeout"), "Waits for answered(); the call stays under way.")
      .def_property_readonly(
          "_call_number",
          [](OwnClient& self) {
            self.check();
            return self.end().call_number();
          },
          "Another after each call. Raises: InUseError, EndClosedError.")
      .def(
          "abandon",
          [](OwnClient& self) {
            self.check_empty_handed();
            self.end().abandon();
          },
          "Gives up waiting for the answer, and takes the request back if the server has not begun "
          "it: fate.")
      .def(
          "start",
          [](const py::object& self, const py::object& request) {
            auto& own = self.cast<OwnClient&>();
            own.check();
            const Bytes bytes(request);
            return std::make_unique<OwnTicket>(self, value_or_raise(own.end().start(bytes.get())));
          },
          py::arg("request"),
          "Sends a bytes-like request and does not wait: a Ticket. Many may be under way, which "
          "the "
          "server answers in any order.\n\nRaises: TooLargeError; NoPlaceError, if as many are "
          "under "
          "way as the service's `tickets`, those included that were\ngiven up and are still being "
          "served; CorruptError, EndClosedError, ForkError, InUseError.")
      .def(
          "wait_any",
          [](OwnClient& self, const py::object& timeout) {
            self.check();
            return self.wait(timeout_of(timeout),
                             [&](Timeout slice) { return self.end().any_answered_for(slice); });
          },
          py::arg("timeout") = py::none(),
          "Waits until any of its tickets has something to give. False: the time is up.\n\n"
          "Raises: InvalidArgumentError (no ticket waits for its answer); as Ticket.wait().")
      .def_property_readonly(
          "fate",
          [](OwnClient& self) {
            self.check();
            return name_of(self.end().fate());
          },
          "What became of the last call that gave no answer. \"withdrawn\": no server has begun it "
          "and none will, it may\nbe called again. \"maybe_served\": a server has begun it, and "
          "serves it perhaps all the same. \"served\": but its\nanswer was not taken. "
          "\"none\": there was no such call.");
}

// Room for an answer. Raises: as respond().
std::span<std::byte> claim_answer(OwnServer& self, std::size_t size_bytes) {
  if (self.in_hand() != nullptr) self.in_hand()->put_down();
  const std::size_t most = most_bytes(self.end());
  if (!fits(size_bytes, most)) {
    raise("too_large", "an answer of " + std::to_string(size_bytes) +
                           " bytes; this service takes up to " + std::to_string(most));
  }
  const Room room = self.end().claim(size_bytes);
  if (!room) raise("invalid_argument", "no request is being served: request() or receive() first");
  return *room;
}

void respond(OwnServer& self, const py::object& response) {
  self.check();
  if (self.in_hand() == nullptr) {
    const Bytes bytes(response);
    const std::span<std::byte> room = claim_answer(self, bytes.get().size());
    copy(self, room.data(), bytes.get());
  } else {
    // It may be a view of the request, which goes first.
    std::vector<std::byte> kept;
    {
      const Bytes bytes(response);
      kept.assign(bytes.get().begin(), bytes.get().end());
    }
    const std::span<std::byte> room = claim_answer(self, kept.size());
    copy(self, room.data(), kept);
  }
  self.end().respond();
}

Found request(OwnServer& self, Timeout timeout) {
  return self.wait(timeout, [&](Timeout slice) { return self.end().request_for(slice); });
}

py::object receive_request(OwnServer& self, Timeout timeout) {
  self.check_empty_handed();
  const Found found = request(self, timeout);
  return found ? bytes_from(self, *found) : py::none();
}

// Without the GIL: the client may be another thread's.
bool send_part(TakenRequest& self, std::span<const std::byte> part, Timeout timeout) {
  const SteadyTime end = end_of(timeout);
  for (Timeout left = timeout;; left = left_until(end)) {
    Result<bool> sent = [&] {
      const NoGil released;
      return self.send(part, std::min(left, kSlice));
    }();
    if (value_or_raise(std::move(sent))) return true;
    if (left <= kSlice) return false;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

void respond_later(TakenRequest& self, const py::object& response) {
  const Bytes bytes(response);
  const bool in_parts = self.request().data() == nullptr;
  if (!in_parts) return value_or_raise(self.respond(bytes.get()));
  (void)send_part(self, bytes.get(), kForever);
  value_or_raise(self.finish());
}

// A request that is answered later: it outlives its end, and takes no turn with it.
void bind_taken(py::module_& module) {
  py::class_<TakenRequest>(module, "TakenRequest",
                           "A request that is answered later, in any order and by any thread. "
                           "Unanswered it is dropped at the end of a\nwith statement, or when it "
                           "goes: the client's exception is DroppedError.")
      .def_property_readonly(
          "request",
          [](const TakenRequest& self) {
            const std::span<const std::byte> bytes = self.request();
            return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          "The request as bytes; empty, once it is answered.")
      .def_property_readonly("client", &TakenRequest::client, "As Server.client.")
      .def("is_cancelled", &TakenRequest::is_cancelled,
           "Whether no process waits for the answer any more: the client has given up or died, the "
           "server is closed,\nor it was answered. A death is seen by a server that waits for "
           "requests. Raises: nothing.")
      .def("respond", &respond_later, py::arg("response"),
           "Answers it with a bytes-like object; after send() with a last part.\n\nRaises: "
           "TooLargeError, which leaves it as it was; InvalidArgumentError (it was answered or "
           "dropped);\nClosedError (the server was closed meanwhile, or this is a child of fork); "
           "DroppedError (the client gave up\nafter a part).")
      .def(
          "send",
          [](TakenRequest& self, const py::object& part, const py::object& timeout) {
            const Bytes bytes(part);
            return send_part(self, bytes.get(), timeout_of(timeout));
          },
          py::arg("part"), py::arg("timeout") = py::none(),
          "A part of the answer, a bytes-like object: the call goes on. Waits until the client has "
          "asked for more than the\npart before. False: the time is up, and it was not sent. After "
          "it `request` is empty.\n\nRaises: DroppedError (the client gave up or died); as "
          "respond(). All but TooLargeError end the call.")
      .def(
          "finish", [](TakenRequest& self) { value_or_raise(self.finish()); },
          "Ends the call with what was sent.\n\nRaises: as respond(), but TooLargeError.")
      .def("drop", &TakenRequest::drop,
           "Ends the call without an answer. Nothing happens if it was answered. Raises: nothing.")
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](TakenRequest& self, const py::args& /*raised*/) { self.drop(); });
}

std::uint64_t serve(OwnServer& self, const py::object& function, const py::object& limit,
                    const py::object& timeout) {
  const std::uint64_t most = limit.is_none() ? UINT64_MAX : limit.cast<std::uint64_t>();
  const Timeout longest = timeout_of(timeout);
  for (std::uint64_t served = 0; served < most; ++served) {
    const py::object asked = receive_request(self, longest);
    if (asked.is_none()) return served;
    respond(self, function(asked));
  }
  return most;
}

}  // namespace

void bind_service(py::module_& module) {
  bind_client(module);
  bind_taken(module);

  py::class_<OwnServer, Handle> server(module, "Server", "The end that answers.");
  def_create<Server, ServiceOptions>(server);
  def_open<Server>(server);
  def_common<Server>(server);
  server
      .def(
          "request",
          [](const py::object& self, const py::object& timeout) -> py::object {
            auto& own = self.cast<OwnServer&>();
            own.check();
            if (own.in_hand() != nullptr) {
              return py::cast(static_cast<Message*>(own.in_hand()),
                              py::return_value_policy::reference);
            }
            const Found found = request(own, timeout_of(timeout));
            if (!found) return py::none();
            return py::cast(std::make_unique<Message>(self, own, *found));
          },
          py::arg("timeout") = py::none(),
          "The next request where it stands: `with server.request() as view`; respond() gives it "
          "back, and until then\nthe same one comes again. None: the time is up.\n\n"
          "Raises: EndClosedError, ForkError, InUseError.")
      .def(
          "receive",
          [](OwnServer& self, const py::object& timeout) {
            return receive_request(self, timeout_of(timeout));
          },
          py::arg("timeout") = py::none(),
          "The next request as bytes, to be answered by respond(). None: the time is up.\n\n"
          "Raises: as request().")
      .def(
          "take",
          [](OwnServer& self, const py::object& timeout) -> py::object {
            self.check_empty_handed();
            auto taken = self.wait(timeout_of(timeout),
                                   [&](Timeout slice) { return self.end().take_for(slice); });
            if (!taken) return py::none();
            return py::cast(std::move(*taken));
          },
          py::arg("timeout") = py::none(),
          "The next request, to be answered later: a TakenRequest; the next one is another. None: "
          "the time is up.\n\nRaises: EndClosedError, ForkError, InUseError.")
      .def("respond", &respond, py::arg("response"),
           "Answers the request with a bytes-like object; one of the request's own views is taken, "
           "too.\n\nRaises: TooLargeError, InvalidArgumentError (nothing was asked), "
           "ViewsError, EndClosedError,\nForkError, InUseError.")
      .def(
          "loan",
          [](const py::object& self, std::size_t size_bytes) {
            auto& own = self.cast<OwnServer&>();
            own.check();
            const std::span<std::byte> room = claim_answer(own, size_bytes);
            return std::make_unique<Loan>(self, own, room);
          },
          py::arg("size_bytes"),
          "Room for the answer, uninitialised: `with server.loan(n) as view`. The request's views "
          "are taken away first.\n\nRaises: as respond().")
      .def("serve", &serve, py::arg("function"), py::arg("limit") = py::none(),
           py::arg("timeout") = py::none(),
           "Answers requests with function(bytes) as they come, up to limit of them (None: for "
           "ever). Returns how many,\nfewer if none came within timeout. What function raises "
           "comes out, and the request comes again.\n\nRaises: as respond().")
      .def(
          "is_cancelled",
          [](OwnServer& self) {
            self.check();
            return self.end().is_cancelled();
          },
          "Whether the client has given up the request that is being served: no process waits for "
          "its answer.\n\nRaises: EndClosedError, ForkError, InUseError.")
      .def_property_readonly(
          "client",
          [](OwnServer& self) {
            self.check();
            return self.end().client();
          },
          "Whose the request is: a number below the service's `clients`.")
      .def_property_readonly("corrupt_lines", [](OwnServer& self) {
        self.check();
        return self.end().corrupt_lines();
      });
}

}  // namespace ringbell::python
