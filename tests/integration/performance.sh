#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/performance.md against the raw numbers it names: every measured number there is one of theirs, every row of both
# tables of promises is there, a cell without a measurement says so, and the report can still be made from them.
. "$(dirname "$0")/lib.sh"
need bolt python3 jq

page=$NVB_SOURCE/docs/performance.md
name=$(sed -n 's/^| raw numbers | \[results\/\([^]]*\)\.json\].*/\1/p' "$page")
raw=$NVB_SOURCE/docs/results/$name.json
check 'the page names its raw numbers' test -s "$raw"
check 'every number is what it says' python3 "$NVB_SOURCE/bench/performance.py" --check "$raw" "$page"
for row in 'GPU passthrough' 'context switching' 'gaming input latency' 'container startup' 'native performance' 'DLSS support' \
	'RT core access' 'vsync and frame pacing'; do
	is "row: $row" 1 "$(grep -c "^| $row |" "$page")"
done
is 'a simulated driver is said to be one' "$(jq .simulated "$raw")" \
	"$(grep -q '^\*\*The machine had no GPU: its driver was simulated' "$page" && echo true || echo false)"
check 'what was measured on a simulated driver alone is no number of a GPU' jq -e \
	'(.simulated | not) or ([.series[].metric] | any(. == "compute" or startswith("launch")) | not)' "$raw"
is 'runs of each' "$(jq '[.series[] | select(.metric == "total").values | length] | min >= 50' "$raw")" true
bolt benchmark --replay "$raw" --chart "$T/chart.svg" >"$T/report"
like 'the report is made from them' 'SIMULATED driver' "$(cat "$T/report")"
same_file 'so is the picture' "$NVB_SOURCE/docs/results/$name.svg" "$T/chart.svg"

# The check is one: a changed number, a number without its source and an empty cell are found.
sed '0,/[0-9.]* ms<!--= bolt total p50/s//0.01 ms<!--= bolt total p50/' "$page" >"$T/page.md"
check 'another number is found' test "$(python3 "$NVB_SOURCE/bench/performance.py" --check "$raw" "$T/page.md" | grep -c 'stands there')" -eq 1
sed '/^| native performance/s/not measured: it takes a GPU/99.9 %/' "$page" >"$T/page.md"
check 'a number of nowhere is found' grep -q 'does not say what it is' \
	<(python3 "$NVB_SOURCE/bench/performance.py" --check "$raw" "$T/page.md")
sed '/^| gaming input latency/s/not measured/-/' "$page" >"$T/page.md"
check 'a cell without a measurement that does not say so is found' grep -q "neither a measurement" \
	<(python3 "$NVB_SOURCE/bench/performance.py" --check "$raw" "$T/page.md")
