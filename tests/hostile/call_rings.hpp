// Rooms (memory between walls) for calls, and callers and servers as victims.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ringbell/core/call_group.hpp>
#include <ringbell/core/call_line.hpp>

#include <tests/hostile/byte_rings.hpp>

namespace ringbell::hostile {

// One line or many: a CallGroup's line is a CallLine.
class CallRoom {
 public:
  explicit CallRoom(Choices& choices)
      : lines_(choices.one_in(4) ? 66 : 1 + static_cast<std::uint32_t>(choices.roll(4))),
        buffer_bytes_(choices.one_in(2) ? 0U : 8U << choices.roll(6)),
        control_(sizeof(core::ReadyControl), alignof(core::ReadyControl), some_wall(choices)),
        cells_(lines_ * sizeof(core::CallGroupLine), alignof(core::CallGroupLine),
               some_wall(choices)),
        buffers_(std::size_t{2} * lines_ * buffer_bytes_ + kLine, 8, some_wall(choices)) {}

  [[nodiscard]] core::CallGroupMemory memory() const noexcept {
    return {.control = control_.as<core::ReadyControl>(),
            .lines = cells_.as<core::CallGroupLine>(),
            .buffers = buffers_.data() + kLine,
            .buffer_bytes = buffer_bytes_,
            .lane_count = lines_};
  }
  // In the payload of this line's cell, or in its buffer: the first for requests.
  [[nodiscard]] bool holds(std::uint32_t line, std::span<const std::byte> bytes,
                           bool response) const noexcept {
    const core::CallMemory memory_of = memory().line(line);
    const std::byte* first = memory_of.cell->payload.data();
    std::size_t room = core::kInlineCallBytes;
    if (bytes.size() > room) {
      first = response ? memory_of.response_buffer : memory_of.request_buffer;
      room = buffer_bytes_;
    }
    return line < lines_ && bytes.data() == first && bytes.size() <= room;
  }
  [[nodiscard]] std::vector<Target> targets() const {
    const Target states{cells_.data(), cells_.size(), sizeof(core::CallGroupLine)};
    return {states,
            states,
            {control_.data(), control_.size(), sizeof(core::ReadyLine)},
            {cells_.data(), cells_.size(), core::kFalseSharingBytes}};
  }
  [[nodiscard]] Landmarks landmarks() const {
    return {std::uint64_t{buffer_bytes_} << 3U, core::kInlineCallBytes << 3U, 1, 1ULL << 32U,
            lines_};
  }
  [[nodiscard]] std::vector<std::span<std::byte>> everything() const {
    return {{control_.data(), control_.size()}, {cells_.data(), cells_.size()}};
  }

 private:
  static constexpr std::size_t kLine = 64;  // in front, so that there are some bytes at all

  std::uint32_t lines_;
  std::uint32_t buffer_bytes_;
  WalledBytes control_;
  WalledBytes cells_;
  WalledBytes buffers_;
};

// What a caller does, of a line or of a group's.
template <class Caller>
class Calling {
 public:
  void step(Caller& caller, const CallRoom& room, std::uint32_t line, Choices& choices,
            Tally& tally) {
    if (!waiting_) {
      const std::uint32_t size = some_record(caller.max_message_bytes(), choices);
      const std::span<std::byte> request = caller.claim(size);
      if (request.data() == nullptr) return;
      HOSTILE_CHECK(request.size() == size && room.holds(line, request, false));
      tally.write(request);
      caller.call();
      waiting_ = true;
    } else if (caller.answered()) {
      waiting_ = false;
      const std::span<const std::byte> response = caller.response();
      HOSTILE_CHECK((response.data() == nullptr) == (caller.failed() || caller.over()));
      HOSTILE_CHECK(response.data() == nullptr || room.holds(line, response, true));
      tally.read(response);
      if (!caller.has_more()) return;
      if (choices.one_in(4)) return (void)caller.abandon();
      waiting_ = caller.next() || caller.waiting();
    } else if (choices.one_in(16)) {
      waiting_ = false;
      if (caller.abandon() != core::CallFate::served || caller.over()) return;
      HOSTILE_CHECK(room.holds(line, caller.response(), true));
      tally.read(caller.response());
    }
  }

 private:
  bool waiting_ = false;
};

template <class A, class Caller>
class AnyCaller {
 public:
  AnyCaller(const CallRoom& room, Choices&) : room_(&room), caller_(make()) {}

