// Records that are known to be whole after a power cut, in a channel that stands in a file.
#pragma once

#include <pybind11/pybind11.h>

#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

#include "python/src/end_of.hpp"

namespace ringbell::python {

void def_sealed(py::class_<EndOf<Sender>, Handle>& sender,
                py::class_<EndOf<Receiver>, Handle>& receiver);
// recover().
void bind_sealed(py::module_& module);

}  // namespace ringbell::python
