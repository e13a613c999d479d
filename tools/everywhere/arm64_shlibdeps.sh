#!/usr/bin/env bash
# dpkg-shlibdeps for AArch64, whose libraries `./dev arm64` has unpacked: dpkg does not know the
# packages that they are of, but what these say of themselves was kept.
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../build/arm64-root")
export DEB_HOST_ARCH=arm64
exec dpkg-shlibdeps -L"$root.apt/shlibs" -l"$root/usr/lib/aarch64-linux-gnu" \
  -l"$root/lib/aarch64-linux-gnu" "$@"
