#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Manual pages: every command has one, and page, --help and completion name the same options, each no more and no less.
. "$(dirname "$0")/lib.sh"
need nvbind bolt nvbind-sim jq
pages=$NVB_BUILD/man

page_options() { # FILE: --names in it, where options are listed
	sed -n '/^\.SH OPTIONS/,/^\.SH \(EXIT\|COMMANDS\)/p' "$1" | grep -E '^(\.TP|\\fB|\.B )' | grep -oE '\\-\\-([a-z0-9]|\\-)+' |
		tr -d '\\' | sort -u
}
help_options() { # COMMAND...: --names in its help, where options are listed
	"$@" --help | sed -n '/^Options of every command:/,/see /p; s/^ \{1,2\}\(-., \|    \)\(--[a-z0-9-]*\).*/\2/p' |
		grep -oE -- '--[a-z0-9-]+' | grep -v '^--help$' | sort -u
}

visited=$T/visited
: >"$visited"
# One command and those below it: visit WORD...
visit() {
	local page below word
	page=$pages/man1/$(tr ' ' - <<<"$*").1
	echo "${page##*/}" >>"$visited"
	if [ ! -s "$page" ]; then
		fail "$* has a page"
		return 0
	fi
	is "$*: the page has the options of --help" "$(help_options "$@")" "$(page_options "$page" | grep -v '^--help$')"
	is "$*: so has the shell" "$(help_options "$@")" \
		"$("$1" __complete "${@:2}" -- | grep -v '^--help$' | sort -u)"
	below=$("$1" __complete "${@:2}" '')
	while read -r word; do
		[ -z "$word" ] || [[ $word == -* ]] || ! grep -qE "^  $word( |\$)" <<<"$("$@" --help)" || visit "$@" "$word"
	done <<<"$below"
}
for program in nvbind bolt nvbind-sim; do
	visit "$program"
done
is 'there is no page of anything else' '' "$(comm -13 <(sort -u "$visited") <(cd "$pages/man1" && ls | sort))"

# --- the programs without tables -------------------------------------------------------------------------------------

is 'nvbind-hook(8) has the options of --help' \
	"$(nvbind-hook --help | grep -oE -- '--[a-z][a-z-]*' | sort -u)" \
	"$(grep -oE '\\-\\-[a-z]([a-z]|\\-)*' "$pages/nvbind-hook.8" | tr -d '\\' | sort -u)"
like 'nvbind-runtime(8) has its one option' 'nvbind\\-version' "$(cat "$pages/nvbind-runtime.8")"
is 'which it answers' "$(nvbind version | sed 's/nvbind/nvbind-runtime/')" "$(nvbind-runtime --nvbind-version)"
is 'nvbind-config(5) has every key' "$(sed -n 's/^#\([a-z-]*\) = .*/\1/p' "$NVB_SOURCE/packaging/config.toml" | sort -u)" \
	"$(sed -n 's/^\\fB\([a-z\\-]*\)\\fR = .*/\1/p' "$pages/nvbind-config.5" | tr -d '\\' | sort -u)"

# --- as pages --------------------------------------------------------------------------------------------------------

if command -v mandoc >/dev/null; then
	is 'mandoc has nothing to say' '' "$(mandoc -Tlint -W warning "$pages"/man1/*.1 "$pages"/*.[58] 2>&1)"
else
	echo '# left out: no mandoc'
fi
if command -v man >/dev/null; then
	complaints=$(for page in "$pages"/man1/*.1 "$pages"/*.[58]; do MANWIDTH=100 LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >/dev/null; done)
	is 'neither has man' '' "$complaints"
	like 'which shows them' 'bolt-doctor - find out why GPUs do not work' "$(MANWIDTH=100 man -l "$pages/man1/bolt-doctor.1" | col -b 2>/dev/null)"
else
	echo '# left out: no man'
fi
check 'they are installed' meson install -C "$NVB_BUILD" --no-rebuild --quiet --destdir "$T/dest"
for file in man/man1/bolt.1 man/man1/nvbind-doctor.1 man/man5/nvbind-config.5 man/man8/nvbind-hook.8 zsh/site-functions/_bolt \
	fish/vendor_completions.d/nvbind.fish bash-completion/completions/nvbind; do
	check "$file" test -n "$(find "$T/dest" -path "*/share/$file")"
done

# --- cross built -----------------------------------------------------------------------------------------------------

# A machine whose programs do not run here, for meson; only pages are made.
cat >"$T/cross.ini" <<'INI'
[binaries]
c = 'cc'
ar = 'ar'
strip = 'strip'
pkgconfig = 'pkg-config'
[host_machine]
system = 'linux'
cpu_family = 'x86_64'
cpu = 'x86_64'
endian = 'little'
[properties]
needs_exe_wrapper = true
INI
cross() { env -u CC -u CFLAGS meson setup "$T/cross" "$NVB_SOURCE" --cross-file "$T/cross.ini" -Dtests=disabled "$@" 2>&1; }
if [ "$(uname -m)" = x86_64 ]; then
	like 'without a build that runs here: it says that there are no pages' 'WARNING: no manual pages of the commands.*native-build' "$(cross)"
	rm -r "$T/cross"
	cross "-Dnative-build=$NVB_BUILD" >"$T/cross.log"
	check 'with one: they are made' ninja -C "$T/cross" man/man1 man/nvbind-config.5
	check 'all of them' diff -r "$pages/man1" "$T/cross/man/man1"
else
	echo '# left out: the cross build is written for x86_64'
fi

# --- versions --------------------------------------------------------------------------------------------------------

for program in nvbind bolt; do
	is "$program version is --version" "$("$program" --version)" "$("$program" version)"
	is 'and as JSON' "$program ${version:=$("$program" --version | cut -d' ' -f2)}" \
		"$("$program" version --format json | jq -r '.program + " " + .version')"
done
