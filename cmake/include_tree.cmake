# The include line is the same in the tree and after installation, <ringbell/core/...>, though the
# folders stand at the top: links in the build folder give them the installed shape.
set(RINGBELL_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${RINGBELL_INCLUDE_DIR}/ringbell)
foreach(entry IN ITEMS core transport capi)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${entry}
    ${RINGBELL_INCLUDE_DIR}/ringbell/${entry} SYMBOLIC)
endforeach()
foreach(entry IN ITEMS transport/ringbell.hpp capi/ringbell.h)
  cmake_path(GET entry FILENAME name)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${entry} ${RINGBELL_INCLUDE_DIR}/ringbell/${name} SYMBOLIC)
endforeach()
