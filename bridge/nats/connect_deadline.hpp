// Ends a natsConnection_Connect() that libnats would not end: in 3.4 it reads on for ever, and at
// full speed, if a server says nothing more once it has greeted (nats.c, issue 706; mended in 3.8).
//
// While one is alive no other thread of the bridge connects. So a TCP socket that this process did
// not have before is the one that waits; once it is shut down the call fails as if the server had
// closed it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <sys/types.h>

namespace ringbell::bridge {

class ConnectDeadline {
 public:
  explicit ConnectDeadline(std::chrono::milliseconds time);
  ConnectDeadline(const ConnectDeadline&) = delete;
  ConnectDeadline& operator=(const ConnectDeadline&) = delete;
  ~ConnectDeadline();

 private:
  void watch(std::chrono::milliseconds time);

  std::unique_lock<std::mutex> alone_;
  std::set<ino_t> before_;  // the TCP sockets that were there
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace ringbell::bridge
