// What the blocks of code in the documentation may use without saying where it comes from.
#pragma once

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/ends/sealed.hpp>
#include <ringbell/transport/ends/until_stopped.hpp>

using namespace std::chrono_literals;

struct Quote {
  std::uint64_t number;
  double price;
};

struct Config {
  std::uint32_t level;
  ringbell::Text<20> name;
};

void use(std::span<const std::byte> record);
void fill(std::span<std::byte> room);

#define DOCUMENTED                                                                            \
  ringbell::Sender &sender, ringbell::Receiver &receiver, std::span<const std::byte> message, \
      std::span<std::byte> buffer, std::uint32_t size
