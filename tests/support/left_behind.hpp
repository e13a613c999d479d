// What processes leave that are killed.
#pragma once

#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell::test {

// Runs `body` in a process that keeps what it returns, and is then killed.
template <class Body>
void in_a_process_that_is_killed(Body&& body) {
  Signal done;
  ChildProcess child = ChildProcess::fork([&] {
    const auto kept = body();
    done.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(done.wait());
  child.kill_now();
}

// A channel by name, made by its sender, with these messages in it.
inline void leave_behind(const std::string& name, const ChannelOptions& options,
                         const std::vector<std::string>& messages) {
  in_a_process_that_is_killed([&] {
    Sender sender = Sender::create(name, options).value();
    for (const std::string& message : messages) (void)send_text(sender, message);
    return sender;
  });
}

}  // namespace ringbell::test
