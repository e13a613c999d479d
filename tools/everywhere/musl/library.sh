#!/usr/bin/env bash
# Builds a C++ library for musl, which Debian has not: clang's (libc++, libc++abi, libunwind), from
# Debian's source package, into build/musl/root, where musl's own files and Linux's headers stand as
# links. Nothing is installed. Done already: nothing happens.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=$PWD/tools/everywhere/musl package=llvm-toolchain-14 suite=bookworm
mkdir -p build/musl
cd build/musl
root=$PWD/root
if [[ -f $root/usr/lib/libc++.a ]]; then exit 0; fi

# apt with a state of its own, in which there are sources.
rm -rf apt source runtimes root
mkdir -p apt/lists/partial apt/cache/archives/partial source root/usr/{include,lib}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keys] http://deb.debian.org/debian $suite main" >apt/sources.list
cat >apt/apt.conf <<CONF
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
Dir::Etc::sourcelist "$PWD/apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "";
CONF
echo "building clang's C++ library for musl, from $package"
(
  export APT_CONFIG=$PWD/apt/apt.conf
  apt-get -qq update
  cd apt && apt-get -qq --download-only source "$package"
)
tar -xf apt/"$package"_*.orig.tar.* -C source --strip-components=1 \
  --wildcards --no-wildcards-match-slash \
  '*/libunwind' '*/libcxxabi' '*/libcxx' '*/runtimes' '*/cmake' '*/llvm/cmake' '*/llvm/utils'
rm -rf apt

triple=$(gcc -dumpmachine)
ln -s /usr/include/"${triple/gnu/musl}"/* /usr/include/{linux,asm-generic} root/usr/include/
ln -s /usr/include/"$triple"/asm root/usr/include/
ln -s /usr/lib/"${triple/gnu/musl}"/* root/usr/lib/

options=(-DLLVM_ENABLE_RUNTIMES='libunwind;libcxxabi;libcxx' -DLLVM_INCLUDE_TESTS=OFF
  -DLIBCXX_HAS_MUSL_LIBC=ON -DLIBCXX_CXX_ABI=libcxxabi -DLIBCXX_ENABLE_STATIC_ABI_LIBRARY=ON
  -DLIBCXX_ENABLE_EXPERIMENTAL_LIBRARY=OFF -DLIBCXX_INCLUDE_BENCHMARKS=OFF
  -DLIBCXXABI_USE_LLVM_UNWINDER=ON -DLIBCXXABI_ENABLE_STATIC_UNWINDER=ON
  -DLIBCXXABI_STATICALLY_LINK_UNWINDER_IN_STATIC_LIBRARY=ON)
for library in LIBUNWIND LIBCXXABI LIBCXX; do
  options+=("-D${library}_ENABLE_SHARED=OFF" "-D${library}_INCLUDE_TESTS=OFF")
done
# The compilers are asked whether they work before there is anything to link with.
cmake -S source/runtimes -B runtimes -G Ninja "-DCMAKE_TOOLCHAIN_FILE=$here/toolchain.cmake" \
  -DCMAKE_C_COMPILER_WORKS=ON -DCMAKE_CXX_COMPILER_WORKS=ON -DCMAKE_BUILD_TYPE=Release \
  '-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG' "-DCMAKE_INSTALL_PREFIX=$root/usr" "${options[@]}" \
  >runtimes.log
cmake --build runtimes --parallel "$(nproc)" >>runtimes.log
cmake --install runtimes >>runtimes.log
rm -rf source runtimes
