// What every end has in Python, however its messages go: ways to open it, and what loops need.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pybind11/pybind11.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/typed/end.hpp>

#include "python/src/end_of.hpp"
#include "python/src/handle.hpp"
#include "python/src/options.hpp"
#include "python/src/production.hpp"
#include "python/src/ring.hpp"

namespace ringbell::python {

// Tries in slices until there is what is waited for, so that Ctrl-C ends it. An Error other than
// "not there in time" is raised at once.
template <class Open>
[[nodiscard]] auto open_in_slices(Timeout timeout, Open&& open) {
  const SteadyTime end = end_of(timeout);
  for (;;) {
    const Timeout left = left_until(end);
    auto opened = [&] {
      const NoGil no_gil;
      return open(std::min(left, kSlice));
    }();
    const bool later = !opened && opened.error().code == ErrorCode::not_found && left > kSlice;
    if (!later) return value_or_raise(std::move(opened));
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

template <class E>
[[nodiscard]] auto own(Result<E> end) {
  return std::make_unique<EndOf<E>>(value_or_raise(std::move(end)));
}

// Of an end that is opened: what it asks of the region. None: nothing.
[[nodiscard]] inline core::TypeRecord type_or_none(const core::TypeRecord* type) noexcept {
  return type != nullptr ? *type : core::TypeRecord{};
}
inline void check_type_of(const Ring& ring, const core::TypeRecord* type) {
  if (type != nullptr) value_or_raise(check_type(ring.region(), *type));
}

inline constexpr double kOpenSeconds = std::chrono::duration<double>(kOpenTimeout).count();

template <class E, class Class>
void def_open(Class& end) {
  end.def_static(
      "open",
      [](Ring& ring, const WaitOptions& wait, const core::TypeRecord* type) {
        check_type_of(ring, type);
        return own(ring.open<E>(wait));
      },
      py::arg("ring"), py::kw_only(), py::arg("wait") = WaitOptions{},
      py::arg("type") = py::none());
  end.def_static(
      "open",
      [](const std::string& name, const py::object& timeout, const WaitOptions& wait,
         const core::TypeRecord* type) {
        return std::make_unique<EndOf<E>>(open_in_slices(timeout_of(timeout), [&](Timeout slice) {
          return E::open(name, slice, wait, type_or_none(type));
        }));
      },
      py::arg("name"), py::arg("timeout") = kOpenSeconds, py::kw_only(),
      py::arg("wait") = WaitOptions{}, py::arg("type") = py::none(),
      "By name, waiting for the other side (timeout in seconds, None: for ever), or on a Ring.\n\n"
      "Raises: NotFoundError (the time is up), BusyError, NotARegionError, VersionMismatchError, "
      "CorruptError,\nNotPermittedError, SystemCallError.");
}

template <class E, class Options, class Class>
void def_create(Class& end) {
  end.def_static(
      "create",
      [](const std::string& name, py::kwargs kwargs) {
        Keywords given(std::move(kwargs));
        WaitOptions wait;
        given.take("wait", wait);
        auto options = options_of<Options>(given);
        if constexpr (requires { options.replace; }) given.take("replace", options.replace);
        given.finish();
        return own(made_unless_signalled(options, [&] { return E::create(name, options, wait); }));
      },
      ("Makes the ring of this name, or goes on with what is there with these options.\n\n" +
       options_text<Options>() +
       " wait=Wait().\n\nRaises: BusyError, InvalidArgumentError, NoSpaceError, NotARegionError, "
       "NotPermittedError, SystemCallError;\nTypeError for an option that is not there.")
          .c_str());
}

inline const char* name_of(PeerState state) noexcept {
  switch (state) {
    case PeerState::absent:
      return "absent";
    case PeerState::alive:
      return "alive";
    case PeerState::closed:
      return "closed";
    case PeerState::dead:
      return "dead";
  }
  return "absent";
}

template <class E, class Class>
void def_common(Class& end) {
  using Self = EndOf<E>;
  end.def("close", &Handle::close,
          "Closes the end in order. What the other side finds is said of its calls. Twice is "
          "nothing.\n\nRaises: ViewsError, if something still looks at a message in hand.")
      .def(
          "interrupt",
          [](Self& self) {
            if (!self.is_closed()) self.interrupt();
          },
          "Ends the wait under way in another thread, or the next one, with CancelledError; the "
          "end "
          "is as good as before.\nNothing happens if it is closed. Raises nothing.")
      .def_property_readonly("closed", &Handle::is_closed)
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](Self& self, const py::args&) { self.close(); })
      .def_property_readonly("stats",
                             [](Self& self) {
                               self.check();
                               return self.end().stats();
                             })
      .def(
          "waitable_fd",
          [](Self& self) {
            self.check();
            return value_or_raise(self.end().waitable_fd());
          },
          "A descriptor that is readable once the other side has rung, for event loops; sleep on "
          "it only after arm().\n\nRaises: UnsupportedError, SystemCallError.");
  end.def_property_readonly(
      "message_type",
      [](Self& self) -> py::object {
        self.check();
        const core::TypeRecord& type = typed::region_of(self.end()).type();
        if (type == core::TypeRecord{}) return py::none();
        return py::cast(type);
      },
      "The Type of the ring's messages; None: they are bytes.");
  if constexpr (!std::same_as<E, Collector>) {  // whose lanes only their contributors look at
    constexpr bool kIsState = requires(E & e) { e.max_value_bytes(); };
    end.def_property_readonly(kIsState ? "max_value_bytes" : "max_message_bytes", [](Self& self) {
      self.check();
      return most_bytes(self.end());
    });
  }
  if constexpr (requires(E & e) { e.arm(); }) {
    end.def(
        "arm",
        [](Self& self) {
          self.check_empty_handed();
          return self.end().arm();
        },
        "Announces a sleep. False: do not sleep, look again.");
  } else if constexpr (requires(E & e) { e.arm(std::size_t{}); }) {
    end.def(
        "arm",
        [](Self& self, std::size_t size_bytes) {
          self.check_empty_handed();
          return self.end().arm(size_bytes);
        },
        py::arg("size_bytes"),
        "Announces a sleep until there is room for such a message. False: do not sleep, look "
        "again.");
  }
  if constexpr (requires(E & e) { e.disarm(); }) {
    end.def(
        "disarm",
        [](Self& self) {
          self.check();
          self.end().disarm();
        },
        "Takes arm() back.");
  }
  if constexpr (requires(E & e) { e.sleeping_place(); }) {
    // For ringbell.aio, in a thread of its own, while the end may be used: it touches no more than
    // the word's address. True: rung. The kernel compares the word, mapped or not.
    end.def("_sleep", [](Self& self, const py::object& seconds) {
      self.check();
      const SleepingPlace place = self.end().sleeping_place();
      if (place.kind != core::DoorbellKind::futex) {
        raise("unsupported", "this end never sleeps: it spins, or its ring has no doorbell");
      }
      const auto longest = to_timespec(timeout_of(seconds));
      const NoGil no_gil;
      return ::syscall(SYS_futex, place.word, FUTEX_WAIT, place.parked, &longest, nullptr, 0) ==
                 0 ||
             errno == EAGAIN;
    });
  }
  def_production<E>(end);
  if constexpr (requires(E & e) { e.lag(); }) {
    end.def(
        "lag",
        [](Self& self) {
          self.check();
          return self.end().lag();
        },
        "How far this end is behind: bytes of a channel or collector, messages of a queue or "
        "topic, "
        "open calls of a service.");
  }
  if constexpr (requires(E & e) { e.fill(); }) {
    end.def(
        "fill",
        [](Self& self) {
          self.check();
          return self.end().fill();
        },
        "How full the ring is: bytes of a channel or lane, messages of a queue or lossless topic.");
  }
  if constexpr (requires(E & e) { e.peer(); }) {
    end.def(
        "peer",
        [](Self& self) {
          self.check();
          return name_of(self.end().peer());
        },
        "Whether the other side is there: 'absent', 'alive', 'closed' or 'dead'. A system call.");
  }
  if constexpr (requires(E & e) { e.position(); }) {
    end.def_property_readonly("position", [](Self& self) {
      self.check();
      return self.end().position();
    });
  }
}

}  // namespace ringbell::python
