// The same with pipes: as many as there are readers, or one into which all write.
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/scale/ways.hpp"
#include "bench/transports/pipe.hpp"

namespace ringbell::bench {
namespace {

constexpr int kPipeBytes = 64 * 1024;
// Whole letters: a pipe keeps what was written in one call together up to PIPE_BUF.
constexpr std::size_t kReadBytes = kPipeBytes / kLetterBytes * kLetterBytes;

template <Shape shape>
class ManyPipes {
 public:
  static constexpr Shape kShape = shape;
  static constexpr bool kMayMiss = false;

  class Writers : public Failing {
   public:
    Writers(std::vector<FileDescriptor> pipes, Polling polling) noexcept
        : pipes_(std::move(pipes)), polling_(polling) {}

    [[nodiscard]] bool send(std::uint32_t source, std::span<const std::byte> message) {
      if (shape != Shape::subscribers) return write(pipes_[source].get(), message);
      for (const FileDescriptor& pipe : pipes_) {
        if (!write(pipe.get(), message)) return false;
      }
      return true;
    }
    [[nodiscard]] int last() const noexcept { return pipes_.back().get(); }

   private:
    [[nodiscard]] bool write(int fd, std::span<const std::byte> message) {
      while (::write(fd, message.data(), message.size()) < 0) {
        if (errno == EAGAIN) {
          polling_.not_now();
        } else if (errno != EINTR) {
          return failed("write failed");
        }
      }
      return true;
    }

    std::vector<FileDescriptor> pipes_;
    Polling polling_;
  };

  class Reader : public Failing {
   public:
    Reader(std::vector<FileDescriptor> pipes, FileDescriptor epoll) noexcept
        : pipes_(std::move(pipes)), epoll_(std::move(epoll)) {}

    template <class Use>
    [[nodiscard]] bool turn(Use&& use) {
      if (!epoll_) {
        for (std::uint32_t way = 0; way < pipes_.size(); ++way) {
          if (!take(way, use)) return false;
        }
        return true;
      }
      std::array<epoll_event, kMostAtOnce> events{};
      const int found = ::epoll_wait(epoll_.get(), events.data(), kMostAtOnce, -1);
      if (found < 0 && errno != EINTR) return failed("epoll_wait failed");
      for (int i = 0; i < found; ++i) {
        if (!take(events[static_cast<std::size_t>(i)].data.u32, use)) return false;
      }
      return true;
    }

   private:
    template <class Use>
    [[nodiscard]] bool take(std::uint32_t way, Use& use) {
      const ssize_t got = ::read(pipes_[way].get(), buffer_.data(), buffer_.size());
      if (got < 0) return errno == EAGAIN || errno == EINTR || failed("read failed");
      const auto came = std::span(buffer_).first(static_cast<std::size_t>(got));
      for (std::size_t at = 0; at < came.size(); at += kLetterBytes) {
        use(way, std::span<const std::byte>(came).subspan(at, kLetterBytes));
      }
      return true;
    }

    std::vector<FileDescriptor> pipes_;
    FileDescriptor epoll_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kReadBytes);
  };

  [[nodiscard]] static Result<ManyPipes> open(std::uint32_t count, Loop loop) {
    ManyPipes many(loop);
    for (std::uint32_t way = 0; way < ways_of(shape, count); ++way) {
      Result<OneWay> pipe = make_pipe(kPipeBytes);
      if (!pipe) return tl::unexpected(pipe.error());
      many.ins_.push_back(std::move((*pipe)[0]));
      many.outs_.push_back(std::move((*pipe)[1]));
    }
    while (many.outs_.size() < count) {  // writers of one pipe
      Result<FileDescriptor> again = open_again(many.outs_.front().get());
      if (!again) return tl::unexpected(again.error());
      many.outs_.push_back(std::move(*again));
    }
    for (const auto* ends : {&many.ins_, &many.outs_}) {
      // A writer that finds no room sleeps, unless its reader polls.
      if (loop == Loop::waiting || (ends == &many.outs_ && loop != Loop::polled)) continue;
      for (const FileDescriptor& end : *ends) {
        if (Result<void> done = make_non_blocking(end.get()); !done) {
          return tl::unexpected(done.error());
        }
      }
    }
    return many;
  }
  [[nodiscard]] Result<Writers> writers() { return Writers(std::move(outs_), Polling{}); }
  [[nodiscard]] Result<Reader> reader() {
    FileDescriptor epoll;
    if (loop_ == Loop::epoll) epoll = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    for (std::uint32_t way = 0; epoll && way < ins_.size(); ++way) {
      epoll_event wanted{.events = EPOLLIN, .data = {.u32 = way}};
      if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, ins_[way].get(), &wanted) != 0) {
        return fail_errno("epoll_ctl failed");
      }
    }
    return Reader(std::move(ins_), std::move(epoll));
  }
  [[nodiscard]] static Result<std::function<Result<void>()>> one_more(Writers& writers,
                                                                      Reader& /*reader*/) {
    return [fd = writers.last()]() -> Result<void> {
      const Result<FileDescriptor> end = open_again(fd);
      return end ? Result<void>{} : tl::unexpected(end.error());
    };
  }
  // The kernel's own memory is in no process's account: what the buffers may take.
  [[nodiscard]] static std::uint64_t unseen_bytes(std::uint32_t count) noexcept {
    return std::uint64_t{ways_of(shape, count)} * kPipeBytes;
  }

 private:
  explicit ManyPipes(Loop loop) noexcept : loop_(loop) {}

  [[nodiscard]] static Result<FileDescriptor> open_again(int fd) {
    FileDescriptor end(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_CLOEXEC));
    if (!end) return fail_errno("opening a pipe again failed");
    return end;
  }

  std::vector<FileDescriptor> ins_;
  std::vector<FileDescriptor> outs_;
  Loop loop_;
};

}  // namespace

void add_pipes(std::vector<ManyWay>& ways) {
  static constexpr std::array<std::uint32_t, 4> kMany{1, 10, 100, 1000};
  static constexpr std::array<std::uint32_t, 4> kSome{1, 4, 16, 64};
  for (const Loop loop : {Loop::polled, Loop::epoll}) {
    add_streams<ManyPipes<Shape::channels>>(ways, "pipe", loop, kMany);
    add_streams<ManyPipes<Shape::subscribers>>(ways, "pipe", loop, kSome);
  }
  add_ends<ManyPipes<Shape::channels>>(ways, "pipe", Loop::none, kMany);
  add_ends<ManyPipes<Shape::subscribers>>(ways, "pipe", Loop::none, kSome);
  for (const Loop loop : {Loop::polled, Loop::waiting}) {
    add_streams<ManyPipes<Shape::writers>>(ways, "pipe", loop, kSome);
  }
  add_ends<ManyPipes<Shape::writers>>(ways, "pipe", Loop::none, kSome);
}

}  // namespace ringbell::bench
