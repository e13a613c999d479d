// What /dev/ringbell refuses, with which errno (the table of kernel/README.md), and that nothing is
// held after a refusal.
#include <functional>

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <tests/kernel/kernel_peer.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/scratch_folder.hpp>

namespace ringbell {
namespace {

using core::RegionHeader;
using test::KernelDevice;
using test::KernelPeerTest;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

class KernelAttachTest : public KernelPeerTest {
 protected:
  void SetUp() override {
    KernelPeerTest::SetUp();
    if (!IsSkipped()) channel_.emplace(make_channel({.capacity_bytes = 8192}));
  }
  void TearDown() override {
    channel_.reset();
    KernelPeerTest::TearDown();
  }

  [[nodiscard]] rb_attach words() const {
    return test::attach_words(channel_->fds(), RB_ROLE_WRITER, 1);
  }
  // With one thing changed. 0 or errno.
  [[nodiscard]] int attach_with(const std::function<void(rb_attach&)>& change) const {
    rb_attach changed = words();
    change(changed);
    const KernelDevice device;
    const int error = device.attach(changed);
    if (error != 0) expect_nothing_held();
    return error;
  }
  [[nodiscard]] int attach_memory(int fd) const {
    return attach_with([&](rb_attach& with) { with.memory_fd = fd; });
  }

  // A memfd that holds this header, and nothing else.
  [[nodiscard]] static FileDescriptor file_of(const RegionHeader& header, int seals = kSeals,
                                              std::int64_t more_bytes = 0) {
    FileDescriptor file(::memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(
        ::ftruncate(file.get(), static_cast<off_t>(header.geometry.region_bytes) + more_bytes), 0);
    EXPECT_EQ(::pwrite(file.get(), &header, sizeof header, 0), ssize_t{sizeof header});
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);
    return file;
  }
  [[nodiscard]] RegionHeader header() const {
    RegionHeader header{};
    EXPECT_EQ(::pread(channel_->fds().memory, &header, sizeof header, 0), ssize_t{sizeof header});
    return header;
  }
  [[nodiscard]] int attach_header(const std::function<void(RegionHeader&)>& change) const {
    RegionHeader changed = header();
    const std::uint64_t bytes = changed.geometry.region_bytes;
    change(changed);
    const auto said = static_cast<std::int64_t>(changed.geometry.region_bytes);
    return attach_memory(file_of(changed, kSeals, static_cast<std::int64_t>(bytes) - said).get());
  }

  std::optional<Channel> channel_;
};

TEST_F(KernelAttachTest, TakesWhatIsAsItShouldBe) {
  EXPECT_EQ(attach_with([](rb_attach&) {}), 0);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.role = RB_ROLE_READER; }), 0);
  EXPECT_EQ(attach_header([](RegionHeader&) {}), 0);
}

TEST_F(KernelAttachTest, EachWrongWordOfTheCallHasItsErrno) {
  EXPECT_EQ(attach_with([](rb_attach& with) { with.role = 2; }), EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.role = UINT32_MAX; }), EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.flags = 1; }), EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.reserved = 1; }), EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { std::memset(with.peer, 'x', sizeof with.peer); }),
            EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.peer[0] = 'x'; }), ENOENT);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.peer[0] = '\0'; }), ENOENT);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.memory_fd = -1; }), EBADF);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.memory_fd = 9999; }), EBADF);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.data_fd = -1; }), EBADF);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.space_fd = -1; }), EBADF);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.data_fd = with.memory_fd; }), EINVAL);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.space_fd = with.memory_fd; }), EINVAL);
}

