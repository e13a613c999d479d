#include <ringbell/transport/ends/endpoint.hpp>

#include <utility>

#include <ringbell/transport/sleep/membarrier.hpp>
#include <ringbell/transport/sleep/priority.hpp>

#include <unistd.h>

namespace ringbell {
namespace {

using core::HardwareAtomics;
using core::Parking;
using core::SideState;

// Edge S: a side that sees the other one closed sees its last commit (release/acquire).
constexpr core::Edge kState{"endpoint.S"};

constexpr std::uint32_t number_of(Role role) noexcept { return std::uint32_t(role); }

}  // namespace

Endpoint::Endpoint(Channel channel, ParticipantLock lock, Role role,
                   const WaitOptions& wait) noexcept
    : channel_(std::move(channel)),
      lock_(std::move(lock)),
      wait_(wait),
      parker_(wait, channel_.region().doorbell() != core::DoorbellKind::none),
      fence_below_bytes_(wait.fence_below_bytes),
      owner_pid_(::getpid()),
      role_(role),
      by_barrier_(parker_.can_barrier()) {
  core::SpscControl& control = channel_.region().spsc_control();
  std::uint32_t& data_bell = control.data_bell.word;
  std::uint32_t& space_bell = control.space_bell.word;
  own_bell_ = role == Role::reader ? &data_bell : &space_bell;
  peer_bell_ = role == Role::reader ? &space_bell : &data_bell;
}

Result<Endpoint> Endpoint::open(Channel channel, Role role, const WaitOptions& wait,
                                SignOfLife sign_of_life) {
  core::SpscControl& control = channel.region().spsc_control();
  std::uint32_t& own_pid = role == Role::reader ? control.reader_pid : control.writer_pid;
  Result<ParticipantLock> lock = ParticipantLock::take(
      channel.region().fd(), number_of(role), role == Role::writer ? "writer" : "reader",
      HardwareAtomics::load(own_pid, std::memory_order_relaxed, kState));
  if (!lock) return tl::unexpected(std::move(lock.error()));
  Endpoint endpoint(std::move(channel), std::move(*lock), role, wait);
  endpoint.sign_of_life_ = std::move(sign_of_life);
  Parking<>::open(*endpoint.own_bell_, endpoint.by_barrier_);
  HardwareAtomics::store(own_pid, static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed,
                         kState);
  HardwareAtomics::store(endpoint.state_of(role), std::uint32_t(SideState::open),
                         std::memory_order_release, kState);  // S
  endpoint.published();  // the peer may be waiting for this side to come
  return endpoint;
}

bool Endpoint::is_open() const noexcept {
  return channel_.region().base() != nullptr && ::getpid() == owner_pid_;
}

void Endpoint::rely_on_sign_of_life() noexcept {
  lock_.let_go();
  channel_.region().let_go_of_file();
}

void Endpoint::close(bool unread) noexcept {
  if (!is_open()) return;
  HardwareAtomics::store(state_of(role_), std::uint32_t(SideState::closed),
                         std::memory_order_release, kState);  // S
  published();
  if (!name_) return;
  name_->leave(lock_, channel_.region().fd(), [&] { return unread && !peer_closed(); });
}

void Endpoint::leave(bool unread) noexcept {
  if (!is_open()) return;
  HardwareAtomics::store(state_of(role_), std::uint32_t(SideState::absent),
                         std::memory_order_release, kState);  // S
  published();                                                // what was given back last
  if (name_) {
    name_->leave(lock_, channel_.region().fd(), [&] { return unread; });
  } else {
    lock_.drop();
  }
  owner_pid_ = 0;  // no process's: is_open() is over
}

void Endpoint::interrupt() noexcept {
  if (!is_open()) return;
  parker_.interrupt(
      [&] { Parking<>::ring(*own_bell_, [&] { own_doorbell().wake_own(*own_bell_); }); });
}

std::uint32_t& Endpoint::state_of(Role role) const noexcept {
  core::SpscControl& control = channel_.region().spsc_control();
  return role == Role::reader ? control.reader_state : control.writer_state;
}

std::uint32_t& Endpoint::pid_of(Role role) const noexcept {
  core::SpscControl& control = channel_.region().spsc_control();
  return role == Role::reader ? control.reader_pid : control.writer_pid;
}

// A peer that has not come may have no other CPU on which to start.
bool Endpoint::keeps_peer_off() const noexcept {
  const auto self = priority::RealTime::of_this_thread();
  if (!self) return false;
  const Role peer = other(role_);
  const bool is_there = HardwareAtomics::load(state_of(peer), std::memory_order_relaxed, kState) ==
                        std::uint32_t(SideState::open);
  return !is_there || self->keeps_off_cpu(
                          HardwareAtomics::load(pid_of(peer), std::memory_order_relaxed, kState));
}

std::uint32_t Endpoint::announce_sleep() noexcept {
  const auto heavy_barrier = [] { membarrier::heavy_barrier(); };
  if (by_barrier_ && sleeps_often()) {
    Parking<>::let_peer_fence(*own_bell_, heavy_barrier);
    by_barrier_ = false;
  }
  slept_at_ = turned_at_ = position_;
  return Parking<>::park(*own_bell_, by_barrier_, heavy_barrier);
}

void Endpoint::go_back_to_barriers() noexcept {
  by_barrier_ = true;
  Parking<>::open(*own_bell_, true);
  if (armed_ == Armed::yes) wake_own_loop();
}

void Endpoint::sleep(std::uint32_t parked, Timeout longest) const noexcept {
  own_doorbell().sleep(*own_bell_, parked, longest, sign_of_life_);
}

const Doorbell& Endpoint::own_doorbell() const noexcept {
  return role_ == Role::reader ? channel_.data_bell() : channel_.space_bell();
}

Result<int> Endpoint::waitable_fd() const {
  if (!parker_.waiter().sleeps()) {
    return fail(ErrorCode::unsupported,
                "this endpoint never sleeps: the channel has no doorbell or WaitOptions::kind is "
                "spin; create the channel with DoorbellKind::eventfd, and park");
  }
  if (own_doorbell().is_socket()) {
    if (waitable_) return waitable_.get();
    Result<FileDescriptor> made = own_doorbell().make_waitable();
    if (!made) return tl::unexpected(std::move(made.error()));
    waitable_ = std::move(*made);
    return waitable_.get();
  }
  if (own_doorbell().fd() >= 0) return own_doorbell().fd();
  return fail(ErrorCode::unsupported,
              "this channel rings by futex, which no descriptor can be had for; create it with "
              "DoorbellKind::eventfd");
}

SleepingPlace Endpoint::sleeping_place() const noexcept {
  const int fd = own_doorbell().is_socket() ? waitable_fd().value_or(-1) : own_doorbell().fd();
  return {parker_.waiter().sleeps() ? channel_.region().doorbell() : core::DoorbellKind::none, fd,
          own_bell_, parked_};
}

void Endpoint::disarm() noexcept {
  armed_ = Armed::no;
  if (!parker_.waiter().sleeps()) return;
  Parking<>::unpark(*own_bell_, by_barrier_);
  silence();  // after the bit is gone: a ring that comes later was under way already
}

void Endpoint::silence() noexcept { own_doorbell().silence(); }

// The announcement is gone, by a waiting call or a change of fences: the loop that relied on it
// must not sleep on.
void Endpoint::wake_own_loop() noexcept {
  armed_ = Armed::no;
  own_doorbell().wake_own(*own_bell_);
}

PeerState Endpoint::peer() const noexcept {
  const std::uint32_t state =
      HardwareAtomics::load(state_of(other(role_)), std::memory_order_acquire, kState);  // S
  if (state == std::uint32_t(SideState::closed)) return PeerState::closed;
  if (!sign_of_life_.is_over()) {
    if (state == std::uint32_t(SideState::absent)) return PeerState::absent;
    if (lock_.is_held(number_of(other(role_)))) return PeerState::alive;
  }
  // Once more: a peer that closes in order says so before it is gone.
  return peer_closed() ? PeerState::closed : PeerState::dead;
}

Result<bool> Endpoint::wait_for_peer(Timeout timeout) {
  const auto has_come = [&] {
    return HardwareAtomics::load(state_of(other(role_)), std::memory_order_acquire, kState) ==  // S
           std::uint32_t(SideState::open);
  };
  (void)wait_until(has_come, timeout);
  switch (peer()) {
    case PeerState::absent:
      return false;
    case PeerState::alive:
      return true;
    case PeerState::closed:
      return fail(ErrorCode::closed, "the other side closed");
    case PeerState::dead:
      return fail(ErrorCode::peer_dead, "the other side died, or is gone before it came");
  }
  return false;
}

bool Endpoint::says(std::uint32_t parked) const noexcept {
  constexpr core::Edge kBell{"park.K"};
  return HardwareAtomics::load(*own_bell_, std::memory_order_relaxed, kBell) == parked;
}

void Endpoint::woke_up() noexcept {
  Parking<>::unpark(*own_bell_, by_barrier_);
  if (armed_ == Armed::yes) armed_ = Armed::disturbed;
}

void Endpoint::ring_peer() noexcept {
  const Doorbell& bell = role_ == Role::reader ? channel_.space_bell() : channel_.data_bell();
  turned_at_ = position_;
  Parking<>::ring(*peer_bell_, [&] {
    parker_.rang();
    bell.wake(*peer_bell_);
  });
}

bool Endpoint::peer_closed() const noexcept {
  return HardwareAtomics::load(state_of(other(role_)), std::memory_order_acquire, kState) ==  // S
         std::uint32_t(SideState::closed);
}

}  // namespace ringbell
