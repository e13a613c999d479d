// Listener, connect() and Connection: processes that find each other over a UNIX socket, and hand
// each other the channels through it.
//
// Invariants
//   I1  A connection's ends are ends like all others. It keeps them, and closes them before its
//       socket: a peer that finds the socket hung up finds closed ends.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

#include <pybind11/stl.h>

#include <ringbell/transport/connect/connection.hpp>
#include <ringbell/transport/connect/listener.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

class OwnConnection final : public Handle {
 public:
  explicit OwnConnection(Connection made)
      : peer_(made.peer),
        socket_(std::move(made.socket)),
        sender_(py::cast(std::make_unique<EndOf<Sender>>(std::move(made.sender)))),
        receiver_(py::cast(std::make_unique<EndOf<Receiver>>(std::move(made.receiver)))) {}

  [[nodiscard]] const Peer& peer() const noexcept { return peer_; }
  [[nodiscard]] const py::object& sender() const noexcept { return sender_; }
  [[nodiscard]] const py::object& receiver() const noexcept { return receiver_; }
  // REQUIRES, of both: check().
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] bool peer_is_gone() const noexcept {
    return unix_socket::is_hung_up(socket_.get());
  }

  void close_all() {
    if (is_closed()) return;
    sender_.cast<Handle&>().close();
    receiver_.cast<Handle&>().close();
    close();
  }
  void interrupt() noexcept override {}  // nothing of it waits but its ends

 protected:
  void drop() noexcept override { const FileDescriptor dropped = std::move(socket_); }

 private:
  Peer peer_;
  FileDescriptor socket_;
  py::object sender_;
  py::object receiver_;
};

class OwnListener final : public Handle {
 public:
  explicit OwnListener(Listener listener) : listener_(std::move(listener)) {}

  // REQUIRES: check().
  [[nodiscard]] Listener& listener() noexcept { return *listener_; }

  void interrupt() noexcept override { interrupted_.store(true, std::memory_order_relaxed); }

  // What the listener makes takes memory, so each try is made without the GIL.
  [[nodiscard]] std::unique_ptr<OwnConnection> accept(Timeout timeout) {
    check();
    std::optional<Connection> made = wait(
        timeout,
        [&](Timeout slice) -> Result<std::optional<Connection>> {
          Result<std::optional<Connection>> found = listener_->accept(slice);
          if (!found || *found || slice == Timeout::zero()) return found;
          if (!interrupted_.exchange(false, std::memory_order_relaxed)) return found;
          return fail(ErrorCode::cancelled, "accept() was interrupted");
        },
        true);
    return made ? std::make_unique<OwnConnection>(std::move(*made)) : nullptr;
  }

 protected:
  void drop() noexcept override { listener_.reset(); }

 private:
  std::optional<Listener> listener_;
  std::atomic<bool> interrupted_ = false;  // relaxed: nothing is read by it
};

std::unique_ptr<OwnListener> open_listener(const std::string& name, py::kwargs kwargs) {
  Keywords given(std::move(kwargs));
  ListenerOptions options;
  given.take("place", options.place);
  given.take("also_allowed", options.also_allowed);
  given.take("doorbell", options.doorbell);
  given.take("insists_on_doorbell", options.insists_on_doorbell);
  given.take("handshake_timeout", options.handshake_timeout);
  given.take("wait", options.wait);
  options.channel = options_of<ChannelOptions>(given);
  given.finish();
  Result<Listener> made = [&] {
    const NoGil no_gil;
    return Listener::open(name, std::move(options));
  }();
  return std::make_unique<OwnListener>(value_or_raise(std::move(made)));
}

// Signals come to the main thread alone; a daemon thread may not take the GIL amid a call, when the
// interpreter ends.
std::function<bool()> unless_signalled() {
  if (::gettid() != ::getpid()) return {};
  return [] {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  };
}

std::unique_ptr<OwnConnection> connect_to(const std::string& name, const py::object& timeout,
                                          py::kwargs kwargs) {
  Keywords given(std::move(kwargs));
  ConnectOptions options{.timeout = timeout_of(timeout), .give_up = unless_signalled()};
  core::TypeRecord type{};
  given.take("place", options.place);
  given.take("listener_uid", options.listener_uid);
  given.take("doorbell", options.doorbell);
  given.take("wait", options.wait);
  given.take("type", type);
  given.finish();
  Result<Connection> made = [&] {
    const NoGil no_gil;
    return ringbell::connect(name, options);
  }();
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  Connection connection = value_or_raise(std::move(made));
  value_or_raise(check_type(typed::region_of(connection.sender), type));
  value_or_raise(check_type(typed::region_of(connection.receiver), type));
  return std::make_unique<OwnConnection>(std::move(connection));
}

