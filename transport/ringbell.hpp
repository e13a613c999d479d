// ringbell: messages between processes through rings in shared memory. Everything an application
// needs; the rings alone, for other memory, are in <ringbell/core/...>.
#pragma once

#include <ringbell/transport/connect/connection.hpp>
#include <ringbell/transport/connect/listener.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/state.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/names/names.hpp>
#include <ringbell/transport/typed/array.hpp>
#include <ringbell/transport/typed/channel.hpp>
#include <ringbell/transport/typed/collector.hpp>
#include <ringbell/transport/typed/queue.hpp>
#include <ringbell/transport/typed/service.hpp>
#include <ringbell/transport/typed/state.hpp>
#include <ringbell/transport/typed/text.hpp>
#include <ringbell/transport/typed/topic.hpp>
#include <ringbell/transport/typed/type_of.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>
#include <ringbell/transport/waitset/loop.hpp>
#include <ringbell/transport/waitset/wait_set.hpp>
