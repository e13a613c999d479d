// What the shared library shows: it is built with -fvisibility=hidden, and only what is marked here
// can be linked to.
#pragma once

#define RINGBELL_API [[gnu::visibility("default")]]

// For the command and the benchmark alone, which are built and packaged with the library: no part
// of the ABI, and in the symbol version RINGBELL_PRIVATE (transport/ringbell.map names it there).
#define RINGBELL_PRIVATE_API RINGBELL_API
