# Installs a build into the folder `first` and renames that to `moved`: an installed path that knows
# where it was put would be found out by the tests that use it. `emulator` runs the command, if need
# be.
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --target ${targets}
  COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${first} ${moved})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${first}
  COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${first} ${moved})

# The command runs from wherever it now stands.
if(EXISTS ${moved}/bin/ringbell)
  execute_process(COMMAND ${emulator} ${moved}/bin/ringbell --version COMMAND_ERROR_IS_FATAL ANY)
endif()
