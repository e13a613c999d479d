# Precompiled headers: what never changes is read once for each target and not once for each source.
# They are for the project's own build; an including project compiles the few sources as they are.
# clang-tidy reads sources without them, and sees a missing include.
set(RINGBELL_STANDARD_HEADERS <algorithm> <array> <atomic> <chrono> <cstdint> <cstring>
  <filesystem> <fstream> <functional> <memory> <optional> <span> <string> <string_view> <thread>
  <utility> <vector>)

# ringbell_precompile(TARGET <header>...): the standard library's headers and these.
function(ringbell_precompile target)
  if(RINGBELL_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${RINGBELL_STANDARD_HEADERS} ${ARGN})
  endif()
endfunction()

# The same compiled header as OTHER, whose options TARGET must share; none, if OTHER has no sources.
function(ringbell_precompile_as target other)
  get_target_property(type ${other} TYPE)
  if(RINGBELL_PRECOMPILE AND NOT type STREQUAL "INTERFACE_LIBRARY")
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()