  void step(Choices& choices, Tally& tally) {
    if (caller_.corrupt()) tally.report(caller_.finding());
    if (caller_.corrupt() || choices.one_in(64)) {
      line_ = static_cast<std::uint32_t>(choices.roll(room_->memory().lane_count));
      caller_ = make();
      calling_ = {};
    }
    calling_.step(caller_, *room_, line_, choices, tally);
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept { return 16; }

 private:
  [[nodiscard]] Caller make() const {
    if constexpr (std::is_constructible_v<Caller, core::CallMemory>) {
      return Caller(room_->memory().line(line_));
    } else {
      return Caller(room_->memory(), line_);
    }
  }

  const CallRoom* room_;
  std::uint32_t line_ = 0;
  Caller caller_;
  Calling<Caller> calling_;
};

template <class A>
using LineCaller = AnyCaller<A, typename core::CallLine<A>::Caller>;
template <class A>
using GroupCaller = AnyCaller<A, typename core::CallGroup<A>::Caller>;

// What a server does with a request.
template <class Server>
void serve(Server& server, const CallRoom& room, std::uint32_t line,
           std::span<const std::byte> request, Choices& choices, Tally& tally) {
  HOSTILE_CHECK(room.holds(line, request, false));
  tally.read(request);
  if (choices.one_in(8)) return;  // later
  const std::uint32_t size = some_record(server.max_message_bytes(), choices);
  const auto answer = [&](auto& by) {
    (void)by.is_cancelled();
    const std::span<std::byte> response = by.claim(size);
    HOSTILE_CHECK(response.size() == size && room.holds(line, response, true));
    tally.write(response);
    by.respond();
  };
  if (!choices.one_in(4)) return answer(server);
  auto taken = server.take();
  HOSTILE_CHECK(room.holds(line, taken.request(), false));
  if (choices.one_in(4)) return taken.drop();
  if (choices.one_in(2)) {
    const std::span<std::byte> part = taken.claim(size);
    HOSTILE_CHECK(part.size() == size && room.holds(line, part, true));
    tally.write(part);
    using Standing = decltype(taken.look());
    if (taken.part() && taken.look() != Standing::here) {
      return choices.one_in(2) ? taken.finish() : taken.drop();
    }
  }
  answer(taken);
}

template <class A>
class LineServer {
 public:
  LineServer(const CallRoom& room, Choices&) : room_(&room), server_(room.memory().line(0)) {}

  void step(Choices& choices, Tally& tally) {
    if (server_.corrupt()) tally.report(server_.finding());
    if (server_.corrupt() || choices.one_in(64)) {
      line_ = static_cast<std::uint32_t>(choices.roll(room_->memory().lane_count));
      server_ = typename core::CallLine<A>::Server(room_->memory().line(line_));
    }
    const std::span<const std::byte> request = server_.request();
    if (request.data() != nullptr) serve(server_, *room_, line_, request, choices, tally);
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept { return 16; }

 private:
  const CallRoom* room_;
  std::uint32_t line_ = 0;
  typename core::CallLine<A>::Server server_;
};

template <class A>
class GroupServer {
  using Server = typename core::CallGroup<A>::Server;

 public:
  GroupServer(const CallRoom& room, Choices&)
      : room_(&room), lines_(room.memory().lane_count), server_(room.memory(), lines_, kPace) {}

  void step(Choices& choices, Tally& tally) {
    const std::span<const std::byte> request = server_.request();
    for (; reported_ < server_.corrupt_lines(); ++reported_) {
      for (std::uint32_t line = 0; line < server_.line_count(); ++line) {
        if (server_.corrupt(line)) tally.last = server_.finding(line);
      }
      tally.report(tally.last);
    }
    if (request.data() != nullptr) {
      serve(server_, *room_, server_.line(), request, choices, tally);
    } else if (choices.one_in(2)) {
      (void)server_.anything();
    } else if (choices.one_in(8) || server_.corrupt_lines() == server_.line_count()) {
      server_ = Server(room_->memory(), lines_, kPace);
      reported_ = 0;
    }
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 16 * std::uint64_t{server_.line_count()} + 64;
  }

 private:
  static constexpr core::LanePace kPace{.patience = 2, .kept_lanes = 1};

  const CallRoom* room_;
  std::vector<typename core::CallGroup<A>::ServerLine> lines_;
  Server server_;
  std::uint32_t reported_ = 0;
};

}  // namespace ringbell::hostile
