// WaitSet: one wait on any number of ends, descriptors and times.
//
// Invariants
//   I1  An end that is in a set is kept by it, and leaves it before it is closed
//       (Handle::leave_set_).
//   I2  While a set waits, the GIL is not held and the set looks at its ends: each of them is in
//       use.
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <poll.h>

#include <pybind11/stl.h>

#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/state.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/waitset/wait_set.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {
namespace {

const char* name_of(WaitSet::What what) noexcept {
  switch (what) {
    case WaitSet::What::ready:
      return "ready";
    case WaitSet::What::closed:
      return "closed";
    case WaitSet::What::dead:
      return "dead";
    case WaitSet::What::failed:
      return "failed";
  }
  return "failed";
}

struct Event {
  WaitSet::Id id;
  py::object source;
  WaitSet::What what;
  unsigned events;
};

class OwnWaitSet final : public Handle {
 public:
  explicit OwnWaitSet(WaitSet set) : set_(std::move(set)) {}
  OwnWaitSet(const OwnWaitSet&) = delete;
  OwnWaitSet& operator=(const OwnWaitSet&) = delete;
  ~OwnWaitSet() override { forget_all(); }

  void interrupt() noexcept override {
    if (set_) set_->interrupt();
  }

  // `member` is what stands for it in Python; `handle` is its end, or nullptr.
  template <class Add>
  WaitSet::Id add(const py::object& member, Handle* handle, Add&& add) {
    check();
    if (handle != nullptr) {
      handle->check();
      if (handle->is_in_set()) raise("invalid_argument", "this end is in a WaitSet already");
    }
    const WaitSet::Id id = value_or_raise(add(*set_));
    members_.emplace(id, Member{member, handle});
    if (handle != nullptr) handle->set_leave_set([this, id] { remove_now(id); });
    return id;
  }
  void remove(WaitSet::Id id) {
    check();
    const auto found = members_.find(id);
    if (found != members_.end() && found->second.handle != nullptr) {
      found->second.handle->check_not_in_use();
      found->second.handle->set_leave_set(nullptr);
    }
    remove_now(id);
  }
  [[nodiscard]] bool contains(WaitSet::Id id) {
    check();
    return set_->contains(id);
  }

