# Part of an installation: the debug symbols of `files` into lib/debug/.build-id. What a program was
# stripped of stands beside it, in NAME.debug.
foreach(file IN LISTS files)
  if(EXISTS ${file}.debug)
    string(APPEND file .debug)
  endif()
  execute_process(COMMAND ${readelf} -n ${file} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
  if(NOT notes MATCHES "Build ID: ([0-9a-f][0-9a-f])([0-9a-f]+)")
    message(FATAL_ERROR "${file} has no build id")
  endif()
  set(folder $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/debug/.build-id/${CMAKE_MATCH_1})
  set(symbols ${folder}/${CMAKE_MATCH_2}.debug)
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${objcopy} --only-keep-debug ${file} ${symbols}
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND chmod 644 ${symbols} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
