# What bash reads before each script in the sandbox. In front of each command it notes where the script is,
# keeps the recording programs first on PATH, and makes up directories and sourced files that are not on this
# machine.

unset -f module ml conda mamba deactivate which 2>/dev/null
ulimit() { :; }

[[ -n ${_EXPAND_AT-} ]] && _EXPAND_OUTER="$_EXPAND_AT"$'\n'"${_EXPAND_OUTER-}"
export _EXPAND_AT= _EXPAND_OUTER="${_EXPAND_OUTER-}"

# $1 a directory or file that the script goes to or reads
_expand_missing() {
    local kind=$1 words=$2 set path
    [[ $words == *[\;\|\<\>]* ]] && return
    [[ $words == *[\`\(\&]* && ! $words =~ (\$\(|\`)(pwd|dirname|readlink|realpath|cd|basename) ]] && return
    eval "set -- $words" 2>/dev/null || return
    while [[ ${1-} == -* ]]; do shift; done
    path=${1-}
    [[ -n ${_EXPAND_QUOTE-} && $kind == file && -f $path ]] && /.expand/bin/.quote "$path"
    [[ -z $path || -e $path ]] && return
    if [[ $kind == directory ]]; then
        mkdir -p -- "$path" 2>/dev/null
        [[ -d $path ]] || cd() { unset -f cd; }
    else
        [[ $path != */* ]] && type -P -- "$path" >/dev/null && return
        source() { unset -f source .; }
        .() { unset -f source .; }
    fi
    /.expand/bin/.gap "'$path' is not here: taken for an empty $kind"
}

# A program by its path, which need not exist: the recording one of its name.
_expand_program() {
    local word path name
    for word in $1; do
        [[ $word =~ ^[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_./:,-]*$ ]] || break
    done
    [[ $word == *[\$/~]* && $word =~ ^[]A-Za-z0-9_./\$\{\}~\"@+[-]+$ ]] || return
    eval "path=$word" 2>/dev/null
    name=${path##*/}
    [[ $path == */* && $path != /.expand/* && -n $name && -e /.expand/bin/$name ]] || return
    [[ $path =~ ^[A-Za-z0-9_./+-]+$ ]] || return
    eval "$path() { /.expand/bin/$name \"\$@\"; }"
}

# exec of a program by its path, for this one command: a function would keep redirections from staying.
_expand_exec() {
    exec() {
        local name=${1##*/}
        unset -f exec
        [[ $1 != */* || ! -e /.expand/bin/$name ]] && builtin exec "$@"
        builtin exec "/.expand/bin/$name" "${@:2}"
    }
}

_expand() {
    local IFS files=("${BASH_SOURCE[@]:1}")
    IFS=$'\n'
    _EXPAND_AT="$1"$'\n'"${BASH_LINENO[*]:1}"$'\n'"${files[*]/#/@}"
    IFS=$' \t\n'
    [[ $PATH == /.expand/bin:* ]] || PATH=/.expand/bin:$PATH
    case $2 in
    'source '*) _expand_missing file "${2#source }" ;;
    '. '*) _expand_missing file "${2#. }" ;;
    'cd '*) _expand_missing directory "${2#cd }" ;;
    'pushd '*) _expand_missing directory "${2#pushd }" ;;
    'exec '[!0-9\<\>\{\&]*) _expand_exec ;;
    'exit '[1-9]*) /.expand/bin/.gap "ends here: $2" ;;
    *[/\$]*) _expand_program "$2" ;;
    esac
    return 0
}

# A wrapper that is not here, in front of a launcher that is known.
command_not_found_handle() {
    local wrapper=$1 word
    while (($# > 1)); do
        shift
        word=${1##*/}
        case $word in
        torchrun | python | python3 | srun | mpirun | mpiexec | deepspeed | ft_launcher | bash)
            /.expand/bin/.gap "'$wrapper' is not here: went on with '$1' behind it"
            "$@"
            return
            ;;
        esac
    done
    echo "${BASH_SOURCE[1]-}: line ${BASH_LINENO[0]-0}: $wrapper: command not found" >&2
    return 127
}

set -o functrace
trap '_expand "$LINENO" "$BASH_COMMAND" || :' DEBUG
