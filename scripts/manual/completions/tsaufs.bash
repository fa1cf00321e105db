# Completion of tsaufs for bash. What can be completed tells the program itself: `tsaufs complete`.

_tsaufs() {
  # The words as they are typed: bash splits them at = and : besides.
  local rest=$COMP_LINE word words=() at=0 index start=0 blank
  for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
    word=${COMP_WORDS[index]}
    blank=${rest%%[![:space:]]*}
    rest=${rest#"$blank"}
    if ((index == 0)) || [[ -n $blank ]]; then
      ((index > COMP_CWORD)) || start=$((${#COMP_LINE} - ${#rest}))
      words+=("$word")
    else
      # Behind the cursor the word may go on.
      words[${#words[@]} - 1]+=$word
    fi
    ((index == COMP_CWORD)) && at=$((${#words[@]} - 1))
    rest=${rest#"$word"}
  done
  local typed=${COMP_LINE:start:COMP_POINT-start}
  words[at]=$typed

  local line how= candidates=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then how=$line; else candidates+=("${line%%$'\t'*}"); fi
  done < <(command tsaufs complete bash $((at - 1)) "${words[@]:1}" 2>/dev/null)

  # Only what follows the last = or : is put in by bash, if words end there; in quotes they do not.
  local before=
  if [[ $typed != [\'\"]* && $typed == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then before=${typed%"${typed##*["${COMP_WORDBREAKS//[!=:]/}"]}"}; fi
  COMPREPLY=("${candidates[@]#"$before"}")
  # compopt is only for a completion that is under way.
  if [[ $how == *:open ]]; then compopt -o nospace 2>/dev/null; fi
  if [[ $how == :files:* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$typed")
  elif [[ $how == :directories:* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$typed")
  fi
}

complete -F _tsaufs tsaufs
