# bash completion for ringbell
_ringbell_names() {
  ringbell ls 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_ringbell() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="send recv cp record replay show bridge ls inspect top metrics clean drain doctor"
  commands+=" explain bench compare report"
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
    --out | --dir | --plot | --device | --output | -o) compopt -o default && return ;;
    --lang) mapfile -t COMPREPLY < <(compgen -W "python" -- "$current") && return ;;
    --compress) mapfile -t COMPREPLY < <(compgen -W "zstd" -- "$current") && return ;;
    --tee) mapfile -t COMPREPLY < <(compgen -W "$(_ringbell_names)" -- "$current") && return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W "openmetrics prometheus" -- "$current") && return ;;
    --textfile) compopt -o default && return ;;
    --listen) return ;;
    --sort) mapfile -t COMPREPLY < <(compgen -W "name rate lag fill" -- "$current") && return ;;
    --wait)
      [[ ${COMP_WORDS[1]} == bench ]] &&
        mapfile -t COMPREPLY < <(compgen -W "spin park eventfd polled blocking" -- "$current")
      return
      ;;
    --rotate | --speed | --from | --to | --subject | --stream | --store | --replicas | --linger | --timeout | --clients | --nkey) return ;;
    --overflow) mapfile -t COMPREPLY < <(compgen -W "block drop-oldest spill:" -- "$current") && return ;;
    --as)
      mapfile -t COMPREPLY < <(compgen -W "channel queue topic lossy-topic collector" -- "$current")
      return
      ;;
    --credentials | --seed | --ca | --certificate | --private-key | --metrics) compopt -o default && return ;;
    --interval | --times | --count | --capacity | --sizes | --cpus | --transports | --guest) return ;;
    --cpu | --size | --transport | --samples | --duration | --repeats | --load | --rate | --user) return ;;
  esac
  case ${COMP_WORDS[1]} in
    send)
      options="--bytes --lines --messages --count --wait --progress --raw --capacity --group"
      options+=" --help"
      ;;
    recv)
      options="--bytes --lines --messages --count --wait --progress --raw --next"
      options+=" --device --help"
      ;;
    cp) options="--progress --verify --capacity --help" ;;
    record)
      options="--output --rotate --compress --overwrite --tee --count --wait --progress --help"
      ;;
    replay) options="--speed --max --from --to --loop --count --wait --progress --help" ;;
    show) options="--count --json --help" ;;
    bridge)
      case ${COMP_WORDS[2]} in
        out | in)
          options="--subject --credentials --nkey --seed --ca --certificate --private-key --durable"
          options+=" --stream --store --replicas --wait --metrics --help"
          [[ ${COMP_WORDS[2]} == out ]] && options+=" --to --linger --overflow --keep"
          [[ ${COMP_WORDS[2]} == in ]] &&
            options+=" --from --as --capacity --messages --message-bytes --consumer --purge --count"
          [[ ${COMP_WORDS[2]} == in ]] && options+=" --mark-losses"
          ;;
        service)
          options="--subject --credentials --nkey --seed --ca --certificate --private-key --from"
          options+=" --to --timeout --clients --message-bytes --wait --metrics --help"
          ;;
        run) options="--wait --metrics --help" ;;
        *) options="--help" ;;
      esac
      ;;
    ls) options="--json --user --help" ;;
    inspect) options="--json --user --help" ;;
    top) options="--sort --interval --times --user --help" ;;
    metrics) options="--format --textfile --listen --help" ;;
    clean) options="--yes --dry-run --json --help" ;;
    drain) options="--wait --help" ;;
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
          options="--cpu --size --transport --wait --quick-wake --duration --load --rate"
          options+=" --cpu-quota --plot --repeats --json --help"
          ;;
        wake) options="--cpu --size --transport --wait --samples --repeats --json --help" ;;
        scale) options="--cpu --count --transport --samples --duration --repeats --json --help" ;;
        backings) options="--cpu --size --samples --duration --dir --repeats --json --help" ;;
        *) options="--lang --quick --help" ;;
      esac
      ;;
    compare)
      options="--quick --full --peers --backings --file --json --out --sizes --transports --guest --cpus"
      options+=" --help"
      ;;
    report) options="--out --html --help" ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  case ${COMP_WORDS[1]} in
    bench)
      local kinds="round-trip throughput file-copy open-loop wake scale backings"
      ((COMP_CWORD == 2)) && mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$current")
      ;;
    bridge)
      if ((COMP_CWORD == 2)); then
        mapfile -t COMPREPLY < <(compgen -W "out in run check" -- "$current")
      elif [[ ${COMP_WORDS[2]} == run || ${COMP_WORDS[2]} == check ]]; then
        compopt -o default
      else
        mapfile -t COMPREPLY < <(compgen -W "$(_ringbell_names)" -- "$current")
      fi
      ;;
    explain) ((COMP_CWORD == 2)) && mapfile -t COMPREPLY < <(compgen -W "memory" -- "$current") ;;
    replay)
      compopt -o default
      mapfile -t COMPREPLY < <(compgen -W "$(_ringbell_names)" -- "$current")
      ;;
    send | recv | record | inspect)
      mapfile -t COMPREPLY < <(compgen -W "$(_ringbell_names)" -- "$current")
      ;;
    cp | show | report) compopt -o default ;;
  esac
}
complete -F _ringbell ringbell
