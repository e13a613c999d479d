// What the blocks of code in the documentation may use without saying where it comes from.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <poll.h>

#include <ringbell/ringbell.hpp>

using namespace std::chrono_literals;

void use(std::span<const std::byte> record);
void fill(std::span<std::byte> room);

#define DOCUMENTED                                                                            \
  ringbell::Sender &sender, ringbell::Receiver &receiver, std::span<const std::byte> message, \
      std::span<std::byte> buffer, std::uint32_t size
