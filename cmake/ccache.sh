#!/usr/bin/env bash
# The compiler launcher where ccache is installed: ccache, but a precompiled header of 100 MB is
# read once when it is made and not by ccache for each source that uses it: that costs as much as
# compiling. What CMake calls it with is the compiler's command line.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
export CCACHE_PCH_EXTSUM=1
ccache "$@" || exit
for argument in "$@"; do
  case $argument in
    *.gch | *.pch) [ ! "$argument" -nt "$argument.sum" ] || cksum <"$argument" >"$argument.sum" ;;
  esac
done
