// Operations of UringLoop that move bytes: a file descriptor into a ring, a ring into one.
//
//   records of the ring, oldest first:   | complete | under way | under way | not started ...
//                                         ^ settled: shown to the receiver, or given back
//
// Requests complete in any order and are settled in the order of the ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/transport/uring/uring_operation.hpp>
#include <ringbell/transport/uring/uring_watch.hpp>

namespace ringbell {

class StreamOperation : public UringOperation {
 public:
  static constexpr unsigned kMostRequests = 32;

  void turn() final;
  void completed(unsigned part, std::int32_t result, bool more) final;
  void look_after_peer() final;
  void cancel() final;

 protected:
  // A record that is being read into or written from.
  struct Request {
    std::span<std::byte> left;        // not yet read or written
    std::uint64_t offset = 0;         // of `left` in the file
    std::uint64_t ring_position = 0;  // the end of the record in the ring
    std::uint32_t done_bytes = 0;
    bool complete = false;
    bool stalled = false;  // waits until the descriptor is ready
  };
  // What a stream is told at its start.
  struct Setup {
    int fd;
    StreamOptions options;
    BellSleep bell;
    UringLoop::OnEnd on_end;
    int pinned = Uring::kNotPinned;
  };

  StreamOperation(UringState& loop, Ticket ticket, Setup setup);
  // Of an Operation on this end of a channel. Errors: as Uring::pin.
  template <class Operation, class End>
  [[nodiscard]] static Result<Ticket> start_on(UringState& loop, End& end, Setup setup);

  [[nodiscard]] const StreamOptions& options() const noexcept { return options_; }
  [[nodiscard]] bool in_file() const noexcept { return options_.offset.has_value(); }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] int pinned() const noexcept { return pinned_; }
  [[nodiscard]] bool nothing_under_way() const noexcept { return newest_ == oldest_; }
  [[nodiscard]] std::uint64_t started_bytes() const noexcept { return started_bytes_; }

  void begin_request(std::span<std::byte> record, std::uint64_t ring_position);
  // No more is started; what is under way is brought to its end.
  void end_well() noexcept { no_more_ = true; }
  // What is under way is cancelled.
  void end_badly(Error error);
  // REQUIRES: the newest is not with the kernel.
  void drop_newest() noexcept { --newest_; }

 private:
  // Starts the next record, if the ring has one. False: not now. Errors: closed, corrupt.
  [[nodiscard]] virtual Result<bool> start_record() = 0;
  virtual void submit(const Request& request, std::uint64_t tag) = 0;
  // The system call returned 0.
  virtual void came_to_nothing(Request& request) = 0;
  // Whether a request that moved less than it was asked to is as good as complete.
  [[nodiscard]] virtual bool may_be_short() const noexcept = 0;
  virtual void settle(const Request& request) = 0;
  // The peer's side of the ring as if what was not settled had never been started.
  virtual void abandon() = 0;
  [[nodiscard]] virtual short readiness() const noexcept = 0;
  // start_record() returned an Error: what that means here.
  virtual void ring_ended(Error error) = 0;

  static constexpr unsigned kReadyPart = kMostRequests;
  static constexpr unsigned kBellPart = kMostRequests + 1;

  [[nodiscard]] Request& at(std::uint64_t number) noexcept {
    return requests_[number % requests_.size()];
  }
  [[nodiscard]] bool is_all_started() const noexcept {
    return no_more_ || ending_ || started_bytes_ >= options_.length_bytes;
  }
  void submit_request(unsigned part);
  void stall(Request& request);
  void retry_stalled();
  void settle_complete();
  void start_records();
  void finish();

  int fd_;
  StreamOptions options_;
  int pinned_;
  BellSleep bell_;
  UringLoop::OnEnd on_end_;
  std::vector<Request> requests_;  // by number modulo the depth, which is also the part
  std::uint64_t oldest_ = 0;
  std::uint64_t newest_ = 0;  // one past
  unsigned submitted_ = 0;    // requests that the kernel has
  std::uint64_t started_bytes_ = 0;
  std::uint64_t settled_bytes_ = 0;
  std::optional<Error> error_;
  int failed_ = 0;        // or what a request ended with
  bool no_more_ = false;  // to be started
  bool ending_ = false;   // badly
  bool awaits_readiness_ = false;
};

class ReadOperation final : public StreamOperation {
 public:
  ReadOperation(UringState& loop, Ticket ticket, Sender& sender, Setup setup)
      : StreamOperation(loop, ticket, std::move(setup)), sender_(sender) {}
  [[nodiscard]] static Result<Ticket> start(UringState& loop, Sender& sender, int fd,
                                            StreamOptions options, UringLoop::OnEnd on_end);

 private:
  Result<bool> start_record() override;
  void submit(const Request& request, std::uint64_t tag) override;
  void came_to_nothing(Request& request) override;
  [[nodiscard]] bool may_be_short() const noexcept override { return !in_file(); }
  void settle(const Request& request) override;
  void abandon() override;
  [[nodiscard]] short readiness() const noexcept override;
  void ring_ended(Error error) override { end_badly(std::move(error)); }

  Sender& sender_;
};

class WriteOperation final : public StreamOperation {
 public:
  WriteOperation(UringState& loop, Ticket ticket, Receiver& receiver, Setup setup)
      : StreamOperation(loop, ticket, std::move(setup)), receiver_(receiver) {}
  [[nodiscard]] static Result<Ticket> start(UringState& loop, Receiver& receiver, int fd,
                                            StreamOptions options, UringLoop::OnEnd on_end);

 private:
  Result<bool> start_record() override;
  void submit(const Request& request, std::uint64_t tag) override;
  void came_to_nothing(Request& request) override;
  [[nodiscard]] bool may_be_short() const noexcept override { return false; }
  void settle(const Request& request) override;
  void abandon() override;
  [[nodiscard]] short readiness() const noexcept override;
  void ring_ended(Error error) override;

  Receiver& receiver_;
};

}  // namespace ringbell
