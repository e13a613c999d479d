# CPack for AArch64: dpkg does not know the packages that `./dev arm64` unpacks.
set(SHLIBDEPS_EXECUTABLE ${CMAKE_CURRENT_LIST_DIR}/arm64_shlibdeps.sh)
