# Runs a PostgreSQL server for the process that holds the other end of standard input, and stops it when that
# process is gone, however it ended (a kill -9 closes the pipe too).
#
#     sh -c "$(cat keeper.sh)" keeper LOG COMMAND...
#
# The server is this shell's own child, so its process id cannot come to mean another process.
seconds_to_stop=20

log=$1
shift
trap '' HUP INT TERM
exec 3<&0
"$@" </dev/null >"$log" 2>&1 3<&- &
server=$!
(
    read -r _ <&3
    kill -INT "$server"
    while [ "$seconds_to_stop" -gt 0 ]; do
        sleep 1
        seconds_to_stop=$((seconds_to_stop - 1))
    done
    kill -QUIT "$server"
) >/dev/null 2>&1 &
watcher=$!
wait "$server"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit "$status"
