// All that a source that binds ends needs, and what each of them does.
#pragma once

#include <pybind11/pybind11.h>

#include "python/src/messages.hpp"
#include "python/src/opening.hpp"

namespace ringbell::python {

void bind_channel(py::module_& module);
void bind_queue(py::module_& module);
void bind_topic(py::module_& module);
void bind_collector(py::module_& module);
void bind_service(py::module_& module);
void bind_state(py::module_& module);
void bind_waitset(py::module_& module);
void bind_connect(py::module_& module);

}  // namespace ringbell::python
