# What is neither measured nor linked by users needs no speed; -O1 still finds what an optimizer
# does to a race, and compiles in half the time of -O3.
set(RINGBELL_UNMEASURED_OPTIONS $<$<CONFIG:Release>:-O1>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # With -O1, g++ 12 takes std::string's short buffer for too small, in the library's own copying,
  # and what an optional without a value holds for used.
  list(APPEND RINGBELL_UNMEASURED_OPTIONS $<$<CONFIG:Release>:-Wno-array-bounds>
    $<$<CONFIG:Release>:-Wno-stringop-overflow> $<$<CONFIG:Release>:-Wno-restrict>
    $<$<CONFIG:Release>:-Wno-maybe-uninitialized>)
endif()

# What of it is in the command is to be small: -Os takes a third of -O1's code away.
set(RINGBELL_SMALL_OPTIONS ${RINGBELL_UNMEASURED_OPTIONS} $<$<CONFIG:Release>:-Os>)
