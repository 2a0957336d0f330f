# Runs a command on a copy of a folder, and removes the copy when the command ends.
#
#     sh -c "$(cat scratch.sh)" scratch FOLDER COPY COMMAND...
folder=$1
copy=$2
shift 2
trap '' HUP INT TERM
mkdir -m 700 "$copy" || exit
cp -R "$folder/." "$copy" && "$@"
status=$?
rm -rf "$copy"
exit "$status"
