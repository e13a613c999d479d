// Places that a tracer can watch in a running program: USDT probes, as SystemTap, bpftrace, perf
// and gdb know them (docs/operations.md has them all). One that is not watched is a nop. Where
// <sys/sdt.h> was not found when this was built there are none.
#pragma once

// For sources only: a header that users include would put probes into their programs.
#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define RINGBELL_PROBE(name, ...) STAP_PROBEV(ringbell, name, __VA_ARGS__)
#else
#define RINGBELL_PROBE(name, ...) static_cast<void>(0)
#endif
