# RINGBELL_SANITIZE becomes a usage requirement of ringbell::core, which everything links, so a
# program that links an instrumented ringbell is instrumented as well.
set(RINGBELL_SANITIZE_FLAGS "")
if(RINGBELL_SANITIZE)
  set(RINGBELL_SANITIZE_FLAGS
    -fsanitize=${RINGBELL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # g++ warns that TSan does not see fences. The rings need none on TSan's account: their edges are
  # release stores and acquire loads; the one fence, of the parking protocol, orders a flag.
  if(RINGBELL_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND RINGBELL_SANITIZE_FLAGS -Wno-tsan)
  endif()
endif()

# How much longer a test may take.
set(RINGBELL_TIMEOUT_FACTOR 1 CACHE STRING "How many times as long as in a release build")
if(RINGBELL_SANITIZE)
  set(RINGBELL_TIMEOUT_FACTOR 5)
endif()
