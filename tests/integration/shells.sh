#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completion in real shells: bash, zsh and fish offer what the programs themselves name.
. "$(dirname "$0")/lib.sh"
need nvbind bolt nvbind-sim python3

export TERM=dumb HOME=$T PATH=$NVB_BUILD/bin:$PATH
press() { python3 "$NVB_SOURCE/tests/integration/programs/press.py" "$@"; }

# --- what the programs name ------------------------------------------------------------------------------------------

is 'a command' doctor "$(nvbind __complete doc)"
is 'an option' '--format' "$(nvbind __complete doctor --fo)"
is 'its values, as bash cuts them' 'json' "$(nvbind __complete doctor --format = j)"
is 'and as others leave them' '--format=json' "$(nvbind __complete doctor --format=j)"
is 'with what it is for' $'--format\thow to print' "$(nvbind __describe doctor --form)"
is 'a value has no text' json "$(nvbind __describe doctor --format j)"
is 'the other program of bolt, too' $'pull\tget an image from a registry, an archive or another engine' "$(bolt __describe image pu)"
is 'nothing for what only the shell knows' '' "$(nvbind __complete doctor --container x)"
is 'the program'"'"'s own options stand before its commands' '' "$(nvbind __complete doctor --vers)"

# --- bash ------------------------------------------------------------------------------------------------------------

for program in nvbind bolt nvbind-sim; do
	check "bash knows $program" bash -c '. "$1" && complete -p "$2"' bash "$NVB_SOURCE/completions/nvbind.bash" "$program"
done
# The prompt shows that the line before has been done.
check 'bash completes commands, options and values' press bash --norc --noprofile -i -- \
	'PS1=re''ady\\>; bind "set enable-bracketed-paste off"\n' 'ready>' \
	'. '"$NVB_SOURCE"'/completions/nvbind.bash; echo lo''aded\n' 'loaded\n' \
	'nvbind doc\t' 'doctor ' '--form\t' '--format ' 'j\t' 'json '

# --- zsh -------------------------------------------------------------------------------------------------------------

if command -v zsh >/dev/null; then
	for program in nvbind bolt nvbind-sim; do
		check "zsh reads _$program" zsh -n "$NVB_BUILD/completions/_$program"
	done
	check 'zsh completes commands, options and values' press zsh -f -i -- \
		"fpath=($NVB_BUILD/completions \$fpath); autoload -Uz compinit; compinit -u -D; echo lo''aded\n" 'loaded\n' \
		'nvbind doc\t' 'doctor ' '--form\t' '--format ' 'j\t' 'json '
	check 'zsh says what they are for' press zsh -f -i -- \
		"fpath=($NVB_BUILD/completions \$fpath); autoload -Uz compinit; compinit -u -D; echo lo''aded\n" 'loaded\n' \
		'bolt surge \t\t' 'run +-- run a program in a new capsule'
else
	echo '# left out: no zsh'
fi

# --- fish ------------------------------------------------------------------------------------------------------------

if command -v fish >/dev/null; then
	fish_says() { fish --no-config -c "source $NVB_BUILD/completions/$1.fish; complete -C '$2'" 2>&1; }
	is 'fish completes commands' $'doctor\tfind out why GPUs do not work, and mend it' "$(fish_says nvbind 'nvbind doct')"
	is 'options' $'--format\thow to print' "$(fish_says nvbind 'nvbind doctor --form')"
	is 'values' json "$(fish_says nvbind 'nvbind doctor --format j')"
	is 'values behind =' '--format=json' "$(fish_says bolt 'bolt doctor --format=j')"
	like 'the simulator'"'"'s' '^scenarios' "$(fish_says nvbind-sim 'nvbind-sim scen')"
else
	echo '# left out: no fish'
fi
