// The writing endpoint of a channel. One for each channel; not thread-safe; move-only.
//
//   auto room = sender.claim(size);         // in place, no copy: fill it, then
//   sender.commit();                        // the receiver sees it
//   sender.send(bytes);                     // or copied in, waiting for room if need be
#pragma once

#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/channel_end.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/record_writer.hpp>

namespace ringbell {

class RINGBELL_API Sender : public OpenedSide<Sender>,
                            public RecordWriter<Sender, core::SpscRing<>::Writer> {
 public:
  static constexpr Role kRole = Role::writer;

  Sender(Sender&&) noexcept = default;
  Sender& operator=(Sender&& other) noexcept { return replace(*this, std::move(other)); }
  // Closes in order: the receiver drains what was committed, then learns `closed`.
  ~Sender();

  // As flush(), with a tag: after this sender's death the next one's last_tag() tells whether the
  // staged records became visible. What a writer that reads elsewhere resumes from. Nothing happens
  // if nothing is staged, or the tag has more than 61 bits.
  void flush_tagged(std::uint64_t tag) noexcept {
    if (tag >= core::kTagLimit) [[unlikely]]
      return;
    ring_.flush(tag);
    endpoint_.published();
  }
  // The last tag in this ring, of this sender or of one before it, and whether its records became
  // visible: all of them or none. Nothing: there was none. The peer could have changed it.
  [[nodiscard]] std::optional<core::LastTag> last_tag() const noexcept { return ring_.last_tag(); }

  // Announces a sleep until there is room for a record of this size, then looks. False: do not
  // sleep: there is room, or claim_for() has an Error to tell. True: armed until the descriptor
  // becomes readable; look then, and arm() again. What is staged is flushed.
  [[nodiscard]] bool arm(std::size_t size_bytes) {
    flush();
    endpoint_.moved_to(ring_.tail());
    return endpoint_.arm([&] { return has_room(size_bytes) || lacks_reader(); });
  }

 private:
  using Writer = RecordWriter<Sender, core::SpscRing<>::Writer>;
  friend Writer;
  friend OpenedSide<Sender>;

  [[nodiscard]] static Result<Sender> on(Endpoint endpoint);
  Sender(Endpoint endpoint, core::SpscRing<>::Writer ring) noexcept;
  void published() noexcept { endpoint_.published(); }
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_later(std::size_t size_bytes,
                                                                        Timeout timeout);
};

}  // namespace ringbell
