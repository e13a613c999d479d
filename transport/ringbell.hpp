// ringbell: messages between processes through rings in shared memory. Everything an application
// needs; the rings alone, for other memory, are in <ringbell/core/...>.
#pragma once

#include <ringbell/transport/channel.hpp>
#include <ringbell/transport/collector.hpp>
#include <ringbell/transport/connection.hpp>
#include <ringbell/transport/listener.hpp>
#include <ringbell/transport/names.hpp>
#include <ringbell/transport/queue.hpp>
#include <ringbell/transport/receiver.hpp>
#include <ringbell/transport/sender.hpp>
#include <ringbell/transport/service.hpp>
#include <ringbell/transport/topic.hpp>
#include <ringbell/transport/uring_loop.hpp>
