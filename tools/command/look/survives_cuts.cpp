#include "tools/command/look/survives_cuts.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace ringbell::tools {
namespace {

enum class Look : std::sig_atomic_t { none, whole, cut };
thread_local volatile Look look = Look::none;

std::size_t page_bytes = 0;

// In place of the page that is gone comes one of zeros, and the load is made again. Of a fault that
// is none of a look, or that it does not mend, the process dies as it would have.
extern "C" void on_missing_page(int number, siginfo_t* info, void* /*context*/) {
  const int before = errno;
  if (look != Look::none && info->si_code == BUS_ADRERR) {
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr) / page_bytes * page_bytes;
    void* const page = reinterpret_cast<void*>(at);  // NOLINT(performance-no-int-to-ptr)
    constexpr int kInPlace = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (::mmap(page, page_bytes, PROT_READ, kInPlace, -1, 0) != MAP_FAILED) {
      look = Look::cut;
      errno = before;
      return;
    }
  }
  std::signal(number, SIG_DFL);
}

bool catch_missing_pages() noexcept {
  page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_missing_page;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

SurvivesCuts::SurvivesCuts() noexcept {
  static const bool catches = catch_missing_pages();
  if (catches) look = Look::whole;
}

SurvivesCuts::~SurvivesCuts() { look = Look::none; }

bool SurvivesCuts::was_cut() const noexcept { return look == Look::cut; }

}  // namespace ringbell::tools
