// A message that is read, or room for one that is written, where it stands in shared memory.
//
// Its bytes are seen through Python's buffer protocol: a memoryview, or numpy arrays
// (ringbell/_arrays.py). Each buffer is counted. Giving the bytes back first takes away what was
// handed out here, the memoryview and the arrays, so that they raise from then on; if something
// else still has a buffer (a slice, an array made by hand), nothing is given back: ViewsError.
//
//   states   open -> given back (release, commit, abort)
//            open -> put down (an exception in a `with`, a dropped object, close()): a message
//                    comes again at the next peek(), room is given up
#pragma once

#include <cstddef>
#include <span>

#include <pybind11/pybind11.h>

#include "python/src/handle.hpp"

namespace ringbell::python {

class InHand {
 public:
  // `end` is the Python object of `handle`, which has nothing in hand. `bytes` must be writable
  // memory only if `writable`.
  InHand(py::object end, Handle& handle, std::span<std::byte> bytes, bool writable);
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;
  ~InHand();

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size(); }
  [[nodiscard]] Handle& handle() const noexcept { return *handle_; }
  [[nodiscard]] const py::object& end() const noexcept { return end_; }

  // A memoryview of the bytes: the same one until it is dropped. Raises: GivenBackError; as
  // Handle::check.
  [[nodiscard]] py::object view(const py::object& self);
  // Called once before the bytes are given back, to take arrays away. None: nothing to call.
  void set_before_end(py::object callback) { before_end_ = std::move(callback); }
  [[nodiscard]] const py::object& before_end() const noexcept { return before_end_; }

  // Raises: GivenBackError; as Handle::check.
  void check() const;

  // Each raises ViewsError, and then nothing has happened but that views were taken away. False:
  // this end was declared dead, or holds no such thing.
  bool release();
  bool commit(std::size_t size_bytes);
  void abort();
  // Nothing, if it is not open.
  void put_down();

  // The slots of Python's buffer protocol for a class of these.
  static void add_buffer_protocol(PyHeapTypeObject* type);

 private:
  static int get_buffer(PyObject* self, Py_buffer* buffer, int flags);
  static void release_buffer(PyObject* self, Py_buffer* buffer);
  // Takes everything away that was handed out. Raises: ViewsError.
  void take_views_away();
  void leave_hand() noexcept;

  py::object end_;
  Handle* handle_;
  std::span<std::byte> bytes_;
  py::object view_ = py::none();  // a weak reference to the memoryview
  py::object before_end_ = py::none();
  std::size_t buffers_ = 0;
  bool writable_;
  bool open_ = true;
};

// What Python sees of them.
class Message : public InHand {
 public:
  Message(py::object end, Handle& handle, std::span<const std::byte> bytes)
      : InHand(std::move(end), handle, {const_cast<std::byte*>(bytes.data()), bytes.size()},
               false) {}
};
class Loan : public InHand {
 public:
  Loan(py::object end, Handle& handle, std::span<std::byte> bytes)
      : InHand(std::move(end), handle, bytes, true) {}
};

void bind_in_hand(py::module_& module);

}  // namespace ringbell::python