TEST_F(KernelAttachTest, WrongCallsHaveTheirErrno) {
  const KernelDevice device;
  EXPECT_EQ(::ioctl(device.fd(), RB_ATTACH, nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(::ioctl(device.fd(), RB_ATTACH, ~0UL - 8), -1);
  EXPECT_EQ(errno, EFAULT);
  for (const unsigned long command :
       {0UL, RB_ATTACH + 1UL, _IO(0xb3, 1) + 0UL, _IOW(0xb3, 1, int) + 0UL}) {
    const rb_attach right = words();
    EXPECT_EQ(::ioctl(device.fd(), command, &right), -1);
    EXPECT_EQ(errno, ENOTTY);
  }
  char byte = 0;
  EXPECT_EQ(::read(device.fd(), &byte, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(::write(device.fd(), &byte, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, device.fd(), 0), MAP_FAILED);
  EXPECT_EQ(errno, ENODEV);
}

TEST_F(KernelAttachTest, OpenFileHasOneSessionAtMost) {
  const KernelDevice device;
  ASSERT_EQ(device.attach(words()), 0);
  EXPECT_EQ(device.attach(words()), EBUSY);
  const Channel other = make_channel();
  EXPECT_EQ(device.attach(test::attach_words(other.fds(), RB_ROLE_WRITER)), EBUSY);
  EXPECT_EQ(test::parameter("ringbell", "sessions"), 1);
}

TEST_F(KernelAttachTest, RefusedCallCanBeMadeAgain) {
  const KernelDevice device;
  rb_attach wrong = words();
  wrong.memory_fd = -1;
  EXPECT_EQ(device.attach(wrong), EBADF);
  EXPECT_EQ(device.attach(words()), 0);
}

TEST_F(KernelAttachTest, RoleIsHeldByOneSideAtATime) {
  {
    const Sender sender = Sender::attach(channel_->fds()).value();
    EXPECT_EQ(attach_with([](rb_attach&) {}), EBUSY);
  }
  const KernelDevice device;
  ASSERT_EQ(device.attach(words()), 0);
  const auto refused = Sender::attach(channel_->fds());
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::busy);
  const KernelDevice second;
  EXPECT_EQ(second.attach(words()), EBUSY);
  rb_attach reads = words();
  reads.role = RB_ROLE_READER;
  EXPECT_EQ(second.attach(reads), 0);  // the kernel on both sides
}

TEST_F(KernelAttachTest, MemoryThatIsNoMemfdIsRefused) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reads(ends[0]);
  const FileDescriptor writes(ends[1]);
  EXPECT_EQ(attach_memory(reads.get()), EINVAL);
  EXPECT_EQ(attach_memory(channel_->fds().data_bell), EINVAL);
  EXPECT_EQ(attach_memory(KernelDevice().fd()), EINVAL);
  const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(attach_memory(null.get()), EINVAL);
  const FileDescriptor folder(::open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(attach_memory(folder.get()), EINVAL);
  const FileDescriptor on_disk(::open("/tmp/region", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_EQ(attach_memory(on_disk.get()), EINVAL);
  ::unlink("/tmp/region");
  const std::string path = "/proc/self/fd/" + std::to_string(channel_->fds().memory);
  const FileDescriptor path_only(::open(path.c_str(), O_PATH | O_CLOEXEC));
  EXPECT_EQ(attach_memory(path_only.get()), EBADF);
  const FileDescriptor read_only(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(attach_memory(read_only.get()), EACCES);
}

TEST_F(KernelAttachTest, MemoryThatCanChangeItsSizeOrMustNotBeWrittenIsRefused) {
  for (const int seals :
       {0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_SEAL,
        F_SEAL_GROW | F_SEAL_SEAL, kSeals | F_SEAL_WRITE, kSeals | F_SEAL_FUTURE_WRITE}) {
    EXPECT_EQ(attach_memory(file_of(header(), seals).get()), EPERM) << seals;
  }
  const FileDescriptor named(::open("/dev/shm/region", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_EQ(attach_memory(named.get()), EPERM);
  ::unlink("/dev/shm/region");
}

TEST_F(KernelAttachTest, HugePagesAreRefused) {
  const FileDescriptor huge(::memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  EXPECT_EQ(attach_memory(huge.get()), EOPNOTSUPP);
}

TEST_F(KernelAttachTest, WhatIsNoRegionIsRefused) {
  const FileDescriptor empty(::memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::fcntl(empty.get(), F_ADD_SEALS, kSeals), 0);
  EXPECT_EQ(attach_memory(empty.get()), EBADMSG);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.magic[7] = '?'; }), EBADMSG);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with = {}; }), EBADMSG);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.doorbell_kind = 0; }), EBADMSG);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.doorbell_kind = 4; }), EBADMSG);
  EXPECT_EQ(attach_memory(file_of(header(), kSeals, 4096).get()), EBADMSG);
  EXPECT_EQ(attach_memory(file_of(header(), kSeals, -4096).get()), EBADMSG);
  EXPECT_EQ(attach_memory(file_of(header(), kSeals, -1).get()), EBADMSG);
}

TEST_F(KernelAttachTest, RegionsThatTheKernelCannotServeAreRefused) {
  for (const std::uint32_t kind : {0U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
    EXPECT_EQ(attach_header([&](RegionHeader& with) { with.ring_kind = kind; }), EOPNOTSUPP);
  }
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.doorbell_kind = 2; }), EOPNOTSUPP);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.backing = 1; }), EOPNOTSUPP);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.backing = 5; }), EOPNOTSUPP);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.layout_version = 2; }), EPROTONOSUPPORT);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.layout_version = 4; }), EPROTONOSUPPORT);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.type.version = 1; }), EPROTONOSUPPORT);
  EXPECT_EQ(attach_header([](RegionHeader& with) { with.type.name[111] = 'x'; }), EPROTONOSUPPORT);
}

