#include "python/src/sealed.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <ringbell/transport/ends/sealed.hpp>

namespace ringbell::python {
namespace {

struct Recovered {
  std::vector<std::string> records;
  std::uint64_t gaps = 0;
};

Recovered recover(const std::filesystem::path& path) {
  Recovered found;
  Result<sealed::Recovered> done = [&] {
    const NoGil no_gil;
    return sealed::recover(path.string(), [&](std::span<const std::byte> record) {
      found.records.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
    });
  }();
  found.gaps = value_or_raise(std::move(done)).gaps;
  return found;
}

}  // namespace

void def_sealed(py::class_<EndOf<Sender>, Handle>& sender,
                py::class_<EndOf<Receiver>, Handle>& receiver) {
  sender.def(
      "send_sealed",
      [](EndOf<Sender>& self, const py::object& message, const py::object& timeout) {
        self.check_empty_handed();
        const Bytes bytes(message);
        return self.wait(
            timeout_of(timeout),
            [&](Timeout slice) { return sealed::send(self.end(), bytes.get(), slice); },
            bytes.get().size() >= kLongBytes);
      },
      py::arg("message"), py::arg("timeout") = py::none(),
      "As send(), with a seal, by which recover() knows after a power cut that it is "
      "whole.\n\nRaises: InvalidArgumentError (the channel was made without seals=True); as "
      "send().");
  receiver.def(
      "receive_sealed",
      [](EndOf<Receiver>& self, const py::object& timeout) -> py::object {
        self.check_empty_handed();
        const std::span<std::byte> into = self.scratch(self.end().max_record_bytes());
        const std::optional<std::size_t> size = self.wait(
            timeout_of(timeout),
            [&](Timeout slice) { return sealed::receive(self.end(), into, slice); },
            into.size() >= kLongBytes);
        return size ? bytes_from(self, into.first(*size)) : py::none();
      },
      py::arg("timeout") = py::none(),
      "As receive(), and the seal is checked.\n\nRaises: CorruptError (it is broken or missing; "
      "the "
      "message is given back unread, and the next one can be\nreceived), InvalidArgumentError (the "
      "channel was made without seals=True); as receive().");
}

void bind_sealed(py::module_& module) {
  py::class_<Recovered>(module, "Recovered", "What recover() found.")
      .def_property_readonly("records",
                             [](const Recovered& found) {
                               py::list records;
                               for (const std::string& each : found.records) {
                                 records.append(py::bytes(each));
                               }
                               return records;
                             })
      .def_readonly("gaps", &Recovered::gaps);
  module.def(
      "recover", &recover, py::arg("path"),
      "What was sent with a seal into the channel in this file, is whole, and was not given back "
      "as "
      "far as the file\nknows: `records`, in the order in which they were sent, and `gaps`, places "
      "between two of them where something\nis missing. Changes nothing: remove the file after it, "
      "and start anew.\n\nRaises: BusyError (a process has it open), "
      "InvalidArgumentError (it has no seals), NotARegionError,\nVersionMismatchError, "
      "NotPermittedError, SystemCallError.");
}

}  // namespace ringbell::python
