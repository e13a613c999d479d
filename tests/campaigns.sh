#!/usr/bin/env bash
# The verbs of ./dev that are whole campaigns, which it sources: need(), build(), run_tests() and
# fail() are there.

model() {
  need build
  build release ringbell-model
  exec build/release/tests/ringbell-model "$@"
}

crash() {
  need build
  build release test_crash ringbell-command
  local bad=0
  RINGBELL_CRASH_STEPS=all RINGBELL_CRASH_KILLS=${RINGBELL_CRASH_KILLS-10000} \
    build/release/tests/test_crash "$@" || bad=1
  RINGBELL_LIVES_SECONDS=${RINGBELL_LIVES_SECONDS-300} \
    RINGBELL_PROGRAM=build/release/tools/ringbell \
    /usr/bin/python3 -B tests/tools/stream_lives_test.py || bad=1
  ((bad == 0)) || fail "a process did not survive, see above"
}

# The faults stand in a copy of the tree, all of them behind one switch, and are built once, as
# quickly as can be and without asserts: a test must notice what a user would.
mutants() {
  need build faults bridge
  local script=tests/mutants/mutants.py tree=build/mutants/tree made=build/mutants/build
  if [[ " $* " == *" --check "* ]]; then exec /usr/bin/python3 -B "$script" --check; fi
  /usr/bin/python3 -B "$script" --prepare "$tree"
  use_ccache
  if [[ ! -e $made/build.ninja ]]; then
    cmake -S "$tree" -B "$made" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DRINGBELL_WERROR=OFF \
      -DCMAKE_CXX_FLAGS_DEBUG="-O0 -g0 -w -DNDEBUG"
  fi
  local targets
  mapfile -t targets < <(/usr/bin/python3 -B "$script" --targets "$@")
  cmake --build "$made" --parallel "$(jobs)" --target "${targets[@]}"
  exec /usr/bin/python3 -B "$script" --run "$tree" "$made" "$@"
}

# The counts lie in pages that the processes of a program share with a file (clang's continuous
# mode): a child counts as well that ends by _exit or by a signal. System calls that fail are tests,
# too; deaths at each instruction are not, for a branch counts in front of it and behind.
coverage() {
  need build coverage faults
  local bad=0 made=build/coverage
  (($#)) || rm -rf "$made/profiles"
  build coverage ringbell-tests-{core,transport,capi,tools} test_hostile test_model \
    ringbell-fault-subject
  # The explorer counts for an hour, and runs nothing of core that its tests do not. Whether they
  # pass is for `./dev test`: some have a limit of time, or look at page faults.
  run_tests coverage --label-regex '^(core|transport|capi|tools|hostile|model)$' \
    --exclude-regex '^hostile/sanitized|_NOT_BUILT|HotPathOf|NoWakeUpIsLost|RingModel' "$@" ||
    echo "dev: a test failed while it was counted, see above; does it in ./dev test?"
  if ! (($#)); then
    /usr/bin/python3 -B tests/faults/faults.py "$made/tests/ringbell-fault-subject" \
      "$made/tools/ringbell" || bad=1
  fi
  /usr/bin/python3 -B tests/coverage/coverage.py "$made" || bad=1
  ((bad == 0)) || fail "the coverage is not what it should be, see above"
}

# Whole campaigns; `./dev test -L bridge` has their short forms.
bridge() {
  need build bridge
  cmake --preset release >/dev/null  # sees the libraries that were not there before
  build release ringbell-command bridge_load ringbell-bridge-rings
  export RINGBELL_PROGRAM=build/release/tools/ringbell RINGBELL_LOAD=build/release/tests/bridge_load
  if [[ ${1-} == --figures ]]; then
    shift
    local flags
    read -ra flags < <(pkg-config --cflags --libs libnats)
    cc -O2 -Wall -Wextra -o build/release/bridge/ringbell-bridge-plain bridge/figures/plain.c \
      "${flags[@]}"
    exec /usr/bin/python3 -B bridge/figures/figures.py build/release "$@"
  fi
  local bad=0 cut
  export RINGBELL_BRIDGE_RECORDS=${RINGBELL_BRIDGE_RECORDS-1000000}
  RINGBELL_BRIDGE_SECONDS=${RINGBELL_BRIDGE_SECONDS-120} \
    /usr/bin/python3 -B tests/bridge/kills_test.py || bad=1
  for cut in 5 30; do
    RINGBELL_BRIDGE_CUT_S=$cut RINGBELL_BRIDGE_SECONDS=40 \
      /usr/bin/python3 -B tests/bridge/link_test.py || bad=1
  done
  ((bad == 0)) || fail "records were lost or doubled, see above"
}

record() {
  need build
  build release ringbell-command ringbell-bridge-rings
  exec /usr/bin/python3 -B bridge/figures/recording.py build/release "$@"
}

faults() {
  need build faults
  build release ringbell-fault-subject ringbell-command
  exec /usr/bin/python3 -B tests/faults/faults.py build/release/tests/ringbell-fault-subject \
    build/release/tools/ringbell "$@"
}

soak() {
  [[ ${1-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "soak takes a number of hours: ./dev soak 0.05" 2
  need build
  build release ringbell-soak-player test_crash ringbell-command
  exec /usr/bin/python3 -B tests/soak/soak.py "$@" --crash build/release/tests/test_crash \
    --player build/release/tests/ringbell-soak-player --command build/release/tools/ringbell
}
