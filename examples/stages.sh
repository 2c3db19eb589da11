#!/bin/sh
# The stages of `noisefix detect` one by one, and a folder of tables put together by hand.
# Usage: sh stages.sh [OUTPUT [OPTIONS OF EMBED, e.g. --encoder tfidf]]
set -eu
data=$(dirname "$0")/support_tickets.csv
out=${1:-stages.out}
[ $# -eq 0 ] || shift
mkdir -p "$out/parts"

# A run folder, stage by stage: the same tables as `noisefix detect`, byte for byte.
noisefix embed "$data" -o "$out/run" "$@"
noisefix joint "$out/run" --labelled-by people
noisefix candidates "$out/run"
noisefix relabel "$out/run" --annotator column:second_llm --share 0.4
noisefix apply "$out/run" -o "$out/clean.csv" --strategy relabel

# The same as plain files. Each may be replaced by a table that another program has made: here
# the candidates are only copied, and lose what noisefix says of them.
parts=$out/parts
noisefix embed "$data" -o "$parts/embeddings.parquet" "$@"
noisefix joint "$parts/embeddings.parquet" -o "$parts" --labelled-by people
noisefix candidates "$parts/embeddings.parquet" "$parts/issues.parquet" -o "$out/c.parquet"
python3 -c '
import sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1]).replace_schema_metadata(None)
pq.write_table(table, sys.argv[2])
' "$out/c.parquet" "$parts/candidates.parquet"
noisefix relabel "$parts" --annotator column:second_llm --share 0.4 --data "$data"
noisefix apply "$parts" -o "$out/clean-parts.csv" --strategy relabel
cmp "$out/clean.csv" "$out/clean-parts.csv"
