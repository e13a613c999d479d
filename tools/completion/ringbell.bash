# bash completion for ringbell
_ringbell_names() {
  ringbell ls 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_ringbell() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="send recv cp ls inspect top clean doctor explain bench compare report"
  local options=""
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
    return
  fi
  case $previous in
    --json | --file)
      [[ ${COMP_WORDS[1]} == compare || ${COMP_WORDS[1]} == bench ]] && compopt -o default && return
      ;;
    --out | --dir | --plot | --device) compopt -o default && return ;;
    --sort) mapfile -t COMPREPLY < <(compgen -W "name rate lag fill" -- "$current") && return ;;
    --wait)
      [[ ${COMP_WORDS[1]} == bench ]] &&
        mapfile -t COMPREPLY < <(compgen -W "spin park eventfd polled blocking" -- "$current")
      return
      ;;
    --interval | --times | --count | --capacity | --sizes | --cpus | --transports) return ;;
    --cpu | --size | --transport | --samples | --duration | --repeats | --load | --rate) return ;;
  esac
  case ${COMP_WORDS[1]} in
    send)
      options="--bytes --lines --messages --count --wait --progress --raw --capacity --help"
      ;;
    recv) options="--bytes --lines --messages --count --wait --progress --raw --next --help" ;;
    cp) options="--progress --verify --capacity --help" ;;
    ls) options="--json --help" ;;
    inspect) options="--json --help" ;;
    top) options="--sort --interval --times --help" ;;
    clean) options="--yes --dry-run --json --help" ;;
    doctor) options="--json --all --no-measure --help" ;;
    explain)
      options="--help"
      [[ ${COMP_WORDS[2]} == memory ]] && options="--json --device --help"
      ;;
    bench)
      case ${COMP_WORDS[2]} in
        round-trip)
          options="--cpu --size --transport --wait --quick-wake --samples --repeats --json --help"
          ;;
        throughput)
          options="--cpu --size --transport --wait --quick-wake --verify --duration --repeats --json"
          options+=" --help"
          ;;
        file-copy)
          options="--cpu --size --file --transport --wait --quick-wake --dir --repeats --json --help"
          ;;
        open-loop)
          options="--cpu --size --transport --wait --quick-wake --duration --load --rate --plot"
          options+=" --repeats --json --help"
          ;;
        wake) options="--cpu --size --transport --wait --samples --repeats --json --help" ;;
        backings) options="--cpu --size --samples --duration --dir --repeats --json --help" ;;
        *) options="--help" ;;
      esac
      ;;
    compare)
      options="--quick --full --peers --backings --file --json --out --sizes --transports --cpus"
      options+=" --help"
      ;;
    report) options="--out --help" ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  case ${COMP_WORDS[1]} in
    bench)
      local kinds="round-trip throughput file-copy open-loop wake backings"
      ((COMP_CWORD == 2)) && mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$current")
      ;;
    explain) ((COMP_CWORD == 2)) && mapfile -t COMPREPLY < <(compgen -W "memory" -- "$current") ;;
    send | recv | inspect)
      mapfile -t COMPREPLY < <(compgen -W "$(_ringbell_names)" -- "$current")
      ;;
    cp | report) compopt -o default ;;
  esac
}
complete -F _ringbell ringbell
