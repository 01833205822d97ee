#!/bin/sh
# Runs every make target given, whatever became of the one before, and prints a table of what happened.
table=
status=0
for step; do
  begin=$(date +%s)
  if make --no-print-directory "$step"; then result=passed; else result=FAILED; status=1; fi
  table="$table$(printf '%-22s %-8s %6d s' "$step" $result $(($(date +%s) - begin)))
"
done
printf '\n%s' "$table"
exit $status
