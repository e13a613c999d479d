// One class in Python for each end in C++: it holds the end, and does with what is in hand what
// that end does. What an end can do is asked of its type; nothing here knows a single end by name.
#pragma once

#include <concepts>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>

#include "python/src/errors.hpp"
#include "python/src/handle.hpp"

namespace ringbell::python {

using Room = std::optional<std::span<std::byte>>;
using Found = std::optional<std::span<const std::byte>>;

template <class E>
concept ClaimsBySize = requires(E& end) {
  { end.claim_for(std::size_t{}, Timeout{}) } -> std::same_as<Result<Room>>;
};
template <class E>
concept ClaimsSlots = requires(E& end) {
  { end.claim_for(Timeout{}) } -> std::same_as<Result<Room>>;
};
template <class E>
concept Peeks = requires(E& end) {
  { end.peek_for(Timeout{}) } -> std::same_as<Result<Found>>;
};
// One that peeks in some of its rings only: Subscriber.
template <class E>
concept PeeksPerhaps = Peeks<E> && requires(const E& end) {
  end.reads_in_place();
};

// The longest message, whatever the end calls it.
template <class E>
[[nodiscard]] std::size_t most_bytes(const E& end) noexcept {
  if constexpr (requires { end.max_message_bytes(); }) {
    return end.max_message_bytes();
  } else if constexpr (requires { end.max_value_bytes(); }) {
    return end.max_value_bytes();
  } else {
    return end.max_record_bytes();
  }
}

template <class E>
class EndOf final : public Handle {
 public:
  explicit EndOf(E end) : end_(std::move(end)) {}

  // REQUIRES: check().
  [[nodiscard]] E& end() noexcept { return *end_; }

  void interrupt() noexcept override {
    if (end_) end_->interrupt();
  }

  bool commit(std::size_t size_bytes) override {
    if constexpr (requires(E & end) {
                    { end.commit(size_bytes) } -> std::same_as<bool>;
                  }) {
      return end().commit(size_bytes);
    } else if constexpr (requires(E & end) { end.commit(size_bytes); }) {
      end().commit(size_bytes);
      return true;
    } else if constexpr (requires(E & end) { end.respond(); }) {
      end().respond();
      return true;
    } else if constexpr (requires(E & end) { end.call(); }) {
      end().call();
      return true;
    }
    return false;
  }
  void abort() override {
    if constexpr (requires(E & end) { end.abort(); }) end().abort();
  }
  bool release() override {
    if constexpr (requires(E & end) {
                    { end.release() } -> std::same_as<bool>;
                  }) {
      return end().release();
    } else if constexpr (requires(E & end) { end.release(); }) {
      end().release();
    }
    return true;
  }

  [[nodiscard]] std::optional<UserHeader> user_header() override {
    if constexpr (requires(E & end) { end.user_header(); }) {
      return end().user_header();
    } else {
      return {};
    }
  }

  // For messages that are copied out to be found.
  [[nodiscard]] std::span<std::byte> scratch(std::size_t size_bytes) {
    if (scratch_.size() < size_bytes) scratch_.resize(size_bytes);
    return {scratch_.data(), size_bytes};
  }

 protected:
  void drop() noexcept override { end_.reset(); }

 private:
  std::optional<E> end_;
  std::vector<std::byte> scratch_;
};

// The bytes of a bytes-like object, while this lives. Raises: TypeError, BufferError.
class Bytes {
 public:
  explicit Bytes(const py::object& of, bool writable = false) {
    if (PyObject_GetBuffer(of.ptr(), &buffer_, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0) {
      throw py::error_already_set();
    }
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] std::span<std::byte> get() const noexcept {
    return {static_cast<std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_{};
};

// Copies without the GIL if it takes long. `to` and `from` may overlap.
inline void copy(Handle& handle, std::byte* to, std::span<const std::byte> from) {
  if (from.empty()) return;  // it may have no data
  if (from.size() < kLongBytes) {
    std::memmove(to, from.data(), from.size());
  } else {
    const Handle::Released released(handle);
    std::memmove(to, from.data(), from.size());
  }
}
[[nodiscard]] inline py::object bytes_from(Handle& handle, std::span<const std::byte> from) {
  PyObject* const made = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(from.size()));
  if (made == nullptr) throw py::error_already_set();
  copy(handle, reinterpret_cast<std::byte*>(PyBytes_AS_STRING(made)), from);
  return py::reinterpret_steal<py::object>(made);
}

}  // namespace ringbell::python
