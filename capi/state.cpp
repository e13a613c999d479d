// The C API of states: State, StateWriter and StateReader behind handles.
#include <optional>
#include <span>

#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

using namespace ringbell::capi;

extern "C" {

int ringbell_state_create(const ringbell_state_options* options, ringbell_state** state,
                          ringbell_error* error) {
  return guarded_whole(error, [&] {
    const ringbell::Result<ringbell::StateOptions> checked = state_options_of(options);
    if (!checked) return report(checked.error(), error);
    return hand_out(ringbell::State::create(*checked), state, error);
  });
}

int ringbell_state_attach(const ringbell_state_fds* fds, ringbell_state** state,
                          ringbell_error* error) {
  return guarded_whole(error, [&] {
    return hand_out(ringbell::State::attach({.memory = fds->memory, .bells = fds->bells}), state,
                    error);
  });
}

ringbell_state_fds ringbell_state_get_fds(const ringbell_state* state) {
  const ringbell::StateFds fds = state->value.fds();
  return {.memory = fds.memory, .bells = fds.bells};
}

void ringbell_state_destroy(ringbell_state* state) { destroy(state); }

int ringbell_state_writer_open(ringbell_state* state, const ringbell_wait_options* wait,
                               ringbell_state_writer** writer, ringbell_error* error) {
  return open_side<ringbell::StateWriter>(state, wait, writer, error);
}

int ringbell_state_writer_create(const char* name, const ringbell_state_options* options,
                                 const ringbell_wait_options* wait, ringbell_state_writer** writer,
                                 ringbell_error* error) {
  return create_named<ringbell::StateWriter>(name, state_options_of, options, wait, writer, error);
}

int ringbell_state_writer_set(ringbell_state_writer* writer, uint32_t key, const void* bytes,
                              size_t size_bytes, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const std::span value(static_cast<const std::byte*>(bytes), size_bytes);
    const ringbell::Result<void> done = writer->value.set(value, key);
    return done ? RINGBELL_OK : report(done.error(), error);
  });
}

void* ringbell_state_writer_claim(ringbell_state_writer* writer, uint32_t key, size_t* room_bytes) {
  const std::optional<std::span<std::byte>> room = writer->value.claim(key);
  if (!room) return nullptr;
  *room_bytes = room->size();
  return room->data();
}

int ringbell_state_writer_commit(ringbell_state_writer* writer, size_t size_bytes) {
  return writer->value.commit(size_bytes) ? 1 : 0;
}

void ringbell_state_writer_abort(ringbell_state_writer* writer) { writer->value.abort(); }

uint64_t ringbell_state_writer_number(const ringbell_state_writer* writer, uint32_t key) {
  return writer->value.number(key);
}

uint32_t ringbell_state_writer_max_value_bytes(const ringbell_state_writer* writer) {
  return writer->value.max_value_bytes();
}

int ringbell_state_writer_name_lost(const ringbell_state_writer* writer) {
  return name_lost(writer);
}

void ringbell_state_writer_close(ringbell_state_writer* writer) { destroy(writer); }

int ringbell_state_reader_open(ringbell_state* state, const ringbell_wait_options* wait,
                               ringbell_state_reader** reader, ringbell_error* error) {
  return open_side<ringbell::StateReader>(state, wait, reader, error);
}

int ringbell_state_reader_open_name(const char* name, int64_t timeout_ns,
                                    const ringbell_wait_options* wait,
                                    ringbell_state_reader** reader, ringbell_error* error) {
  return open_named<ringbell::StateReader>(name, wait, reader, error, timeout_of(timeout_ns));
}

int ringbell_state_reader_get(ringbell_state_reader* reader, uint32_t key, void* into,
                              size_t room_bytes, size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const std::span room(static_cast<std::byte*>(into), room_bytes);
    const ringbell::Result<std::optional<std::size_t>> size = reader->value.get(room, key);
    if (!size) return report(size.error(), error);
    if (!*size) return RINGBELL_NOT_NOW;
    *size_bytes = **size;
    return RINGBELL_OK;
  });
}

int ringbell_state_reader_look(ringbell_state_reader* reader, uint32_t key, const void** value,
                               size_t* size_bytes, ringbell_error* error) {
  return guarded_whole(error,
                       [&] { return show(reader->value.look(key), value, size_bytes, error); });
}

int ringbell_state_reader_release(ringbell_state_reader* reader) {
  return reader->value.release() ? 1 : 0;
}

int ringbell_state_reader_changed(const ringbell_state_reader* reader, uint32_t key) {
  return reader->value.changed(key) ? 1 : 0;
}

int ringbell_state_reader_wait_changed(ringbell_state_reader* reader, uint32_t key,
                                       int64_t timeout_ns, ringbell_error* error) {
  return guarded(
      error, [&] { return done(reader->value.wait_changed(timeout_of(timeout_ns), key), error); });
}

uint64_t ringbell_state_reader_number(const ringbell_state_reader* reader, uint32_t key) {
  return reader->value.number(key);
}

int ringbell_state_reader_waitable_fd(ringbell_state_reader* reader, int* fd,
                                      ringbell_error* error) {
  return waitable_fd(reader->value, fd, error);
}

int ringbell_state_reader_arm(ringbell_state_reader* reader) { return reader->value.arm() ? 1 : 0; }

void ringbell_state_reader_disarm(ringbell_state_reader* reader) { reader->value.disarm(); }

void ringbell_state_reader_interrupt(ringbell_state_reader* reader) { reader->value.interrupt(); }

int ringbell_state_reader_peer(const ringbell_state_reader* reader) {
  return number_of(reader->value.peer());
}

uint32_t ringbell_state_reader_max_value_bytes(const ringbell_state_reader* reader) {
  return reader->value.max_value_bytes();
}

int ringbell_state_reader_name_lost(const ringbell_state_reader* reader) {
  return name_lost(reader);
}

void ringbell_state_reader_close(ringbell_state_reader* reader) { destroy(reader); }

}  // extern "C"