TEST_F(KernelAttachTest, EachWrongFieldOfTheGeometryIsRefused) {
  using G = core::Geometry;
  const auto with = [&](auto G::*field, auto value) {
    return attach_header([&](RegionHeader& header) {
      header.geometry.*field = static_cast<std::remove_cvref_t<decltype(G().*field)>>(value);
    });
  };
  for (const std::uint64_t wrong : {0UL, 1UL, 4096UL, 12287UL, 16384UL, 1UL << 50U}) {
    EXPECT_EQ(with(&G::capacity_bytes, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::control_offset, wrong + 1), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::data_offset, wrong + 8), EBADMSG) << wrong;
  }
  EXPECT_EQ(with(&G::region_bytes, 12288), EBADMSG);
  EXPECT_EQ(with(&G::region_bytes, 0), EBADMSG);
  for (const std::uint32_t wrong : {0U, 1U, 4U, 12U, 128U, UINT32_MAX}) {
    EXPECT_EQ(with(&G::record_alignment, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::payload_alignment, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::page_bytes, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::participants, wrong), EBADMSG) << wrong;
    if (wrong == 0) continue;
    EXPECT_EQ(with(&G::slot_count, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::message_bytes, wrong), EBADMSG) << wrong;
    EXPECT_EQ(with(&G::user_header_bytes, wrong), EBADMSG) << wrong;
  }
  EXPECT_EQ(with(&G::payload_alignment, 16), EBADMSG);  // more than the records'
  EXPECT_EQ(with(&G::page_bytes, 2U << 20U), EOPNOTSUPP);
}

TEST_F(KernelAttachTest, WhatTheLastSideLeftMustBePossible) {
  const Region region =
      Region::attach(FileDescriptor(::fcntl(channel_->fds().memory, F_DUPFD_CLOEXEC, 0))).value();
  core::SpscControl& control = region.spsc_control();
  control.intent.tag = 1;
  EXPECT_EQ(attach_with([](rb_attach&) {}), EPROTONOSUPPORT);
  control.intent = {.position = 8, .tag = 0};
  EXPECT_EQ(attach_with([](rb_attach&) {}), EPROTONOSUPPORT);
  control.intent = {};
  control.head = 1;
  EXPECT_EQ(attach_with([](rb_attach&) {}), EUCLEAN);
  EXPECT_EQ(attach_with([](rb_attach& with) { with.role = RB_ROLE_READER; }), EUCLEAN);
  control.head = 0;
  auto* const words = reinterpret_cast<std::uint64_t*>(region.data());
  words[0] = core::SpscPlaces::header_of(0, 8192);  // larger than any
  EXPECT_EQ(attach_with([](rb_attach&) {}), EUCLEAN);
  for (std::uint64_t at = 0; at < 8192; at += 16) {  // full, without the 8 bytes that stay free
    words[at / 8] = core::SpscPlaces::header_of(at, 8);
  }
  EXPECT_EQ(attach_with([](rb_attach&) {}), EUCLEAN);
}

TEST_F(KernelAttachTest, LimitsHold) {
  test::set_parameter("ringbell", "max_bytes", 8192);
  EXPECT_EQ(attach_with([](rb_attach&) {}), EFBIG);
  test::set_parameter("ringbell", "max_bytes", 64L << 20);
  EXPECT_EQ(attach_with([](rb_attach&) {}), 0);
  // Of a process that may not lock what it likes.
  test::ChildProcess child = test::ChildProcess::fork([&] {
    const KernelDevice device;
    const rlimit little{.rlim_cur = 4096, .rlim_max = 4096};
    if (::setrlimit(RLIMIT_MEMLOCK, &little) != 0 || ::setuid(65534) != 0) return 1;
    return device.attach(words()) == ENOMEM ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(KernelAttachTest, ChannelWithoutDoorbellTakesNoEventfd) {
  const Channel silent =
      Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::none}).value();
  EXPECT_EQ(attach_with([&](rb_attach& with) { with.memory_fd = silent.fds().memory; }), EINVAL);
}

TEST_F(KernelAttachTest, NothingIsUnloadedWhileAProcessIsAttached) {
  KernelDevice device;
  EXPECT_EQ(test::unload_module("ringbell"), EWOULDBLOCK);
  ASSERT_EQ(device.attach(words()), 0);
  EXPECT_EQ(test::unload_module("ringbell_counter"), EWOULDBLOCK);
  EXPECT_EQ(test::unload_module("ringbell"), EWOULDBLOCK);
  device.close();
  EXPECT_EQ(test::unload_module("ringbell_counter"), 0);
  EXPECT_EQ(attach_with([](rb_attach&) {}), ENOENT);
  EXPECT_EQ(test::load_module("ringbell_counter"), 0);
  EXPECT_EQ(attach_with([](rb_attach&) {}), 0);
}

TEST_F(KernelAttachTest, ChildOfForkKeepsTheSession) {
  test::Signal end;
  KernelDevice device;
  ASSERT_EQ(device.attach(words()), 0);
  test::ChildProcess child = test::ChildProcess::fork([&] { return end.wait() ? 0 : 1; });
  device.close();
  EXPECT_EQ(test::parameter("ringbell", "sessions"), 1);
  end.tell();
  EXPECT_EQ(child.wait(), 0);
  expect_nothing_held();
}

}  // namespace
}  // namespace ringbell
