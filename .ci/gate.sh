#!/usr/bin/env bash
# A gate for a pull request: fails where it adds rows whose labels look wrong.
#
#   .ci/gate.sh BASE FILE... [-- OPTIONS OF noisefix check]
#
# BASE is the commit that the change is held against, for instance origin/main. A row counts only if
# its text or its label is not in the file of that commit: rows that were there never fail, and
# correcting a label that looked wrong passes. For that the old file is judged first. A file that is
# not there yet is checked whole.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
base=$1
shift
files=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do files+=("$1"); shift; done
[ $# -eq 0 ] || shift

fork=$(git merge-base "$base" HEAD)
scratch=
trap 'rm -rf "$scratch"' EXIT

worst=0
for file in "${files[@]}"; do
  # Beside the file, so that the same configuration is found for both.
  scratch=$(mktemp -d "$(dirname -- "$file")/.gate.XXXXXX")
  old="$scratch/$(basename -- "$file")"
  if git cat-file -e "$fork:./$file" 2>/dev/null; then
    git show "$fork:./$file" >"$old"
    known="$old.baseline"
    code=0
    GITHUB_STEP_SUMMARY="" noisefix check "$old" --write-baseline "$known" "$@" \
      >/dev/null 2>&1 || code=$?
    [ "$code" -le 1 ] || known=$old # it cannot be judged: its rows count, not what looked wrong
    gate=(--baseline "$known" --max-new-issues 0)
  else
    gate=(--max-issues 0)
  fi
  code=0
  noisefix check "$file" "${gate[@]}" "$@" || code=$?
  [ "$code" -le "$worst" ] || worst=$code
  rm -rf "$scratch"
done
exit "$worst"
