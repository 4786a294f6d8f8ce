# Stops what a stack has started when nobody is left to do it.
#   sh guardian.sh TABLE ID owner                 until standard input closes, that is until its owner is gone
#   sh guardian.sh TABLE ID users FOLDER SECONDS  until FOLDER/users has named no live process for SECONDS
# TABLE begins with the line "table ID", then has a line "name pid birth signal" for each live process, in the order of
# their start. A table with another ID belongs to a later stack in the same folder: hands off.
trap '' HUP INT TERM
table=$1
id=$2
shift 2

# When a process was born, so that a later process with the same id is not taken for it; fails if it is dead.
birth() {
  if [ -r /proc/self/stat ]; then
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    set -- ${stat##*) }
    [ "$1" != Z ] && echo "${20}"
  else
    born=$(ps -o lstart= -p "$1") || return 1
    echo "$born" | tr -s ' ' '_'
  fi
}

lives() { [ "$(birth "$1")" = "$2" ]; }

stop_all() {
  # Read in one go, because a later stack may replace the file at any time. Last started, first stopped.
  lines=$(awk -v id="$id" 'NR == 1 { ours = $0 == "table " id; next } ours { line[NR] = $0 }
    END { for (n = NR; n > 1; n--) if (n in line) print line[n] }' "$table" 2>/dev/null)
  echo "$lines" | while read -r name pid born signal; do
    [ -n "$pid" ] && [ "$pid" != $$ ] && lives "$pid" "$born" || continue
    kill -s "$signal" "$pid" 2>/dev/null
    # A paused one hears it only when it goes on.
    kill -s CONT "$pid" 2>/dev/null
    waited=0
    while lives "$pid" "$born"; do
      [ $waited -ge 100 ] && kill -s KILL "$pid" 2>/dev/null
      [ $waited -ge 150 ] && break
      sleep 0.1
      waited=$((waited + 1))
    done
  done
}

case $1 in
owner)
  while read -r _; do :; done
  stop_all
  ;;
users)
  folder=$2
  used() {
    for mark in "$folder"/users/*; do
      [ -e "$mark" ] || continue
      kill -0 "${mark##*/}" 2>/dev/null && return 0
      rm -f "$mark"
    done
    return 1
  }
  idle=0
  while :; do
    sleep 2
    # Somebody else has replaced the stack that this guardian was started for.
    grep -q "^guardian $$ " "$table" 2>/dev/null || exit 0
    if used; then idle=0; continue; fi
    idle=$((idle + 2))
    [ $idle -lt "$3" ] && continue
    # A starter that finds this file waits; one that came just before it is seen here.
    mv "$folder/stack.json" "$folder/stack.stopping" 2>/dev/null
    if used; then
      mv "$folder/stack.stopping" "$folder/stack.json"
      idle=0
      continue
    fi
    stop_all
    rm -rf "$folder/postgres" "$folder/kafka" "$folder/stack.stopping"
    exit 0
  done
  ;;
esac
