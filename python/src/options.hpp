// The options of rings and ends, as keyword arguments.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <ringbell/transport/connect/listening_socket.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/state.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/sleep/wait.hpp>

#include "python/src/errors.hpp"
#include "python/src/handle.hpp"

namespace ringbell::python {

namespace py = pybind11;

// Takes the keyword arguments that it knows out of a dictionary. What is left is a TypeError.
class Keywords {
 public:
  explicit Keywords(py::kwargs given) : given_(std::move(given)) {}

  // Raises: TypeError, if it is of another type; InvalidArgumentError, if it does not fit.
  template <class Value>
  void take(const char* name, Value& value) {
    const py::object given = pop(name);
    if (!given) return;
    try {
      value = given.template cast<Value>();
    } catch (const py::cast_error&) {
      refuse(name, given);
    }
  }
  void take(const char* name, core::DoorbellKind& kind);
  void take(const char* name, std::optional<core::DoorbellKind>& kind);
  void take(const char* name, Place& place);
  void take(const char* name, Timeout& seconds);  // or None: for ever
  void take(const char* name, HugePages& pages);
  void take(const char* name, TopicOptions::Policy& policy);
  void take(const char* name, Replace& replace);
  void take(const char* name, core::TypeRecord& type);  // or None

  // Raises: TypeError, if there are others.
  void finish() const;

 private:
  [[nodiscard]] py::object pop(const char* name);
  [[nodiscard]] std::string word(const char* name);
  [[noreturn]] static void refuse(const char* name, const py::object& given);

  py::kwargs given_;
};

void take_options(Keywords& given, ChannelOptions& options);
void take_options(Keywords& given, QueueOptions& options);
void take_options(Keywords& given, TopicOptions& options);
void take_options(Keywords& given, CollectorOptions& options);
void take_options(Keywords& given, ServiceOptions& options);
void take_options(Keywords& given, StateOptions& options);

template <class Options>
[[nodiscard]] Options options_of(Keywords& given) {
  Options options;
  take_options(given, options);
  given.take("doorbell", options.doorbell);
  given.take("huge_pages", options.memory.huge_pages);
  given.take("prefault", options.memory.prefault);
  given.take("lock_memory", options.memory.lock_memory);
  given.take("in_core_dumps", options.memory.in_core_dumps);
  given.take("numa_node", options.memory.numa_node);
  given.take("mode", options.memory.mode);
  given.take("type", options.type);
  if constexpr (requires { options.payload_alignment; }) {  // its messages stand as they must
    if (options.type.alignment > options.payload_alignment) {
      options.payload_alignment = options.type.alignment;
      if constexpr (requires { options.record_alignment; }) {
        options.record_alignment = std::max(options.record_alignment, options.payload_alignment);
      }
    }
  }
  return options;
}

// What make() makes with these options, without the GIL; a signal ends the taking of memory. Raises
// what its handler raises.
template <class Options, class Make>
[[nodiscard]] auto made_unless_signalled(Options& options, Make&& make) {
  options.memory.give_up = [] {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  };
  auto made = [&] {
    const NoGil no_gil;  // touching gigabytes takes a while
    return make();
  }();
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return made;
}

// What options there are and what they are unless given, for the documentation of a call.
[[nodiscard]] std::string text_of(const ChannelOptions& options);
[[nodiscard]] std::string text_of(const QueueOptions& options);
[[nodiscard]] std::string text_of(const TopicOptions& options);
[[nodiscard]] std::string text_of(const CollectorOptions& options);
[[nodiscard]] std::string text_of(const ServiceOptions& options);
[[nodiscard]] std::string text_of(const StateOptions& options);
template <class Options>
[[nodiscard]] std::string options_text() {
  return "Options: " + text_of(Options{}) +
         ";\ndoorbell='futex' ('eventfd', 'none'), huge_pages='never' ('prefer', 'require'), "
         "prefault=True, lock_memory=False, in_core_dumps=False, numa_node=None, "
         "mode=0o600 (0o660: for a group), type=None (a Type).";
}

// The classes Wait and Type.
void bind_options(py::module_& module);

}  // namespace ringbell::python
