#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What nvbind inject writes is valid by the OCI runtime specification's own JSON schema, where that is at hand.
. "$(dirname "$0")/lib.sh"
need nvbind nvbind-sim python3
schema=${NVB_TESTDATA:-$NVB_SOURCE/../shared/testdata}/schema/oci
[ -f "$schema/config-schema.json" ] || skip "no OCI schema below ${NVB_TESTDATA:-../shared/testdata} (NVB_TESTDATA)"
# Debian's own Python, where its packages are.
python=/usr/bin/python3
[ -x "$python" ] && "$python" -c 'import jsonschema' 2>/dev/null || python=python3
"$python" -c 'import jsonschema' 2>/dev/null || skip "needs python3-jsonschema"

validate() {
	"$python" - "$schema" "$1" <<'END'
import json, pathlib, sys
import jsonschema

root = pathlib.Path(sys.argv[1]).resolve()
schema = json.loads((root / "config-schema.json").read_text())
resolver = jsonschema.RefResolver(root.as_uri() + "/config-schema.json", schema)
document = json.loads(pathlib.Path(sys.argv[2]).read_text())
errors = list(jsonschema.Draft4Validator(schema, resolver=resolver).iter_errors(document))
for error in errors[:5]:
    print("/".join(map(str, error.absolute_path)), error.message[:200])
sys.exit(bool(errors))
END
}

echo '{"ociVersion":"1.0.2","mounts":[{"destination":5}]}' >"$T/wrong.json"
if validate "$T/wrong.json" >/dev/null; then fail 'the schema refuses what is wrong'; else pass 'the schema refuses what is wrong'; fi

corpus=$NVB_SOURCE/tests/fuzz/corpus/oci_edit
for scenario in h200x8 a100x8-mig laptop-hybrid rtx5090x1; do
	make_sim "$scenario" "$T/$scenario"
	for config in "$corpus"/runc-spec "$corpus"/crun-spec "$NVB_SOURCE/bench/config.json"; do
		what="$scenario, $(basename "$config")"
		rm -f "$T/out.json"
		check "$what: is edited" nvbind inject --root "$T/$scenario" --gpu all --capabilities all \
			--file "$config" --output "$T/out.json"
		check "$what: is valid" validate "$T/out.json"
	done
done
