#!/usr/bin/env bash
# Unpacks Debian packages, and all that they depend on, into a folder: nothing is installed, and the
# machine's dpkg learns of no other architecture.
#
# usage: unpack.sh ARCHITECTURE INTO [--suite NAME] [--matching REGEX] PACKAGE...
#   --suite      of Debian, such as bullseye; else the machine's own sources are asked
#   --matching   of what the packages depend on, only those whose names match
#
# apt is asked with a state, a cache and a status file of its own, under INTO.apt, in which
# ARCHITECTURE is the only one and nothing is installed; its keys are the machine's. Done already
# with the same words: nothing happens. INTO.apt/done then holds them, and INTO.apt/shlibs what the
# packages say of their shared libraries, for dpkg-shlibdeps.
set -euo pipefail
words="$*"
architecture=$1 into=$(realpath -m "$2")
shift 2
suite='' matching=.
while [[ $1 == --* ]]; do
  case $1 in
    --suite) suite=$2 ;;
    --matching) matching=$2 ;;
    *) echo "unpack.sh: unknown option $1" >&2 && exit 2 ;;
  esac
  shift 2
done
apt=$into.apt
if [[ -f $apt/done && -f $apt/shlibs && $(<"$apt/done") == "$words" ]]; then exit 0; fi

rm -rf "$into" "$apt"
mkdir -p "$into" "$apt"/state/lists/partial "$apt"/cache/archives/partial
: >"$apt/status"
cat >"$apt/apt.conf" <<CONF
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
CONF
if [[ $suite ]]; then
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" >"$apt/sources.list"
  cat >>"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
CONF
fi
export APT_CONFIG=$apt/apt.conf DEBIAN_FRONTEND=noninteractive
echo "unpacking $* ($architecture) into $into"
apt-get -qq update || echo "unpack.sh: a source of packages cannot be read; trying the others" >&2
mapfile -t names < <(apt-get -s install "$@" | awk '$1 == "Inst" { print $2 }' |
  grep -E "$matching")
if ((${#names[@]} == 0)) ||
  ! (cd "$apt/cache/archives" && apt-get -qq download "${names[@]}"); then
  echo "unpack.sh: apt-get has no $* for $architecture${suite:+ in $suite}" >&2
  exit 1
fi
for package in "$apt"/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$into"
  dpkg-deb --info "$package" shlibs 2>/dev/null || true  # most have none
done >"$apt/shlibs"
rm -rf "$apt"/{state,cache}
echo "$words" >"$apt/done"
