// What the header's page of a file keeps for the case that the power goes (core::PowerMark): in
// which boot it was last used, and whether all of it was on the disk since.
#pragma once

#include <array>
#include <string>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>

namespace ringbell::memory::power {

using BootId = std::array<char, 16>;

// Of this boot; all 0, if /proc does not tell. Other ones are then taken for it.
[[nodiscard]] BootId boot_id() noexcept;

// What a file says, without mapping it. Errors: system.
[[nodiscard]] Result<core::PowerMark> read_mark(int fd);

// Whether the file was in use when the power went, or the machine was restarted.
[[nodiscard]] bool is_stale(const core::PowerMark& mark, const BootId& now) noexcept;
[[nodiscard]] tl::unexpected<Error> fail_stale(const core::PowerMark& mark);

// In a mapping: whether records have seals. It is not looked at again: the value may change.
[[nodiscard]] bool has_seals(const std::byte* base) noexcept;
// In a mapping: this boot uses it.
void mark_used(std::byte* base, bool seals, const BootId& now) noexcept;
// In a mapping, and on the disk: it is whole there. Errors: system.
[[nodiscard]] Result<void> mark_whole(std::byte* base);

}  // namespace ringbell::memory::power
