# cmake -P compile_and_run.cmake PROGRAM COMPILER ARGUMENTS...: compiles PROGRAM, then runs it
# (by $ENV{EMULATOR}).
foreach(i RANGE 4 ${CMAKE_ARGC})
  list(APPEND compile ${CMAKE_ARGV${i}})
endforeach()
execute_process(COMMAND ${compile} -o ${CMAKE_ARGV3} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND $ENV{EMULATOR} ${CMAKE_ARGV3} COMMAND_ERROR_IS_FATAL ANY)
