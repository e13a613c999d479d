// The ends of a service whose requests and responses are of a type each. A message is copied out
// before it is looked at: what is checked is what is used.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {

// A response of `size_bytes` is none of that type.
template <Sendable Response>
[[nodiscard]] tl::unexpected<Error> fail_response(std::size_t size_bytes) {
  Error error = fail_message_type(size_bytes, type_of<Response>()).value();
  error.fate = Fate::served;
  return tl::unexpected<Error>(std::move(error));
}

// A copy of it. Errors: `answer`'s; corrupt, if it is none of that type.
template <Sendable Response>
[[nodiscard]] Result<std::optional<Response>> response_in(
    const Result<std::optional<std::span<const std::byte>>>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  if (!*answer) return std::nullopt;
  if ((*answer)->size() != sizeof(Response)) return fail_response<Response>((*answer)->size());
  std::array<std::byte, sizeof(Response)> response;  // NOLINT: filled here
  std::memcpy(response.data(), (*answer)->data(), sizeof(Response));
  return std::bit_cast<Response>(response);
}

template <Sendable Request, Sendable Response>
[[nodiscard]] ServiceOptions fitted_to_call(ServiceOptions options) {
  options.type = type_of_call<Request, Response>();
  options.message_bytes = std::max<std::uint32_t>(sizeof(Request), sizeof(Response));
  return options;
}

// A call that is under way (ticket.hpp).
template <Sendable Response>
class Ticket {
 public:
  explicit Ticket(ringbell::Ticket bytes) noexcept : bytes_(std::move(bytes)) {}

  // Waits for the response, a copy. Nothing: time is up; the call stays under way. Errors: as the
  // ticket of bytes'; corrupt, if the response is none of that type.
  [[nodiscard]] Result<std::optional<Response>> wait(Timeout timeout = kForever) {
    return response_in<Response>(bytes_.wait(timeout));
  }
  // The parts of the answer in turn. Errors: also closed, when there is no more.
  [[nodiscard]] Result<std::optional<Response>> next(Timeout timeout = kForever) {
    return response_in<Response>(bytes_.next(timeout));
  }
  [[nodiscard]] Result<std::optional<Response>> try_take() { return wait(Timeout::zero()); }
  // The rest is as the ticket of bytes has it.
  [[nodiscard]] bool answered() const noexcept { return bytes_.answered(); }
  Fate abandon() noexcept { return bytes_.abandon(); }
  [[nodiscard]] Fate fate() const noexcept { return bytes_.fate(); }

 private:
  ringbell::Ticket bytes_;
};

template <Sendable Request, Sendable Response>
class Client : public OpenedByName<Client<Request, Response>, ringbell::Client, ServiceOptions> {
 public:
  static constexpr core::TypeRecord kType = type_of_call<Request, Response>();
  [[nodiscard]] static ServiceOptions fitted(const ServiceOptions& options) {
    return fitted_to_call<Request, Response>(options);
  }

  // Nothing: time is up, the call is abandoned, and fate() says what comes of it. Errors, which say
  // it too: as the end of bytes' call(); corrupt, if the response is none of that type.
  [[nodiscard]] Result<std::optional<Response>> call(const Request& request,
                                                     Timeout timeout = kForever) {
    std::array<std::byte, sizeof(Response)> response;  // NOLINT: call() fills it
    const Result<std::optional<std::size_t>> size =
        this->bytes_.call(bytes_of<Request>(request), response, timeout);
    if (!size) return tl::unexpected(size.error());
    if (!*size) return std::nullopt;
    if (**size != sizeof(Response)) return fail_response<Response>(**size);
    return std::bit_cast<Response>(response);
  }
  // The same for an answer in parts: begin(), then next() until it is an Error, closed when there
  // is no more. abandon() gives the rest up.
  [[nodiscard]] Result<bool> begin(const Request& request, Timeout timeout = kForever) {
    return this->bytes_.begin(bytes_of<Request>(request), timeout);
  }
  [[nodiscard]] Result<std::optional<Response>> next(Timeout timeout = kForever) {
    return response_in<Response>(this->bytes_.next_for(timeout));
  }
  Fate abandon() noexcept { return this->bytes_.abandon(); }
  [[nodiscard]] Fate fate() const noexcept { return this->bytes_.fate(); }
  // Sends a request, and does not wait. Errors: as the end of bytes'.
  [[nodiscard]] Result<typed::Ticket<Response>> start(const Request& request) {
    Result<ringbell::Ticket> ticket = this->bytes_.start(bytes_of<Request>(request));
    if (!ticket) return tl::unexpected(std::move(ticket.error()));
    return typed::Ticket<Response>(std::move(*ticket));
  }
  [[nodiscard]] Result<bool> any_answered_for(Timeout timeout = kForever) {
    return this->bytes_.any_answered_for(timeout);
  }