void bind_connection(py::module_& module) {
  py::class_<OwnConnection>(
      module, "Connection",
      "A channel each way with a peer that was found by name: `sender` and `receiver` are ends "
      "like all others, closed with it.\nWithout it they live on.")
      .def_property_readonly("sender", &OwnConnection::sender)
      .def_property_readonly("receiver", &OwnConnection::receiver)
      .def_property_readonly(
          "peer_pid", [](const OwnConnection& self) { return self.peer().pid; },
          "The process at the other end, as the kernel tells, for people; 0 if this one cannot see "
          "its pid namespace.")
      .def_property_readonly(
          "peer_uid", [](const OwnConnection& self) { return self.peer().uid; }, "Its user.")
      .def_property_readonly(
          "peer_gid", [](const OwnConnection& self) { return self.peer().gid; }, "Its group.")
      .def(
          "peer_is_gone",
          [](OwnConnection& self) {
            self.check();
            return self.peer_is_gone();
          },
          "Whether nothing of the peer is left: it has closed, or is dead. A system call.\n\n"
          "Raises: EndClosedError, ForkError.")
      .def(
          "fileno",
          [](OwnConnection& self) {
            self.check();
            return self.fd();
          },
          "A descriptor that becomes readable, and hangs up (POLLHUP), once nothing of the peer is "
          "left, for event loops.\nNothing travels on it; it stays the connection's.\n\nRaises: "
          "EndClosedError, ForkError.")
      .def("close", &OwnConnection::close_all,
           "Closes both ends in order. Twice is nothing.\n\nRaises: ViewsError, if something still "
           "looks at a message in hand.")
      .def_property_readonly("closed", [](const OwnConnection& self) { return self.is_closed(); })
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](OwnConnection& self, const py::args&) { self.close_all(); });
  module.def(
      "connect", &connect_to, py::arg("name"), py::arg("timeout") = kOpenSeconds,
      "A Connection with the Listener of this name, waiting until there is one and it accepts "
      "(timeout in seconds, None:\nfor ever).\n\nOptions: place='folder' ('group': in the folder "
      "of RINGBELL_DIR, which a group shares, 'abstract': a name in the\nkernel), "
      "listener_uid=None (this user), doorbell=None (as the listener likes; 'futex', 'eventfd', "
      "'none'), type=None\n(a Type), wait=Wait().\n\nRaises: NotFoundError (no listener came in "
      "time), TimedOutError (it did not answer), NotPermittedError,\nUnsupportedError, "
      "VersionMismatchError, OtherRingError, PeerDeadError, NoSpaceError, CorruptError, "
      "InvalidArgumentError,\nSystemCallError.");
}

void bind_listener(py::module_& module) {
  py::class_<OwnListener>(
      module, "Listener",
      "Waits for peers that connect() to its name, and makes a channel each way with each: for "
      "processes that share no folder\nof rings, or not all of a user's. The memory goes over as "
      "descriptors, so no other process can open it.")
      .def_static(
          "open", &open_listener, py::arg("name"),
          ("Takes the name; a dead listener's is taken over.\n\nOptions: place='folder' ('group': "
           "in the folder of RINGBELL_DIR, which a group shares, 'abstract': a name in the\n"
           "kernel), also_allowed=() (users, by number), doorbell=None ('eventfd' with this user, "
           "'futex' with others),\ninsists_on_doorbell=False, handshake_timeout=1.0, "
           "wait=Wait();\nof each channel "
           "capacity_bytes=" +
           std::to_string(ChannelOptions{}.capacity_bytes) +
           ", record_alignment=8,\npayload_alignment=8 (up to 64), timed=False, huge_pages='never' "
           "('prefer', 'require'), prefault=True, "
           "lock_memory=False,\nin_core_dumps=False, numa_node=None, type=None (a "
           "Type).\n\nRaises: BusyError (a "
           "living process has the name), InvalidArgumentError, NotPermittedError, "
           "SystemCallError;\nTypeError for an option that is not there.")
              .c_str())
      .def(
          "accept",
          [](OwnListener& self, const py::object& timeout) {
            return self.accept(timeout_of(timeout));
          },
          py::arg("timeout") = py::none(),
          "A Connection with the next peer that has connected. None: the time is up (seconds; "
          "None: for ever, 0: do not wait).\nA peer that is refused is no exception: `refused`, "
          "`last_refusal`.\n\nRaises: CancelledError, by interrupt(); NoSpaceError, "
          "SystemCallError (no memory or no descriptor for a new peer),\nEndClosedError, "
          "ForkError, InUseError.")
      .def(
          "fileno",
          [](OwnListener& self) {
            self.check();
            return self.listener().fd();
          },
          "A descriptor that is readable when accept(0) may have something to do, for event "
          "loops: a peer that wants to come, or\nis amid its handshake. It stays the "
          "listener's.\n\nRaises: EndClosedError, ForkError, InUseError.")
      .def(
          "interrupt",
          [](OwnListener& self) {
            if (!self.is_closed()) self.interrupt();
          },
          "Ends the accept() under way in another thread within 50 ms, or the next one that "
          "waits, with CancelledError. Nothing\nhappens if it is closed. Raises nothing.")
      .def(
          "name_lost",
          [](OwnListener& self) {
            self.check();
            return self.listener().name_lost();
          },
          "Whether no connector finds it by its name any more: the socket's file was removed, "
          "renamed or replaced by hand. Some\nsystem calls: for a timer.")
      .def_property_readonly(
          "refused",
          [](OwnListener& self) {
            self.check();
            return self.listener().refused();
          },
          "How many peers were dropped.")
      .def_property_readonly(
          "last_refusal",
          [](OwnListener& self) -> py::object {
            self.check();
            const std::optional<Error>& why = self.listener().last_refusal();
            return why ? exception_of(*why) : py::none();
          },
          "Why the last of them was, as an Error that is not raised; None: none was.")
      .def("close", &Handle::close,
           "Takes the name away; connections live on. Twice is nothing. Raises nothing.")
      .def_property_readonly("closed", [](const OwnListener& self) { return self.is_closed(); })
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](OwnListener& self, const py::args&) { self.close(); });
}

}  // namespace

void bind_connect(py::module_& module) {
  bind_connection(module);
  bind_listener(module);
}

}  // namespace ringbell::python
