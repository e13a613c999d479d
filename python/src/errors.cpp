#include "python/src/errors.hpp"

namespace ringbell::python {

namespace py = pybind11;

const char* name_of(Fate fate) noexcept {
  switch (fate) {
    case Fate::none:
      return "none";
    case Fate::withdrawn:
      return "withdrawn";
    case Fate::maybe_served:
      return "maybe_served";
    case Fate::served:
      return "served";
  }
  return "none";
}

namespace {

py::object make(std::string_view code, const std::string& message, int errno_value, Fate fate) {
  return py::module_::import("ringbell._errors")
      .attr("make")(py::str(code.data(), code.size()), message, errno_value, name_of(fate));
}

}  // namespace

py::object exception_of(const Error& error) {
  return make(name_of(error.code), error.message, error.errno_value, error.fate);
}

void raise(std::string_view code, const std::string& message, int errno_value, Fate fate) {
  const py::object error = make(code, message, errno_value, fate);
  PyErr_SetObject(py::type::of(error).ptr(), error.ptr());
  throw py::error_already_set();
}

void raise(const Error& error) {
  raise(name_of(error.code), error.message, error.errno_value, error.fate);
}

}  // namespace ringbell::python
