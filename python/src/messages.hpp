// How messages go through an end in Python: copied, or where they stand.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <ringbell/transport/ends/message_size.hpp>

#include "python/src/end_of.hpp"
#include "python/src/in_hand.hpp"

namespace ringbell::python {

template <class E, class Class>
void def_send(Class& end, const char* name) {
  end.def(
      name,
      [](EndOf<E>& self, const py::object& message, const py::object& timeout) {
        self.check_empty_handed();
        const Bytes bytes(message);
        return self.wait(
            timeout_of(timeout),
            [&](Timeout slice) {
              if constexpr (requires { self.end().publish(bytes.get(), slice); }) {
                return self.end().publish(bytes.get(), slice);
              } else {
                return self.end().send(bytes.get(), slice);
              }
            },
            bytes.get().size() >= kLongBytes);
      },
      py::arg("message"), py::arg("timeout") = py::none(),
      "Copies a bytes-like object in, C-contiguous. False: the time is up (seconds; None: for "
      "ever, "
      "0: do not wait).\n\nRaises: TooLargeError, InvalidArgumentError, ClosedError, "
      "PeerDeadError, CorruptError, EndClosedError,\nForkError, InUseError.");
  if constexpr (requires(E & e) { e.set_source(0U); }) {
    end.def(
        "set_source",
        [](EndOf<E>& self, std::uint32_t source) {
          self.check();
          self.end().set_source(source);
        },
        py::arg("source"),
        "What this end calls itself in the user_header of its messages from now on; at first the "
        "process id.\n\nRaises: EndClosedError, ForkError, InUseError.");
  }
}

template <class E, class Class>
void def_loan(Class& end) {
  const auto loan = [](const py::object& self, std::size_t size_bytes, const py::object& timeout) {
    auto& own = self.cast<EndOf<E>&>();
    own.check_empty_handed();
    const Room room = own.wait(timeout_of(timeout), [&](Timeout slice) {
      if constexpr (ClaimsBySize<E>) {
        return own.end().claim_for(size_bytes, slice);
      } else {
        return own.end().claim_for(slice);
      }
    });
    return room ? std::make_unique<Loan>(self, own, room->first(size_bytes)) : nullptr;
  };
  constexpr const char* kDoc =
      "Room for a message of size_bytes in the ring itself, uninitialised: `with end.loan(n) as "
      "view`. None: the time\nis up.\n\nRaises: TooLargeError, InvalidArgumentError, ClosedError, "
      "PeerDeadError, CorruptError, EndClosedError, ForkError,\nInUseError.";
  if constexpr (ClaimsBySize<E>) {
    end.def("loan", loan, py::arg("size_bytes"), py::arg("timeout") = py::none(), kDoc);
  } else {
    end.def(
        "loan",
        [loan](const py::object& self, const py::object& size_bytes, const py::object& timeout) {
          auto& own = self.cast<EndOf<E>&>();
          own.check_empty_handed();
          const std::size_t most = most_bytes(own.end());
          const std::size_t size = size_bytes.is_none() ? most : size_bytes.cast<std::size_t>();
          if (!fits(size, most)) {
            raise("too_large", "a message of " + std::to_string(size) +
                                   " bytes; this ring takes up to " + std::to_string(most));
          }
          return loan(self, size, timeout);
        },
        py::arg("size_bytes") = py::none(), py::arg("timeout") = py::none(), kDoc);
  }
}

// The next message as bytes, or nothing.
template <class E>
[[nodiscard]] py::object receive(EndOf<E>& self, Timeout timeout) {
  self.check_empty_handed();
  if constexpr (Peeks<E> && !PeeksPerhaps<E>) {
    const Found found =
        self.wait(timeout, [&](Timeout slice) { return self.end().peek_for(slice); });
    if (!found) return py::none();
    py::object bytes = bytes_from(self, *found);
    (void)self.release();
    return bytes;
  } else {
    const std::span<std::byte> into = self.scratch(most_bytes(self.end()));
    const std::optional<std::size_t> size = self.wait(
        timeout, [&](Timeout slice) { return self.end().receive(into, slice); },
        into.size() >= kLongBytes);
    return size ? bytes_from(self, into.first(*size)) : py::none();
  }
}

// What next() gives; closed is the end of the loop.
template <class Next>
[[nodiscard]] py::object next_or_stop(Next&& next) {
  try {
    return next();
  } catch (py::error_already_set& error) {
    static const py::object& closed =
        *new py::object(py::module_::import("ringbell._errors").attr("ClosedError"));
    if (error.matches(closed)) throw py::stop_iteration();
    throw;
  }
}

template <class E, class Class>
void def_receive(Class& end) {
  using Self = EndOf<E>;
  end.def(
         "receive",
         [](Self& self, const py::object& timeout) { return receive(self, timeout_of(timeout)); },
         py::arg("timeout") = py::none(),
         "The next message, copied out. None: the time is up (seconds; None: for ever, 0: do not "
         "wait).\n\nRaises: ClosedError, PeerDeadError (and nothing is left to read), "
         "CorruptError, "
         "EndClosedError, ForkError,\nInUseError, InvalidArgumentError (a message is in hand).")
      .def(
          "receive_into",
          [](Self& self, const py::object& buffer, const py::object& timeout) {
            self.check_empty_handed();
            const Bytes into(buffer, true);
            return self.wait(
                timeout_of(timeout),
                [&](Timeout slice) { return self.end().receive(into.get(), slice); },
                into.get().size() >= kLongBytes);
          },
          py::arg("buffer"), py::arg("timeout") = py::none(),
          "Copies the next message to the start of a writable buffer and returns its size. None: "
          "the time is up.\n\nRaises: TooLargeError if the buffer is too small (the message "
          "stays; a Subscriber wants max_message_bytes:\nInvalidArgumentError); as receive().")
      .def("__iter__", [](const py::object& self) { return self; })
      .def("__next__",
           [](Self& self) { return next_or_stop([&] { return receive(self, kForever); }); });
  if constexpr (Peeks<E>) {
    const auto peek = [](const py::object& self, const py::object& timeout, auto&& look) {
      auto& own = self.cast<Self&>();
      own.check();
      if (own.in_hand() != nullptr) {
        return py::cast(static_cast<Message*>(own.in_hand()), py::return_value_policy::reference);
      }
      const Found found =
          own.wait(timeout_of(timeout), [&](Timeout slice) { return look(own.end(), slice); });
      if (!found) return py::object(py::none());
      return py::cast(std::make_unique<Message>(self, own, *found));
    };
    end.def(
        "peek",
        [peek](const py::object& self, const py::object& timeout) {
          return peek(self, timeout, [](E& e, Timeout slice) { return e.peek_for(slice); });
        },
        py::arg("timeout") = py::none(),
        "The next message where it stands: `with end.peek() as view`. The same one until it is "
        "given back. None: the\ntime is up.\n\nRaises: as receive().");
    if constexpr (requires(E & e) { e.peek_newest_for(Timeout{}); }) {
      end.def(
          "peek_newest",
          [peek](const py::object& self, const py::object& timeout) {
            return peek(self, timeout,
                        [](E& e, Timeout slice) { return e.peek_newest_for(slice); });
          },
          py::arg("timeout") = py::none(),
          "The newest message that is there; all older ones are given back. Otherwise as peek(), "
          "and if one is in hand it is that one.\n\nRaises: as receive().");
    }
    if constexpr (requires(E & e) { e.peek_fresh_for(Timeout{}, Timeout{}); }) {
      end.def(
          "peek_fresh",
          [peek](const py::object& self, const py::object& time_to_live,
                 const py::object& timeout) {
            const Timeout to_live = timeout_of(time_to_live);
            return peek(self, timeout, [to_live](E& e, Timeout slice) {
              return e.peek_fresh_for(to_live, slice);
            });
          },
          py::arg("time_to_live"), py::arg("timeout") = py::none(),
          "The next message that was sent no longer ago than that (seconds); older ones are given "
          "back, and counted in\n`expired`. Otherwise as peek(), and if one is in hand it is that "
          "one.\n\nRaises: InvalidArgumentError (the channel was made without timed=True); as "
          "receive().");
    }
  }
}

}  // namespace ringbell::python
