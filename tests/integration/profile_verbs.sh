#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind profile list, show, validate: the installed profiles, the administrator's and one's own, by name and by file.
. "$(dirname "$0")/lib.sh"
need nvbind jq

export XDG_CONFIG_HOME=$T/config
mine=$XDG_CONFIG_HOME/nvbind/profiles.d
mkdir -p "$mine"
names() { nvbind profile list --format json | jq -r '.[].name' | paste -sd' '; }

for name in gaming ultra-low-latency competitive performance aaa balanced efficiency ai aiml training inference development ultra bolt-gaming; do
	like "there is $name" " $name " " $(names) "
	is "$name is a good one" "$name: fine" "$(nvbind profile validate "$name")"
	like "$name says what it does" 'does' "$(nvbind profile show "$name")"
done

cat >"$mine/lan-party.toml" <<'TOML'
description = "a weekend"
extends = "gaming"
[cpu]
nice = -3
TOML
like "one's own is listed" ' lan-party ' " $(names) "
is 'and good' 'lan-party: fine' "$(nvbind profile validate lan-party)"
show=$(nvbind profile show lan-party)
like 'what it inherits is there' 'vulkan = true +\(gaming.toml:[0-9]+\)' "$show"
like 'beside its own' 'nice = -3 +\(lan-party.toml:4\)' "$show"
like 'what a setting cannot do is said' 'cannot: a game decides on ray tracing itself' "$show"
check 'all of them at once' nvbind profile validate

# By file, in the working directory, too.
cd "$T"
printf 'descripton = "x"\n' >wrong.toml
refuses 'an unknown key, with its place' 1 'wrong.toml:1:1: there is no key .descripton. in a profile' nvbind profile validate "$T/wrong.toml"
refuses 'the same by the name of a file' 1 'wrong.toml:1:1: there is no key' nvbind profile validate wrong.toml
printf 'extends = "gamin"\n' >heir.toml
refuses 'an heir of nobody' 1 "gamin.*did you mean 'gaming'" nvbind profile validate heir.toml
printf '[cpu]\nnice = "low"\n' >type.toml
refuses 'another type' 1 'type.toml:2:8: ' nvbind profile validate type.toml
refuses 'a file that is not there' 1 '^nvbind: none.toml: No such file' nvbind profile validate none.toml
refuses 'no such profile' 1 "there is no profile 'gamin' \(did you mean 'gaming'" nvbind profile show gamin
