// What ends tell and take in operation: whether a name still leads to its ring, and whether a
// message is sent without a living reader.
#pragma once

#include <pybind11/pybind11.h>

#include "python/src/end_of.hpp"

namespace ringbell::python {

template <class E, class Class>
void def_production(Class& end) {
  using Self = EndOf<E>;
  end.def(
      "name_lost",
      [](Self& self) {
        self.check();
        return self.end().name_lost();
      },
      "Whether the name by which this end was opened leads to this ring no more: its file was "
      "removed, renamed or\nreplaced by hand. Close the end then, and open it anew. False without "
      "a name. Some system calls: for a timer.");
  if constexpr (requires(E & e) { e.require_reader(true); }) {
    end.def(
        "require_reader",
        [](Self& self, bool required) {
          self.check();
          self.end().require_reader(required);
        },
        py::arg("required") = true,
        "From now on nothing is sent unless a reader lives: ClosedError, PeerDeadError or "
        "NoReaderError at once.\nA system call for each message.");
  }
}

}  // namespace ringbell::python
