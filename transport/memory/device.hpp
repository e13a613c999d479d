// Devices: memory that a driver lets a process map, by a descriptor that the user opened.
//
// What a driver's descriptor can do is up to the driver: most cannot be read, many have no size,
// some map nothing but the whole. So the header is read through the mapping, and what cannot be
// mapped twice is mapped once (Backing::device_unmirrored). A process that may open the device is
// trusted to keep its memory there.
#pragma once

#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::device {

// That it is a character or block device, or a driver's nameless object (a dma-buf), and that it
// has so many bytes, if it says. Errors: invalid_argument, no_space, system.
[[nodiscard]] Result<void> check(int fd, std::uint64_t bytes);

// Whether attach should take it for a device. False for files, memfds, pipes, sockets, folders.
[[nodiscard]] bool is_device(int fd) noexcept;

// The first bytes of its memory. Errors: permission, system.
[[nodiscard]] Result<core::RegionHeader> read_header(int fd);

// Maps all of these addresses at once, from the device's start. REQUIRES: they are reserved.
// Errors: as place_file.
[[nodiscard]] Result<void> place_unmirrored(const Mapping& at, int fd, Access access);

}  // namespace ringbell::memory::device
