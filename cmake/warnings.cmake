# The warnings every target of the project must be free of, under g++ and under clang.
set(RINGBELL_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef)
if(RINGBELL_WERROR)
  list(APPEND RINGBELL_WARNINGS -Werror)
endif()

function(ringbell_strict target)
  target_compile_options(${target} PRIVATE ${RINGBELL_WARNINGS})
endfunction()
