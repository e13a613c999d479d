// StateWriter and StateReader: the latest value of each key.
#include <ringbell/transport/ends/state.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

using OwnWriter = EndOf<StateWriter>;
using OwnReader = EndOf<StateReader>;

void bind_writer(py::module_& module) {
  py::class_<OwnWriter, Handle> writer(
      module, "StateWriter", "The end that writes a state: the latest value of each key.");
  def_create<StateWriter, StateOptions>(writer);
  writer.def_static(
      "open",
      [](Ring& ring, const WaitOptions& wait, const core::TypeRecord* type) {
        check_type_of(ring, type);
        return own(StateWriter::open(value_or_raise(ring.state(true)), wait));
      },
      py::arg("ring"), py::kw_only(), py::arg("wait") = WaitOptions{}, py::arg("type") = py::none(),
      "On a Ring; only in the process that made it, and once.\n\n"
      "Raises: BusyError, NotPermittedError, NotARegionError, CorruptError, SystemCallError.");
  def_common<StateWriter>(writer);
  writer
      .def(
          "set",
          [](OwnWriter& self, const py::object& value, std::uint32_t key) {
            self.check_empty_handed();
            const Bytes bytes(value);
            if (bytes.get().size() < kLongBytes) {
              value_or_raise(self.end().set(bytes.get(), key));
              return;
            }
            Result<void> done = [&] {
              const Handle::Released released(self);
              return self.end().set(bytes.get(), key);
            }();
            value_or_raise(std::move(done));
          },
          py::arg("value"), py::arg("key") = 0,
          "Copies a bytes-like object in: it is the newest value of its key from now on. Never "
          "waits.\n\nRaises: TooLargeError, InvalidArgumentError (there is no such key), "
          "CorruptError, EndClosedError, ForkError,\nInUseError.")
      .def(
          "loan",
          [](const py::object& self, const py::object& size_bytes, std::uint32_t key) {
            auto& own = self.cast<OwnWriter&>();
            own.check_empty_handed();
            const std::size_t most = own.end().max_value_bytes();
            const std::size_t size = size_bytes.is_none() ? most : size_bytes.cast<std::size_t>();
            if (!fits(size, most)) {
              raise("too_large", "a value of " + std::to_string(size) +
                                     " bytes; this state takes up to " + std::to_string(most));
            }
            if (key >= own.end().keys()) {
              raise("invalid_argument", "there is no key " + std::to_string(key));
            }
            const Room room = own.end().claim(key);
            if (!room) raise("corrupt", "the state's memory holds something impossible");
            return std::make_unique<Loan>(self, own, room->first(size));
          },
          py::arg("size_bytes") = py::none(), py::arg("key") = 0,
          "Room for a value in the state itself, uninitialised: `with writer.loan(n) as view`. "
          "Readers see it at the end\nof the block.\n\nRaises: as set().")
      .def(
          "get",
          [](OwnWriter& self, std::uint32_t key) -> py::object {
            self.check_empty_handed();
            if (key >= self.end().keys()) {
              raise("invalid_argument", "there is no key " + std::to_string(key));
            }
            core::State<>::Reader reader(self.end().region().state_view());
            const std::span<std::byte> into = self.scratch(self.end().max_value_bytes());
            const auto copied = reader.get(key, into);
            return copied ? bytes_from(self, into.first(copied->size_bytes)) : py::none();
          },
          py::arg("key") = 0,
          "What was set last, by this writer or one before it; None: nothing.\n\nRaises: as set().")
      .def(
          "number",
          [](OwnWriter& self, std::uint32_t key) {
            self.check();
            return self.end().number(key);
          },
          py::arg("key") = 0, "How often the key was set, by this writer and those before it.")
      .def_property_readonly("keys", [](OwnWriter& self) {
        self.check();
        return self.end().keys();
      });
}

// The newest value as bytes, or nothing.
py::object get(OwnReader& self, std::uint32_t key) {
  self.check_empty_handed();
  const std::span<std::byte> into = self.scratch(self.end().max_value_bytes());
  Result<std::optional<std::size_t>> size = [&] {
    if (into.size() < kLongBytes) return self.end().get(into, key);
    const Handle::Released released(self);
    return self.end().get(into, key);
  }();
  const std::optional<std::size_t> found = value_or_raise(std::move(size));
  return found ? bytes_from(self, into.first(*found)) : py::none();
}

bool wait_changed(OwnReader& self, Timeout timeout, std::uint32_t key) {
  self.check_empty_handed();
  return self.wait(timeout, [&](Timeout slice) { return self.end().wait_changed(slice, key); });
}

