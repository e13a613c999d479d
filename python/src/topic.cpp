// Publisher and Subscriber: one and many, each message for all.
#include <cstdint>
#include <string>
#include <variant>

#include <ringbell/transport/ends/topic.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

// A word, or the position of a subscriber that was there before.
using Start = std::variant<std::uint64_t, std::string>;

Subscriber::Start start_of(const Start& given) {
  if (const auto* position = std::get_if<std::uint64_t>(&given)) {
    return Subscriber::Start::at(*position);
  }
  const auto& word = std::get<std::string>(given);
  if (word == "oldest") return Subscriber::Start::oldest;
  if (word == "newest") return Subscriber::Start::newest;
  raise("invalid_argument",
        "start is '" + word + "'; it is one of 'oldest', 'newest', or a position");
}

// function(view), with the message in hand for as long as it runs.
void show(const py::object& self, std::span<const std::byte> message, const py::object& function) {
  auto& own = self.cast<EndOf<Subscriber>&>();
  const py::object shown = py::cast(std::make_unique<Message>(self, own, message));
  auto& in_hand = shown.cast<Message&>();
  const py::object view = in_hand.view(shown);
  try {
    const Handle::InUse in_use({&own});  // it may not close the end
    (void)function(view);
  } catch (py::error_already_set&) {
    try {
      in_hand.put_down();
    } catch (py::error_already_set&) {  // a part of it is kept: in hand until that goes
    }
    throw;
  }
  in_hand.put_down();
}

py::object read(const py::object& self, const py::object& function, const py::object& timeout) {
  using Seen = Subscriber::Seen;
  auto& own = self.cast<EndOf<Subscriber>&>();
  own.check_empty_handed();
  const bool there = own.wait(timeout_of(timeout),
                              [&](Timeout slice) { return own.end().has_message_for(slice); });
  if (!there) return py::none();
  const Seen seen = value_or_raise(own.end().read(
      [&](std::span<const std::byte> message) { show(self, message, function); }, Timeout::zero()));
  if (seen == Seen::nothing) return py::none();
  return py::bool_(seen == Seen::whole);
}

}  // namespace

void bind_topic(py::module_& module) {
  py::class_<EndOf<Publisher>, Handle> publisher(module, "Publisher",
                                                 "The end that publishes to a topic.");
  def_create<Publisher, TopicOptions>(publisher);
  publisher.def_static(
      "open",
      [](Ring& ring, const WaitOptions& wait, const core::TypeRecord* type) {
        check_type_of(ring, type);
        return own(Publisher::open(value_or_raise(ring.topic(true)), wait));
      },
      py::arg("ring"), py::kw_only(), py::arg("wait") = WaitOptions{}, py::arg("type") = py::none(),
      "On a Ring; of a lossy topic of one publisher only in the process that made it, and once.\n\n"
      "Raises: BusyError, NotPermittedError, NotARegionError, CorruptError, SystemCallError.");
  def_common<Publisher>(publisher);
  def_send<Publisher>(publisher, "publish");
  def_loan<Publisher>(publisher);
  publisher
      .def(
          "subscribers",
          [](EndOf<Publisher>& self) {
            self.check();
            return self.end().subscribers();
          },
          "How many living subscribers there are. Asks the kernel about each.")
      .def(
          "wait_for_subscribers",
          [](EndOf<Publisher>& self, std::uint32_t count, const py::object& timeout) {
            self.check_empty_handed();
            return self.wait(timeout_of(timeout), [&](Timeout slice) {
              return self.end().wait_for_subscribers(count, slice);
            });
          },
          py::arg("count"), py::arg("timeout") = py::none(),
          "Waits until there are as many subscribers. False: the time is up.\n\n"
          "Raises: InvalidArgumentError, if the topic takes fewer; EndClosedError, ForkError, "
          "InUseError.")
      .def(
          "evict",
          [](EndOf<Publisher>& self) {
            self.check();
            return self.end().evict();
          },
          "Evicts subscribers of a lossless topic that died, now, and returns how many.")
      .def_property_readonly("evictions", [](EndOf<Publisher>& self) {
        self.check();
        return self.end().evictions();
      });

  py::class_<EndOf<Subscriber>, Handle> subscriber(module, "Subscriber",
                                                   "An end that reads a topic.");
  subscriber.def_static(
      "open",
      [](Ring& ring, const Start& start, const WaitOptions& wait, const core::TypeRecord* type) {
        check_type_of(ring, type);
        return own(Subscriber::open(value_or_raise(ring.topic(false)), start_of(start), wait));
      },
      py::arg("ring"), py::kw_only(), py::arg("start") = "oldest", py::arg("wait") = WaitOptions{},
      py::arg("type") = py::none());
  subscriber.def_static(
      "open",
      [](const std::string& name, const py::object& timeout, const Start& start,
         const WaitOptions& wait, const core::TypeRecord* type) {
        return std::make_unique<EndOf<Subscriber>>(
            open_in_slices(timeout_of(timeout), [&, from = start_of(start)](Timeout slice) {
              return Subscriber::open(name, from, slice, wait, type_or_none(type));
            }));
      },
      py::arg("name"), py::arg("timeout") = kOpenSeconds, py::kw_only(),
      py::arg("start") = "oldest", py::arg("wait") = WaitOptions{}, py::arg("type") = py::none(),
      "By name, waiting for the publisher (timeout in seconds, None: for ever), or on a Ring. "
      "start: at the 'oldest'\nmessage that is kept, at the 'newest': what is published next, or "
      "where another subscriber was (its `position`).\n\nRaises: NotFoundError (the time is up), "
      "BusyError, NotARegionError, CorruptError, "
      "SystemCallError,\nInvalidArgumentError.");
  def_common<Subscriber>(subscriber);
  def_receive<Subscriber>(subscriber);
  subscriber.def("read", &read, py::arg("function"), py::arg("timeout") = py::none(),
                 "Calls function(view) with the next message where it stands, a read-only "
                 "memoryview that raises afterwards, and says\nwhether it was whole: only then may "
                 "be done what follows from it. In a lossy topic it may be any bytes meanwhile;\n"
                 "False: it was overwritten, and is among `missed`. None: the time is up. What "
                 "function raises comes out, and the\nmessage comes again.\n\n"
                 "Raises: ViewsError, if function keeps a part of the view; as receive().");
  subscriber.def_property_readonly("reads_in_place", [](EndOf<Subscriber>& self) {
    self.check();
    return self.end().reads_in_place();
  });
  subscriber.def_property_readonly(
      "missed",
      [](EndOf<Subscriber>& self) {
        self.check();
        return self.end().missed();
      },
      "How many messages of a lossy topic this one missed since it joined.");
}

}  // namespace ringbell::python