  [[nodiscard]] std::vector<Event> wait(Timeout timeout) {
    const SteadyTime end = end_of(timeout);
    for (Timeout left = timeout;; left = left_until(end)) {
      check();
      std::vector<Event> events = wait_a_slice(std::min(left, kSlice));
      if (!events.empty() || left <= kSlice) return events;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
  }

 protected:
  void drop() noexcept override {
    forget_all();
    set_.reset();
  }

 private:
  struct Member {
    py::object object;
    Handle* handle;
  };

  // That are ends. While the list lives, so do they.
  [[nodiscard]] std::vector<Member> ends() const {
    std::vector<Member> ends;
    for (const auto& [id, member] : members_) {
      if (member.handle != nullptr) ends.push_back(member);
    }
    return ends;
  }
  [[nodiscard]] std::vector<Event> wait_a_slice(Timeout slice) {
    for (const Member& end : ends()) end.handle->close_if_asked();  // and leaves
    const std::vector<Member> kept = ends();
    std::vector<Handle*> handles;
    for (const Member& end : kept) {
      end.handle->check();
      handles.push_back(end.handle);
    }
    std::vector<WaitSet::Event> told;
    {
      const InUse all(std::move(handles));
      (void)Handle::wait(slice, [&](Timeout longest) -> Result<bool> {
        const Result<std::span<const WaitSet::Event>> ready = set_->wait(longest);
        if (!ready) return tl::unexpected(ready.error());
        told.assign(ready->begin(), ready->end());
        return !told.empty();
      });
    }
    for (const Member& end : kept) end.handle->close_if_asked();
    std::vector<Event> events;
    for (const WaitSet::Event& event : told) {
      const auto found = members_.find(event.id);
      if (found == members_.end()) continue;
      events.push_back({event.id, found->second.object, event.what, event.events});
      if (!set_->contains(event.id)) members_.erase(found);  // a time that came once
    }
    return events;
  }
  void remove_now(WaitSet::Id id) noexcept {
    if (set_) set_->remove(id);
    members_.erase(id);
  }
  void forget_all() noexcept {
    for (auto& [id, member] : members_) {
      if (member.handle != nullptr) member.handle->set_leave_set(nullptr);
      if (set_ && is_own()) set_->remove(id);
    }
    members_.clear();
  }

  std::optional<WaitSet> set_;
  std::map<WaitSet::Id, Member> members_;
};

// How `add` is called with a descriptor, or with something that has a fileno().
WaitSet::Id add_descriptor(OwnWaitSet& self, const py::object& source, unsigned events) {
  const int fd = PyObject_AsFileDescriptor(source.ptr());
  if (fd < 0) throw py::error_already_set();
  return self.add(source, nullptr, [&](WaitSet& to) { return to.add(fd, events); });
}

template <class E, class Class>
void def_add(Class& set) {
  set.def(
      "add",
      [](OwnWaitSet& self, EndOf<E>& end) {
        const py::object object = py::cast(&end, py::return_value_policy::reference);
        return self.add(object, &end, [&](WaitSet& to) { return to.add(end.end()); });
      },
      py::arg("end"));
}
template <class E, class Class>
void def_add_sized(Class& set) {
  set.def(
      "add",
      [](OwnWaitSet& self, EndOf<E>& end, std::size_t size_bytes) {
        const py::object object = py::cast(&end, py::return_value_policy::reference);
        return self.add(object, &end, [&](WaitSet& to) { return to.add(end.end(), size_bytes); });
      },
      py::arg("end"), py::arg("size_bytes"));
}

}  // namespace

void bind_waitset(py::module_& module) {
  py::class_<Event>(module, "Event", "What a WaitSet found.")
      .def_readonly("id", &Event::id, "As WaitSet.add() returned it.")
      .def_readonly("source", &Event::source,
                    "What was added: an end, a descriptor; None for a time.")
      .def_property_readonly(
          "what", [](const Event& event) { return name_of(event.what); },
          "'ready': a call would give something at once, a descriptor has events, a time is up; "
          "'closed', 'dead': nothing\nis left to take, and the peer has closed or died; 'failed': "
          "a "
          "call has something to raise.")
      .def_readonly("events", &Event::events,
                    "Of a descriptor: select.POLLIN and the like, also POLLERR and POLLHUP.");

  py::class_<OwnWaitSet, Handle> set(
      module, "WaitSet",
      "One wait on any number of ends, descriptors and times, in one thread. Level-triggered: what "
      "is there and was not\ntaken is told again. An end stands in one set at a time, and is kept "
      "by it; between two waits it may be used as if\nit were in none.");
  set.def(py::init([](const WaitOptions& wait) {
            return std::make_unique<OwnWaitSet>(value_or_raise(WaitSet::create({.wait = wait})));
          }),
          py::kw_only(), py::arg("wait") = WaitOptions{},
          "wait: how the set waits, whatever its ends were told.\n\nRaises: SystemCallError.");
  def_add<Receiver>(set);
  def_add<QueueReceiver>(set);
  def_add<Collector>(set);
  def_add<Subscriber>(set);
  def_add<Server>(set);
  def_add<Client>(set);
  def_add<StateReader>(set);
  def_add<QueueSender>(set);
  def_add<Publisher>(set);
  def_add_sized<Sender>(set);
  def_add_sized<Contributor>(set);
  set.def(
         "add", &add_descriptor, py::arg("fd"), py::arg("events") = unsigned{POLLIN},
         "An end that reads or serves: ready when something has come. A Client: when its call or a "
         "ticket is answered, and while\nnone is under way. A QueueSender, or the Publisher of a "
         "lossless topic: while there is room; a Sender or Contributor:\nwhile there is room for "
         "size_bytes. A descriptor, or what has a fileno(): while it has one of `events`. Returns "
         "an id.\n\nRaises: UnsupportedError, if the end never sleeps; InvalidArgumentError, if "
         "it is in a set already or the descriptor\ncannot be polled; EndClosedError, ForkError, "
         "InUseError.")
      .def(
          "add_timer",
          [](OwnWaitSet& self, const py::object& first, const py::object& interval) {
            return self.add(py::none(), nullptr, [&](WaitSet& to) {
              return to.add_timer(timeout_of(first), timeout_of(interval));
            });
          },
          py::arg("first"), py::arg("interval") = 0.0,
          "A time in seconds: ready once when `first` is over, and then, unless interval is 0, "
          "once "
          "after each. Returns an id.\n\nRaises: InvalidArgumentError, EndClosedError, ForkError, "
          "InUseError.")
      .def("remove", &OwnWaitSet::remove, py::arg("id"),
           "No event of it comes any more. An id that is none: nothing happens.\n\n"
           "Raises: EndClosedError, ForkError, InUseError.")
      .def("__contains__", &OwnWaitSet::contains)
      .def(
          "wait",
          [](OwnWaitSet& self, const py::object& timeout) {
            return self.wait(timeout_of(timeout));
          },
          py::arg("timeout") = py::none(),
          "All Events that there are, as soon as there is one; an empty list: the time is up "
          "(seconds; None: for ever). Meanwhile\nits ends are in use. One that is closed is "
          "removed.\n\n"
          "Raises: CancelledError, by interrupt(); EndClosedError, ForkError, InUseError (another "
          "thread uses one of its ends).")
      .def(
          "interrupt",
          [](OwnWaitSet& self) {
            if (!self.is_closed()) self.interrupt();
          },
          "Ends the wait under way in another thread, or the next one. Raises nothing.")
      .def("close", &Handle::close, "Its members stay what they are. Raises: nothing.")
      .def_property_readonly("closed", &Handle::is_closed)
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](OwnWaitSet& self, const py::args&) { self.close(); });
}

}  // namespace ringbell::python
