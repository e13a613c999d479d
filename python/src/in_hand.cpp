#include "python/src/in_hand.hpp"

#include <string>
#include <utility>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <ringbell/transport/ends/message_size.hpp>

namespace ringbell::python {

InHand::InHand(py::object end, Handle& handle, std::span<std::byte> bytes, bool writable)
    : end_(std::move(end)), handle_(&handle), bytes_(bytes), writable_(writable) {
  handle_->set_in_hand(this);
}

// There is no buffer any more: each keeps this object alive.
InHand::~InHand() {
  if (!open_) return;
  leave_hand();
  if (writable_ && !handle_->is_closed() && !handle_->in_use()) handle_->abort();
}

void InHand::leave_hand() noexcept {
  open_ = false;
  if (handle_->in_hand() == this) handle_->set_in_hand(nullptr);
}

void InHand::check() const {
  handle_->check();
  if (!open_) raise(misuse::kGivenBack, "this message was given back: its bytes are another's");
}

py::object InHand::view(const py::object& self) {
  check();
  if (!view_.is_none()) {
    const py::object there = view_();
    if (!there.is_none()) return there;
  }
  py::object view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(self.ptr()));
  if (!view) throw py::error_already_set();
  view_ = py::weakref(view);
  return view;
}

void InHand::take_views_away() {
  if (!before_end_.is_none()) before_end_();
  if (!view_.is_none()) {
    const py::object view = view_();
    if (!view.is_none()) {
      try {
        view.attr("release")();
      } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_BufferError)) throw;
      }
    }
  }
  if (buffers_ > 0) {
    raise(misuse::kViewsAlive,
          "something still looks at this message, a slice of its view or an array made from it: "
          "delete that, or copy what is to be kept, and give the message back again");
  }
  view_ = py::none();
}

bool InHand::release() {
  check();
  take_views_away();
  leave_hand();
  return handle_->release();
}

bool InHand::commit(std::size_t size_bytes) {
  check();
  if (!fits(size_bytes, bytes_.size())) {
    raise("too_large", "room for " + std::to_string(bytes_.size()) +
                           " bytes cannot become a message of " + std::to_string(size_bytes));
  }
  take_views_away();
  leave_hand();
  return handle_->commit(size_bytes);
}

void InHand::abort() {
  check();
  put_down();
}

void InHand::put_down() {
  if (!open_) return;
  take_views_away();
  leave_hand();
  if (writable_ && handle_->is_own()) handle_->abort();
}

int InHand::get_buffer(PyObject* self, Py_buffer* buffer, int flags) {
  try {
    auto& own = py::handle(self).cast<InHand&>();
    own.check();
    if (PyBuffer_FillInfo(buffer, self, own.bytes_.data(),
                          static_cast<Py_ssize_t>(own.bytes_.size()), own.writable_ ? 0 : 1,
                          flags) != 0) {
      return -1;
    }
    ++own.buffers_;
    return 0;
  } catch (py::error_already_set& error) {
    buffer->obj = nullptr;
    error.restore();
    return -1;
  }
}

void InHand::release_buffer(PyObject* self, Py_buffer* /*buffer*/) {
  --py::handle(self).cast<InHand&>().buffers_;
}

void InHand::add_buffer_protocol(PyHeapTypeObject* type) {
  type->ht_type.tp_as_buffer = &type->as_buffer;
  type->as_buffer.bf_getbuffer = get_buffer;
  type->as_buffer.bf_releasebuffer = release_buffer;
}

namespace {

// The start of what numpy (1.20 and later, 2 as well) has behind an array.
struct ArrayFields {
  PyObject_HEAD void* data;
  int dimension_count;
  void* dimensions;
  void* strides;
  PyObject* base;
  PyObject* dtype;
  int flags;
  PyObject* weak_references;
  void* buffer_info;  // nullptr until the array's buffer is had for the first time
};

}  // namespace

void bind_in_hand(py::module_& module) {
  module.def("_had_buffers", [](const py::object& array) {
    return reinterpret_cast<const ArrayFields*>(array.ptr())->buffer_info != nullptr;
  });
  using Setup = py::custom_type_setup;
  py::class_<InHand>(module, "InHand", "What Message and Loan have in common.",
                     Setup(InHand::add_buffer_protocol))
      .def_property_readonly("view",
                             [](const py::object& self) { return self.cast<InHand&>().view(self); })
      .def_property_readonly("end", &InHand::end)
      .def_property_readonly("size_bytes", &InHand::size_bytes)
      .def_property_readonly("is_open", &InHand::is_open)
      .def("__len__", &InHand::size_bytes)
      .def_property("_before_end", &InHand::before_end, &InHand::set_before_end)
      .def("_check", &InHand::check)
      .def("__enter__", [](const py::object& self) { return self.cast<InHand&>().view(self); });

  py::class_<Message, InHand>(module, "Message",
                              "A message that is read where it stands. As a context manager it is "
                              "its memoryview, and is given\nback at the end, unless by an "
                              "exception: then it comes again at the next peek().",
                              Setup(InHand::add_buffer_protocol))
      .def("release", &InHand::release,
           "Gives the message back; its views raise from now on. False: this end was declared dead "
           "meanwhile,\nand another receiver of the queue gets the message too.\n\n"
           "Raises: GivenBackError, ViewsError.")
      .def_property_readonly("user_header",
                             [](const Message& message) {
                               message.check();
                               return message.handle().user_header();
                             })
      .def("_put_down", &InHand::put_down)
      .def("__exit__", [](Message& message, const py::object& type, const py::args&) {
        if (!message.is_open()) return;
        if (type.is_none()) {
          (void)message.release();
        } else {
          message.put_down();
        }
      });

  py::class_<Loan, InHand>(module, "Loan",
                           "Room for a message, written where the reader will find it. As a "
                           "context manager it is a writable\nmemoryview, and is committed at the "
                           "end, unless by an exception: then it is given up.",
                           Setup(InHand::add_buffer_protocol))
      .def(
          "commit",
          [](Loan& loan, const py::object& size_bytes) {
            return loan.commit(size_bytes.is_none() ? loan.size_bytes()
                                                    : size_bytes.cast<std::size_t>());
          },
          py::arg("size_bytes") = py::none(),
          "Makes the message visible, or its first size_bytes bytes. False: this end was declared "
          "dead meanwhile,\nand the message is gone.\n\n"
          "Raises: GivenBackError, ViewsError, TooLargeError.")
      .def("abort", &InHand::abort,
           "Gives the room up: there will be no message.\n\nRaises: GivenBackError, ViewsError.")
      .def("__exit__", [](Loan& loan, const py::object& type, const py::args&) {
        if (!loan.is_open()) return;
        if (!type.is_none()) {
          loan.put_down();
        } else if (!loan.commit(loan.size_bytes())) {
          raise("evicted", "this end was taken for dead while it wrote: the message is gone");
        }
      });
}

}  // namespace ringbell::python
