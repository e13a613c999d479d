// The extension module ringbell._ringbell: what is C++ of the package.
#include <cstdint>
#include <optional>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <ringbell/transport/names/names.hpp>

#include "python/src/ends.hpp"
#include "python/src/sealed.hpp"

namespace ringbell::python {
namespace {

const char* name_of(names::Kind kind) noexcept {
  switch (kind) {
    case names::Kind::ring:
      return "ring";
    case names::Kind::listener:
      return "listener";
    case names::Kind::unknown:
      return "unknown";
  }
  return "unknown";
}

void bind_names(py::module_& module) {
  py::class_<names::Entry>(module, "Name", "A name that a ring or a listener has.")
      .def_readonly("name", &names::Entry::name)
      .def_property_readonly("kind", [](const names::Entry& entry) { return name_of(entry.kind); })
      .def_readonly("alive", &names::Entry::alive)
      .def_readonly("creator_pid", &names::Entry::creator_pid)
      .def_readonly("size_bytes", &names::Entry::size_bytes)
      .def_readonly("folder", &names::Entry::folder)
      .def_readonly("newer", &names::Entry::newer);
  module.def(
      "names",
      [](std::optional<std::uint32_t> user) {
        return value_or_raise(user ? names::list_of(*user) : names::list());
      },
      py::arg("user") = py::none(),
      "The names that there are, sorted; of another user (by number) for root. `newer`: of a ring "
      "that was set aside, the\nname of those that follow it.\n\nRaises: NotPermittedError, "
      "SystemCallError.");
  module.def(
      "remove_dead", [] { return value_or_raise(names::remove_dead()); },
      "Removes the names in which no process takes part, with what is unread there; returns "
      "them.\n\nRaises: NotPermittedError, SystemCallError.");
}

void bind_handle(py::module_& module) {
  py::class_<Stats>(module, "Stats", "What an end has done in this process since it was opened.")
      .def_readonly("waits", &Stats::waits)
      .def_readonly("sleeps", &Stats::sleeps)
      .def_readonly("rings", &Stats::rings)
      .def_readonly("missed_rings", &Stats::missed_rings);
  py::class_<UserHeader>(module, "UserHeader",
                         "What stands in front of a message of a timed channel or collector.")
      .def_readonly("time_ns", &UserHeader::time_ns,
                    "When its sender began it: time.monotonic_ns().")
      .def_readonly("source", &UserHeader::source,
                    "What its sender calls itself: set_source(); at first the process id.")
      .def_readonly("sequence", &UserHeader::sequence,
                    "Its number among those of that sender: 1, 2 ...; modulo 2**32.");
  py::class_<Handle>(module, "End", "What all ends have in common.");
}

}  // namespace

PYBIND11_MODULE(_ringbell, module) {
  value_or_raise(count_forks());
  module.attr("__version__") = RINGBELL_VERSION;
  bind_options(module);
  bind_handle(module);
  bind_in_hand(module);
  bind_ring(module);
  bind_sealed(module);
  bind_channel(module);
  bind_queue(module);
  bind_topic(module);
  bind_collector(module);
  bind_service(module);
  bind_state(module);
  bind_waitset(module);
  bind_connect(module);
  bind_names(module);
}

}  // namespace ringbell::python
