// The C API of collectors: Contributor and Collector behind handles.
#include <ringbell/capi/loop.hpp>
#include <ringbell/capi/messages.hpp>
#include <ringbell/capi/open_side.hpp>

using namespace ringbell::capi;

extern "C" {

int ringbell_lanes_create(const ringbell_collector_options* options, ringbell_lanes** lanes,
                          ringbell_error* error) {
  return create_region(options, collector_options_of, lanes, error);
}

int ringbell_lanes_attach(int fd, ringbell_lanes** lanes, ringbell_error* error) {
  return attach_region(fd, lanes, error);
}

int ringbell_lanes_fd(const ringbell_lanes* lanes) { return lanes->value.fd(); }

void ringbell_lanes_destroy(ringbell_lanes* lanes) { destroy(lanes); }

int ringbell_contributor_open(ringbell_lanes* lanes, const ringbell_wait_options* wait,
                              ringbell_contributor** contributor, ringbell_error* error) {
  return open_side<ringbell::Contributor>(lanes, wait, contributor, error);
}

int ringbell_contributor_create(const char* name, const ringbell_collector_options* options,
                                const ringbell_wait_options* wait,
                                ringbell_contributor** contributor, ringbell_error* error) {
  return create_named<ringbell::Contributor>(name, collector_options_of, options, wait, contributor,
                                             error);
}

int ringbell_contributor_open_name(const char* name, int64_t timeout_ns,
                                   const ringbell_wait_options* wait,
                                   ringbell_contributor** contributor, ringbell_error* error) {
  return open_named<ringbell::Contributor>(name, wait, contributor, error, timeout_of(timeout_ns));
}

int ringbell_contributor_claim(ringbell_contributor* contributor, size_t size_bytes,
                               int64_t timeout_ns, void** room, ringbell_error* error) {
  return guarded(error, [&]() -> int {
    const auto claimed = contributor->value.claim_for(size_bytes, timeout_of(timeout_ns));
    return give_room(claimed, room, nullptr, error);
  });
}

void ringbell_contributor_commit(ringbell_contributor* contributor, size_t size_bytes) {
  contributor->value.commit(size_bytes);
}

void ringbell_contributor_stage(ringbell_contributor* contributor, size_t size_bytes) {
  contributor->value.stage(size_bytes);
}

void ringbell_contributor_flush(ringbell_contributor* contributor) { contributor->value.flush(); }

void ringbell_contributor_abort(ringbell_contributor* contributor) { contributor->value.abort(); }

void ringbell_contributor_set_source(ringbell_contributor* contributor, uint32_t source) {
  contributor->value.set_source(source);
}

int ringbell_contributor_send(ringbell_contributor* contributor, const void* bytes,
                              size_t size_bytes, int64_t timeout_ns, ringbell_error* error) {
  return send(contributor->value, bytes, size_bytes, timeout_ns, error);
}

void ringbell_contributor_require_reader(ringbell_contributor* contributor, int required) {
  contributor->value.require_reader(required != 0);
}

uint32_t ringbell_contributor_max_record_bytes(const ringbell_contributor* contributor) {
  return contributor->value.max_record_bytes();
}

uint64_t ringbell_contributor_fill(const ringbell_contributor* contributor) {
  return contributor->value.fill();
}

uint32_t ringbell_contributor_lane(const ringbell_contributor* contributor) {
  return contributor->value.lane();
}

int ringbell_contributor_waitable_fd(ringbell_contributor* contributor, int* fd,
                                     ringbell_error* error) {
  return waitable_fd(contributor->value, fd, error);
}

int ringbell_contributor_arm(ringbell_contributor* contributor, size_t size_bytes) {
  return contributor->value.arm(size_bytes) ? 1 : 0;
}

void ringbell_contributor_disarm(ringbell_contributor* contributor) { contributor->value.disarm(); }

void ringbell_contributor_interrupt(ringbell_contributor* contributor) {
  contributor->value.interrupt();
}

int ringbell_contributor_peer(const ringbell_contributor* contributor) {
  return number_of(contributor->value.peer());
}

int ringbell_contributor_name_lost(const ringbell_contributor* contributor) {
  return name_lost(contributor);
}

void ringbell_contributor_close(ringbell_contributor* contributor) { destroy(contributor); }

int ringbell_collector_open(ringbell_lanes* lanes, const ringbell_wait_options* wait,
                            ringbell_collector** collector, ringbell_error* error) {
  return open_side<ringbell::Collector>(lanes, wait, collector, error);
}

int ringbell_collector_create(const char* name, const ringbell_collector_options* options,
                              const ringbell_wait_options* wait, ringbell_collector** collector,
                              ringbell_error* error) {
  return create_named<ringbell::Collector>(name, collector_options_of, options, wait, collector,
                                           error);
}

int ringbell_collector_open_name(const char* name, int64_t timeout_ns,
                                 const ringbell_wait_options* wait, ringbell_collector** collector,
                                 ringbell_error* error) {
  return open_named<ringbell::Collector>(name, wait, collector, error, timeout_of(timeout_ns));
}

int ringbell_collector_peek(ringbell_collector* collector, int64_t timeout_ns, const void** message,
                            size_t* size_bytes, ringbell_error* error) {
  return guarded(error, [&] {
    return show(collector->value.peek_for(timeout_of(timeout_ns)), message, size_bytes, error);
  });
}

int ringbell_collector_user_header(ringbell_collector* collector, ringbell_user_header* header) {
  return give_user_header(collector->value.user_header(), header);
}

void ringbell_collector_release(ringbell_collector* collector) { collector->value.release(); }

uint32_t ringbell_collector_lane(const ringbell_collector* collector) {
  return collector->value.lane();
}

int ringbell_collector_receive(ringbell_collector* collector, void* into, size_t room_bytes,
                               int64_t timeout_ns, size_t* size_bytes, ringbell_error* error) {
  return receive(collector->value, into, room_bytes, timeout_ns, size_bytes, error);
}

uint64_t ringbell_collector_lag(const ringbell_collector* collector) {
  return collector->value.lag();
}

uint32_t ringbell_collector_corrupt_lanes(const ringbell_collector* collector) {
  return collector->value.corrupt_lanes();
}

int ringbell_collector_waitable_fd(ringbell_collector* collector, int* fd, ringbell_error* error) {
  return waitable_fd(collector->value, fd, error);
}

int ringbell_collector_arm(ringbell_collector* collector) { return collector->value.arm() ? 1 : 0; }

void ringbell_collector_disarm(ringbell_collector* collector) { collector->value.disarm(); }

void ringbell_collector_interrupt(ringbell_collector* collector) { collector->value.interrupt(); }

int ringbell_collector_name_lost(const ringbell_collector* collector) {
  return name_lost(collector);
}

void ringbell_collector_close(ringbell_collector* collector) { destroy(collector); }

}  // extern "C"
