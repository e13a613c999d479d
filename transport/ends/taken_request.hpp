// A request that its server answers later, in any order, from whatever thread: what
// Server::take_for() gives. The server goes on with the next one meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/timeout.hpp>

namespace ringbell {

class Sleeper;
class TakenRequests;

// Move-only. One thread at a time uses it, whatever others do with the server or with other
// requests. It may outlive its server: then it cannot be answered any more, but looked at.
// Destroyed unanswered it is dropped.
class RINGBELL_API TakenRequest {
 public:
  TakenRequest(TakenRequest&& other) noexcept;
  TakenRequest& operator=(TakenRequest&& other) noexcept;
  TakenRequest(const TakenRequest&) = delete;
  TakenRequest& operator=(const TakenRequest&) = delete;
  ~TakenRequest();

  // In place, until it is answered or dropped: then, and in a child of fork, an empty span. Copy
  // what must not change after a check.
  [[nodiscard]] std::span<const std::byte> request() const noexcept;
  // Whose it is, as Server::client().
  [[nodiscard]] std::uint32_t client() const noexcept { return client_; }
  // Whether no process waits for the answer any more: the client has given up or died, the server
  // is closed, or it was answered. A death is seen by a server that waits for requests, or polls.
  [[nodiscard]] bool is_cancelled() const noexcept;

  // Copies the response in and ends the call. After send() it waits until the client has asked for
  // more. Errors: too_large, which leaves the request as it was; invalid_argument, if it was
  // answered or dropped; closed, if the server was closed meanwhile, or this is a child of fork;
  // dropped, if the client gave up or died after a part; corrupt, if its line has another call by
  // now, as only a hostile client brings about: that one is not answered by this.
  [[nodiscard]] Result<void> respond(std::span<const std::byte> response);
  // The same with a part of the answer: the call goes on. Waits until the client has asked for more
  // than the part before. False: time is up, and it was not sent. After it request() is empty.
  // Errors: as respond(); dropped, also if the client gave up before. All but too_large end the
  // call.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> part, Timeout timeout = kForever);
  // Ends the call with what was sent. Never waits. Errors: as respond().
  [[nodiscard]] Result<void> finish();
  // Ends the call without an answer: the client's Error is `dropped`. Nothing happens if it was
  // answered.
  void drop() noexcept;

 private:
  friend TakenRequests;
  TakenRequest(std::shared_ptr<TakenRequests> all, std::uint32_t line, std::uint64_t serial,
               std::uint32_t client, std::span<const std::byte> request) noexcept;
  struct TheClient;
  // Waits until the next part can be sent, or the call is no more. False: time is up.
  [[nodiscard]] bool wait_until_here(Timeout timeout);
  [[nodiscard]] Result<void> check_open() const;

  std::shared_ptr<TakenRequests> all_;  // nullptr: it was answered
  std::uint32_t line_;
  std::uint64_t serial_;  // of all that this server has taken
  std::uint32_t client_;
  std::span<const std::byte> request_;
  std::unique_ptr<Sleeper> sleeper_;  // from the first wait on
};

}  // namespace ringbell
