# `cpack -G DEB`: libringbell0 (the shared library), libringbell-dev (headers, static library, CMake
# and pkg-config files), ringbell (the command) and ringbell-dbgsym (debug symbols of both). A
# package is made of the component of its name and, in its group, of what only Debian wants.
# (`symbols`: CPack itself uses folders whose names end with -dbgsym.)
set(packages libringbell0 libringbell-dev)
if(TARGET ringbell-command)
  list(APPEND packages ringbell)
endif()
find_program(RINGBELL_GZIP gzip)
mark_as_advanced(RINGBELL_GZIP)
set(contact "The ringbell authors <ringbell@example.org>")

# ringbell_compressed(FILE NAME...): as gzip -9n makes it, which is what Debian's rules ask for.
function(ringbell_compressed from to)
  execute_process(COMMAND ${RINGBELL_GZIP} -9nc ${from} OUTPUT_FILE ${to}
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(RINGBELL_GZIP)
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(CONFIGURE OUTPUT ${generated}/changelog @ONLY
    CONTENT "ringbell (@PROJECT_VERSION@) unstable; urgency=medium\n
  * What changed: CHANGELOG.md in /usr/share/doc/ringbell.\n
 -- @contact@  @now@\n")
  file(CONFIGURE OUTPUT ${generated}/copyright @ONLY
    CONTENT "Copyright: the ringbell authors
License: Apache-2.0, see /usr/share/common-licenses/Apache-2.0\n")
  ringbell_compressed(${generated}/changelog ${generated}/changelog.gz)
  ringbell_compressed(${PROJECT_SOURCE_DIR}/tools/man/ringbell.1 ${generated}/ringbell.1.gz)
  install(FILES ${generated}/ringbell.1.gz DESTINATION share/man/man1
    COMPONENT ringbell-debian EXCLUDE_FROM_ALL)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/_ringbell
    DESTINATION share/zsh/vendor-completions COMPONENT ringbell-debian EXCLUDE_FROM_ALL)
  foreach(package IN LISTS packages ITEMS symbols)
    set(name ${package})
    if(package STREQUAL "symbols")
      set(name ringbell-dbgsym)
    endif()
    install(FILES ${generated}/changelog.gz ${generated}/copyright DESTINATION share/doc/${name}
      COMPONENT ${package}-debian EXCLUDE_FROM_ALL)
  endforeach()
endif()

# Found by the build's identity, so that they may stand anywhere.
set(with_symbols $<TARGET_FILE:ringbell_shared>)
if(TARGET ringbell-command)
  list(APPEND with_symbols $<TARGET_FILE:ringbell-command>)
endif()
install(CODE "set(files \"${with_symbols}\")
  set(objcopy \"${CMAKE_OBJCOPY}\")
  set(readelf \"${CMAKE_READELF}\")" COMPONENT symbols EXCLUDE_FROM_ALL)
install(SCRIPT cmake/debug_symbols.cmake COMPONENT symbols EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT ${contact})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
file(CONFIGURE OUTPUT ${generated}/triggers CONTENT "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRINGBELL0_PACKAGE_CONTROL_EXTRA ${generated}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")  # the minor version is in the soname

set(about_libringbell0 "This package has the shared library.")
set(about_libringbell-dev "This package has the headers, the static library, and the files by which
CMake and pkg-config find them.")
set(about_ringbell "This package has the command: streams and files through a ring, looks into
rings, and what on a machine slows them down.")
set(about_symbols "This package has the debug symbols of the library and of the command.")
set(section_libringbell0 libs)
set(section_libringbell-dev libdevel)
set(section_ringbell utils)
set(section_symbols debug)
set(CPACK_DEBIAN_LIBRINGBELL-DEV_PACKAGE_DEPENDS
  "libringbell0 (= ${PROJECT_VERSION}), libexpected-dev")
# Only the static library asks its users for these.
set(CPACK_DEBIAN_LIBRINGBELL-DEV_PACKAGE_SUGGESTS "libfmt-dev, liburing-dev")
# The command uses RINGBELL_PRIVATE of the library, which changes with it. python3: the report.
set(CPACK_DEBIAN_RINGBELL_PACKAGE_DEPENDS "libringbell0 (= ${PROJECT_VERSION}), python3")
get_target_property(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ringbell_shared BINARY_DIR)
# The probes' scripts, the report's plots, and what `bench --lang python` measures and beside what.
set(CPACK_DEBIAN_RINGBELL_PACKAGE_SUGGESTS
  "bpftrace, python3-matplotlib, python3-numpy, python3-plotly, python3-ringbell, python3-zmq")
foreach(package IN LISTS packages ITEMS symbols)
  string(TOUPPER ${package} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section_${package}})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${about_${package}}")
  list(APPEND CPACK_COMPONENTS_ALL ${package} ${package}-debian)
endforeach()
set(CPACK_DEBIAN_SYMBOLS_PACKAGE_NAME ringbell-dbgsym)
include(CPack)
foreach(package IN LISTS packages ITEMS symbols)
  cpack_add_component_group(${package} DESCRIPTION "${about_${package}}")
  cpack_add_component(${package} GROUP ${package})
  cpack_add_component(${package}-debian GROUP ${package})
endforeach()
