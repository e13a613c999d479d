# `cmake --install` and, by CPack, a Debian package: headers, both libraries, the command, a CMake
# package, and pkg-config files. Nothing of it knows where it will stand, so it may be moved.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringbell)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/install)

# The headers, in the shape of their include lines. The headers named here serve only the library's
# own sources.
set(RINGBELL_PRIVATE_HEADERS sleep/membarrier.hpp memory/advice.hpp memory/anonymous.hpp
  memory/device.hpp memory/memfd.hpp memory/numa.hpp memory/owner.hpp memory/system_v.hpp
  uring/uring.hpp uring/uring_operation.hpp uring/uring_stream.hpp uring/uring_watch.hpp)
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
  install(TARGETS ringbell_shared EXPORT ringbell_shared)
  install(EXPORT ringbell_shared NAMESPACE ringbell:: FILE ringbell-shared.cmake
    DESTINATION ${package_dir})
endif()

if(TARGET ringbell-command)
  install(TARGETS ringbell-command)
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

install(FILES README.md CHANGELOG.md docs/guide.md docs/how_it_works.md docs/coming_from.md
  docs/glossary.md docs/recovery.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The ringbell authors <ringbell@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS libexpected-dev)
# Only the static library asks its users for these.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libfmt-dev, liburing-dev")
include(CPack)
