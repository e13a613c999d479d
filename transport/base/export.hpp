// What the shared library shows: it is built with -fvisibility=hidden, and only what is marked here
// can be linked to.
#pragma once

#define RINGBELL_API [[gnu::visibility("default")]]
