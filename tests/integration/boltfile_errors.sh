#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boltfiles with mistakes: what is said of each, where, and with which status; --strict; variables and .env.
. "$(dirname "$0")/lib.sh"
need bolt jq

cd "$T"

# file TEXT: what Boltfile.toml shall be.
file() { printf '%b' "$1" >Boltfile.toml; }

# wrong NAME TEXT MESSAGE [HINT]: `surge config` refuses it with that line, and `surge up` does before it does anything.
wrong() {
	file "$2"
	local said line="bolt: Boltfile.toml:$3${4:+ ($4)}"
	said=$(bolt surge config 2>&1 >/dev/null) && said="taken: $said"
	is "$1" "$line" "$said"
	said=$(bolt surge up -d 2>&1) && said="taken: $said"
	is "$1, by up" "$line" "$said"
}

wrong 'unknown key' '[services.a]\nimage = "x"\nisolaton = 1\n' "3:1: there is no key 'isolaton' in [services.a]" "did you mean 'gpu.isolation'?"
wrong 'unknown key with a neighbour' '[services.a]\nimage = "x"\n[services.a.gpu]\nisolaton = "x"\n' \
	"4:1: there is no key 'isolaton' in [services.a.gpu]" "did you mean 'isolation'?"
wrong 'unknown table' '[service.a]\nimage = "x"\n' "1:2: there is no table 'service' in a Boltfile" "did you mean 'services'?"
wrong 'wrong type' '[services.a]\nimage = "x"\nports = "80:80"\n' "3:9: 'ports' wants a list of ports, this is a string"
wrong 'missing image' '[services.a]\ncommand = ["x"]\n' "1:11: service 'a' names no image" 'capsule = "NAME:TAG", or image = ...'
wrong 'circle' '[services.a]\nimage = "x"\ndepends_on = ["b"]\n[services.b]\nimage = "x"\ndepends_on = ["a"]\n' \
	"3:14: service 'a': depends_on leads in a circle: a -> b -> a"
wrong 'depends on nobody' '[services.web]\nimage = "x"\ndepends_on = ["dv"]\n[services.db]\nimage = "x"\n' \
	"3:15: service 'web' depends on 'dv', which is no service of this file" "did you mean 'db'?"
wrong 'memory limit without unit' '[services.a]\nimage = "x"\n[services.a.gpu.capsule]\nmemory_limit = "8"\n' \
	"4:16: memory_limit: '8' lacks its unit; write it as 8GB or 8MiB"
wrong 'compute limit without unit' '[services.a]\nimage = "x"\n[services.a.gpu.capsule]\ncompute_limit = 80\n' \
	"4:17: compute_limit: '80' lacks its unit; write a share as 80%"
wrong 'port given twice' '[services.a]\nimage = "x"\nports = ["80:80"]\n[services.b]\nimage = "x"\nports = ["80:81"]\n' \
	"6:9: service 'b': port 80 of the host is given to 'a' already (line 3)"
wrong 'isolation' '[services.a]\nimage = "x"\n[services.a.gpu]\nisolation = "exclusiv"\n' \
	"4:13: isolation: no such value 'exclusiv'; one of shared, exclusive, virtual" "did you mean 'exclusive'?"
wrong 'no TOML' 'services: web\n' "1:9: ':' where '=' should follow the key"
wrong 'no services' 'project = "x"\n' " there is no service in it" '[services.NAME] with capsule = "IMAGE"'
wrong 'variable' '[services.a]\nimage = "${IMAGE:?which?}"\n' "2:9: the variable IMAGE is not set: which?"

# What only the words of a capsule can tell is told before any capsule is touched.
wrong 'a name too short' '[services.a]\nimage = "x"\ncontainer_name = "a"\n' \
	"3:18: service 'a': name 'a': 2 to 128 letters, digits and _.- that start with a letter or digit"
wrong 'memory in which nothing starts' '[services.a]\nimage = "x"\nmemory_limit = "8"\n' \
	"3:16: service 'a': memory '8': less than 6 MiB, in which nothing starts"
wrong 'a capability there is not' '[services.b]\nimage = "x"\n[services.a]\nimage = "x"\ncap_add = ["FLY"]\n' \
	"5:11: service 'a': capability 'FLY': there is no such" \
	'names are those of capabilities(7), with or without CAP_, or ALL'
wrong 'a signal there is not' '[services.a]\nimage = "x"\nstop_signal = "FOO"\n' \
	"3:15: service 'a': stop signal 'FOO': there is no such signal"
wrong 'no such file of variables' '[services.a]\nimage = "x"\nenv_file = "none"\n' \
	"3:12: service 'a': environment file: $T/none: No such file or directory"
file '[services.a]\nimage = "x"\ngpu.aiml.profile = "traning"\n'
refuses 'no such profile' 1 "Boltfile.toml:3:20: service 'a': there is no profile 'traning'" bolt surge config
refuses 'no such profile, by up' 1 "Boltfile.toml:3:20: service 'a': there is no profile 'traning'" bolt surge up -d

rm Boltfile.toml
refuses 'no file' 1 'Boltfile: Boltfile.toml: No such file or directory \(-f names another file\)' bolt surge config
refuses 'no such file' 1 'Boltfile: other.toml: No such file or directory' bolt surge config -f other.toml
refuses 'a directory' 1 'not a regular file' bolt surge config -f "$T"

file '[services.a]\nimage = "x"\nplatform = "linux/amd64"\n[quic_fabric]\nenabled = true\n'
like 'no effect: a warning' 'warning: Boltfile.toml:3:1: services.a.platform has no effect: ' "$(bolt surge config 2>&1)"
refuses 'no effect: refused by --strict' 1 \
	'Boltfile.toml:3:1: services.a.platform has no effect: .*without --strict it is a warning, as are 1 more' bolt surge config --strict
like 'no such service' "^bolt: Boltfile.toml: there is no service 'b'$" "$(bolt surge up -d b 2>&1)"

# Variables: the environment's before those of .env.
printf 'IMAGE=from-file\nexport TAG="a b"\n' >.env
file '[services.a]\nimage = "${IMAGE}:1"\nenvironment = { T = "${TAG}", D = "${NONE:-x}", H = "$$HOME" }\n'
is '.env' '["from-file:1","a b","x","$HOME"]' \
	"$(bolt surge config --format json | jq -c '[.services.a.capsule, .services.a.environment[]]')"
is 'the environment wins' mine:1 "$(IMAGE=mine bolt surge config --format json | jq -r .services.a.capsule)"
bolt surge config >printed.toml
is 'what is printed is printed again' "$(cat printed.toml)" "$(bolt surge config -f printed.toml)"
printf 'A\n' >.env
refuses 'a wrong .env' 1 '.env:1: there is no .=. behind the name' bolt surge config
rm .env

is 'the project is named by the directory, else by -p' "$(basename "$T" | tr 'A-Z' 'a-z' | tr -cd 'a-z0-9_-') other" \
	"$(bolt surge config --format json 2>/dev/null | jq -r .project) $(bolt surge config -p other --format json 2>/dev/null | jq -r .project)"
