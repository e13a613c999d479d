# `cmake --install` and, by CPack, Debian packages: headers, both libraries, the command, a CMake
# package, and pkg-config files. Nothing of it knows where it will stand, so it may be moved. A
# component is a Debian package (cmake/debian.cmake); `elsewhere` is what Debian has in another
# form.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME libringbell-dev)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringbell)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/install)

# The headers, in the shape of their include lines. The headers named here serve only the library's
# own sources.
set(RINGBELL_PRIVATE_HEADERS base/control_groups.hpp base/crc32c.hpp base/known_ids.hpp
  base/probes.hpp sleep/futex_words.hpp sleep/membarrier.hpp sleep/priority.hpp
  sleep/silent_thread.hpp waitset/descriptor_watch.hpp waitset/wait_set_state.hpp
  memory/advice.hpp memory/anonymous.hpp
  ends/many_topic.hpp ends/other_ring.hpp ends/subscriber_member.hpp ends/taken_requests.hpp
  ends/tickets.hpp
  memory/device.hpp memory/memfd.hpp memory/numa.hpp memory/owner.hpp
  memory/shape_text.hpp memory/system_v.hpp memory/power.hpp memory/type_text.hpp
  names/generations.hpp uring/uring.hpp
  uring/uring_operation.hpp uring/uring_stream.hpp uring/uring_watch.hpp)
foreach(folder IN ITEMS core transport)
  set(excluded)
  if(folder STREQUAL "transport")
    foreach(header IN ITEMS ringbell.hpp ${RINGBELL_PRIVATE_HEADERS})
      list(APPEND excluded PATTERN ${header} EXCLUDE)
    endforeach()
  endif()
  install(DIRECTORY ${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbell/${folder}
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" ${excluded})
endforeach()
install(DIRECTORY capi/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbell/capi
  FILES_MATCHING PATTERN "*.h" PATTERN ringbell.h EXCLUDE)
install(FILES transport/ringbell.hpp capi/ringbell.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbell)

# The libraries. A component a file, so that a program that wants only core or only the shared
# library needs none of what the others depend on.
install(TARGETS ringbell_core EXPORT ringbell_core)
install(EXPORT ringbell_core NAMESPACE ringbell:: FILE ringbell-core.cmake
  DESTINATION ${package_dir})
install(TARGETS ringbell EXPORT ringbell_static)
install(EXPORT ringbell_static NAMESPACE ringbell:: FILE ringbell-static.cmake
  DESTINATION ${package_dir})
if(TARGET ringbell_shared)
  install(TARGETS ringbell_shared EXPORT ringbell_shared
    LIBRARY COMPONENT libringbell0 NAMELINK_COMPONENT libringbell-dev)
  install(EXPORT ringbell_shared NAMESPACE ringbell:: FILE ringbell-shared.cmake
    DESTINATION ${package_dir})
endif()

if(TARGET ringbell-command)
  install(TARGETS ringbell-command COMPONENT ringbell)
  # There the loader looks by itself, and Debian wants no path in a program.
  install(CODE "if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    file(RPATH_REMOVE FILE \"\$ENV{DESTDIR}/usr/${CMAKE_INSTALL_BINDIR}/ringbell\")
  endif()" COMPONENT ringbell)
endif()

configure_package_config_file(cmake/ringbell-config.cmake.in ${generated}/ringbell-config.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${generated}/ringbell-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/ringbell-config.cmake ${generated}/ringbell-config-version.cmake
  DESTINATION ${package_dir})

# pkg-config finds the prefix from where its file stands.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name IN ITEMS ringbell ringbell-core)
  configure_file(cmake/${name}.pc.in ${generated}/${name}.pc @ONLY)
  install(FILES ${generated}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# The documents, in the shape in which they refer to each other, and headers to them.
file(GLOB_RECURSE documents RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
  docs/*.md core/*.md transport/*.md capi/*.md kernel/*.md examples/*.cpp examples/*.c
  python/examples/*.py)
foreach(document IN LISTS documents ITEMS README.md CHANGELOG.md BENCHMARKS.md python/README.md
    python/BENCHMARKS.md)
  cmake_path(GET document PARENT_PATH folder)
  install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT elsewhere)

if(TARGET ringbell_shared)
  include(cmake/debian.cmake)
endif()