void bind_reader(py::module_& module) {
  py::class_<OwnReader, Handle> reader(
      module, "StateReader",
      "An end that reads a state: the newest value, whole, and never one older than it had.");
  reader.def_static(
      "open",
      [](Ring& ring, const WaitOptions& wait, const core::TypeRecord* type) {
        check_type_of(ring, type);
        return own(StateReader::open(value_or_raise(ring.state(false)), wait));
      },
      py::arg("ring"), py::kw_only(), py::arg("wait") = WaitOptions{},
      py::arg("type") = py::none());
  reader.def_static(
      "open",
      [](const std::string& name, const py::object& timeout, const WaitOptions& wait,
         const core::TypeRecord* type) {
        return std::make_unique<OwnReader>(open_in_slices(timeout_of(timeout), [&](Timeout slice) {
          return StateReader::open(name, slice, wait, type_or_none(type));
        }));
      },
      py::arg("name"), py::arg("timeout") = kOpenSeconds, py::kw_only(),
      py::arg("wait") = WaitOptions{}, py::arg("type") = py::none(),
      "By name, waiting for the writer (timeout in seconds, None: for ever), or on a Ring.\n\n"
      "Raises: NotFoundError (the time is up), OtherRingError, NotARegionError, SystemCallError.");
  def_common<StateReader>(reader);
  reader
      .def("get", &get, py::arg("key") = 0,
           "A copy of the newest value; None: there is none yet. Never waits.\n\nRaises: "
           "InvalidArgumentError (there is no such key), TimedOutError (the writer overtook it "
           "again and again),\nCorruptError, EndClosedError, ForkError, InUseError.")
      .def(
          "get_into",
          [](OwnReader& self, const py::object& buffer, std::uint32_t key) {
            self.check_empty_handed();
            const Bytes into(buffer, true);
            Result<std::optional<std::size_t>> size = [&] {
              const Handle::Released released(self);
              return self.end().get(into.get(), key);
            }();
            return value_or_raise(std::move(size));
          },
          py::arg("buffer"), py::arg("key") = 0,
          "The same, to the start of a writable buffer of max_value_bytes or more: its size.\n\n"
          "Raises: InvalidArgumentError, if the buffer is shorter; as get().")
      .def(
          "look",
          [](const py::object& self, std::uint32_t key) -> py::object {
            auto& own = self.cast<OwnReader&>();
            own.check_empty_handed();
            const Found found = value_or_raise(own.end().look(key));
            if (!found) return py::none();
            return py::cast(std::make_unique<Message>(self, own, *found));
          },
          py::arg("key") = 0,
          "The newest value where it stands: `with reader.look() as view`. It stays as it is until "
          "it is given back. None:\nthere is none yet.\n\nRaises: NoPlaceError, if as many look as "
          "the state's `readers_in_place`; as get().")
      .def(
          "changed",
          [](OwnReader& self, std::uint32_t key) {
            self.check();
            return self.end().changed(key);
          },
          py::arg("key") = 0, "Whether there is a newer value than this one has had of this key.")
      .def(
          "wait_changed",
          [](OwnReader& self, const py::object& timeout, std::uint32_t key) {
            return wait_changed(self, timeout_of(timeout), key);
          },
          py::arg("timeout") = py::none(), py::arg("key") = 0,
          "Waits until changed(). False: the time is up.\n\nRaises: ClosedError, PeerDeadError: "
          "nothing newer will come, what there is can be read all the same;\n"
          "InvalidArgumentError, EndClosedError, ForkError, InUseError.")
      .def(
          "wait_any_changed",
          [](OwnReader& self, const py::object& timeout) {
            self.check_empty_handed();
            return self.wait(timeout_of(timeout),
                             [&](Timeout slice) { return self.end().wait_any_changed(slice); });
          },
          py::arg("timeout") = py::none(), "The same for all keys.\n\nRaises: as wait_changed().")
      .def(
          "number",
          [](OwnReader& self, std::uint32_t key) {
            self.check();
            return self.end().number(key);
          },
          py::arg("key") = 0, "Which value of the key this one has had last, from 1 on; 0: none.")
      .def_property_readonly("keys",
                             [](OwnReader& self) {
                               self.check();
                               return self.end().keys();
                             })
      .def("__iter__", [](const py::object& self) { return self; })
      .def("__next__", [](OwnReader& self) {
        return next_or_stop([&] {
          wait_changed(self, kForever, 0);
          return get(self, 0);
        });
      });
}

}  // namespace

void bind_state(py::module_& module) {
  bind_writer(module);
  bind_reader(module);
}

}  // namespace ringbell::python
