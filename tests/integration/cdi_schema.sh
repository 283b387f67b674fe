#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our verdicts on the corpus of specs against those of the JSON schema that belongs to the specification: what it
# refuses, we refuse; what we refuse beyond it is a rule that only the prose has. What we generate it accepts.
# NVB_TEST_CDI_SCHEMA names the directory with schema.json and defs.json.

. "$(dirname "$0")/lib.sh"
need nvbind python3
schema=${NVB_TEST_CDI_SCHEMA:-$NVB_SOURCE/../shared/testdata/schema/cdi}
[ -r "$schema/schema.json" ] || skip "no JSON schema of CDI (NVB_TEST_CDI_SCHEMA)"
python3 -W ignore -c 'import jsonschema, yaml' 2>/dev/null || skip "needs python3-jsonschema and python3-yaml"

files=("$NVB_SOURCE"/tests/fuzz/corpus/cdi_yaml/*.yaml "$NVB_SOURCE"/tests/fuzz/corpus/cdi_json/*.json)
if [ "$(id -u)" = 0 ] && [ -x "$NVB_BUILD/bin/nvbind-sim" ]; then
	for scenario in h200x8 a100x8-mig rtx4090x1; do
		make_sim "$scenario" "$T/$scenario"
		for format in yaml json; do
			nvbind cdi generate --root "$T/$scenario" -o "$T/specs/$scenario-$format/good.$format"
			files+=("$T/specs/$scenario-$format/good.$format")
		done
	done
fi

python3 -W ignore - "$schema" "${files[@]}" >"$T/schema" <<'PYTHON'
import json, sys, pathlib, jsonschema, yaml

directory = pathlib.Path(sys.argv[1])
load = lambda name: json.loads((directory / name).read_text())
schema = load("schema.json")
store = {"defs.json": load("defs.json")}
resolver = jsonschema.RefResolver("", schema, store=store)
validator = jsonschema.Draft7Validator(schema, resolver=resolver)
for name in sys.argv[2:]:
    text = open(name, encoding="utf-8", errors="surrogateescape").read()
    try:
        document = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
        verdict = "good" if validator.is_valid(document) else "bad"
    except (ValueError, RecursionError, yaml.YAMLError):
        verdict = "unreadable"
    print(verdict)
PYTHON

i=0
while read -r theirs; do
	file=${files[i++]}
	name=${file##*/}
	ours=good
	nvbind cdi validate "$file" >/dev/null 2>&1 || ours=bad
	case $name in
	good-* | good.*) is "$name: good for both" 'good good' "$theirs $ours" ;;
	schema-*) is "$name: bad for both" 'bad bad' "$theirs $ours" ;;
	rule-*) is "$name: bad by a rule of the prose alone" 'good bad' "$theirs $ours" ;;
	broken-*) is "$name: no document for us" bad "$ours" ;;
	*) fail "$name: its name gives no verdict" ;;
	esac
done <"$T/schema"
is 'every file had its verdict' "${#files[@]}" "$i"