 private:
  using Base = OpenedByName<Client<Request, Response>, ringbell::Client, ServiceOptions>;
  friend typename Base::Maker;
  using Base::Base;
};

// A request that is answered later (taken_request.hpp), and its copy.
template <Sendable Request, Sendable Response>
class TakenRequest {
 public:
  TakenRequest(ringbell::TakenRequest bytes, const Request& request) noexcept
      : bytes_(std::move(bytes)), request_(request) {}

  [[nodiscard]] const Request& operator*() const noexcept { return request_; }
  [[nodiscard]] const Request* operator->() const noexcept { return &request_; }
  [[nodiscard]] std::uint32_t client() const noexcept { return bytes_.client(); }
  // The rest is as the request of bytes has it.
  [[nodiscard]] bool is_cancelled() const noexcept { return bytes_.is_cancelled(); }
  [[nodiscard]] Result<void> respond(const Response& response) {
    return bytes_.respond(bytes_of<Response>(response));
  }
  [[nodiscard]] Result<bool> send(const Response& part, Timeout timeout = kForever) {
    return bytes_.send(bytes_of<Response>(part), timeout);
  }
  [[nodiscard]] Result<void> finish() { return bytes_.finish(); }
  void drop() noexcept { bytes_.drop(); }

 private:
  ringbell::TakenRequest bytes_;
  Request request_;
};

template <Sendable Request, Sendable Response>
class Server : public OpenedByName<Server<Request, Response>, ringbell::Server, ServiceOptions> {
 public:
  static constexpr core::TypeRecord kType = type_of_call<Request, Response>();
  [[nodiscard]] static ServiceOptions fitted(const ServiceOptions& options) {
    return fitted_to_call<Request, Response>(options);
  }

  // The next request, a copy; then respond(). Nothing: time is up. Errors: as the end of bytes';
  // corrupt, if a request is none of that type, which is answered with 0 bytes.
  [[nodiscard]] Result<std::optional<Request>> request(Timeout timeout = kForever) {
    const Result<std::optional<std::span<const std::byte>>> asked =
        this->bytes_.request_for(timeout);
    if (!asked) return tl::unexpected(asked.error());
    if (!*asked) return std::nullopt;
    if ((*asked)->size() != sizeof(Request)) {
      const std::size_t size_bytes = (*asked)->size();
      (void)this->bytes_.claim(0);
      this->bytes_.respond();
      return fail_message_type(size_bytes, type_of<Request>());
    }
    return copied(**asked);
  }
  // The same, to be answered later, in any order and on any thread: the next request is another
  // one. Errors: as request().
  [[nodiscard]] Result<std::optional<typed::TakenRequest<Request, Response>>> take(
      Timeout timeout = kForever) {
    const Result<std::optional<Request>> asked = request(timeout);
    if (!asked) return tl::unexpected(asked.error());
    if (!*asked) return std::nullopt;
    Result<std::optional<ringbell::TakenRequest>> taken = this->bytes_.take_for(Timeout::zero());
    if (!taken) return tl::unexpected(std::move(taken.error()));
    if (!*taken) return std::nullopt;
    return typed::TakenRequest<Request, Response>(std::move(**taken), **asked);
  }
  [[nodiscard]] bool is_cancelled() const noexcept { return this->bytes_.is_cancelled(); }
  // Nothing happens if no request is being served.
  void respond(const Response& response) noexcept {
    if (const std::optional<std::span<std::byte>> room = this->bytes_.claim(sizeof response)) {
      std::memcpy(room->data(), &response, sizeof response);
      this->bytes_.respond();
    }
  }

  // Serves up to `limit` requests as they come: `answer(request)` returns the response. Returns how
  // many, fewer if none came within `timeout`. Errors: as request(), but for requests of another
  // type: those are answered with 0 bytes, and are not counted.
  template <std::invocable<const Request&> Answer>
  requires std::convertible_to<std::invoke_result_t<Answer&, const Request&>, Response>
      Result<std::uint64_t> serve(Answer&& answer, std::uint64_t limit,
                                  Timeout timeout = kForever) {
    for (std::uint64_t served = 0;;) {
      if (served >= limit) return served;
      const Result<std::optional<Request>> asked = request(timeout);
      if (!asked && asked.error().code == ErrorCode::corrupt) continue;
      if (!asked) return tl::unexpected(asked.error());
      if (!*asked) return served;
      respond(answer(**asked));
      ++served;
    }
  }

 private:
  [[nodiscard]] static Request copied(std::span<const std::byte> bytes) noexcept {
    std::array<std::byte, sizeof(Request)> request;  // NOLINT: filled here
    std::memcpy(request.data(), bytes.data(), sizeof(Request));
    return std::bit_cast<Request>(request);
  }

  using Base = OpenedByName<Server<Request, Response>, ringbell::Server, ServiceOptions>;
  friend typename Base::Maker;
  using Base::Base;
};

}  // namespace ringbell::typed
