#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt capsule cp: files out of capsules and into them, running or not, hostile links included.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule_lib.sh"
need_root
need bolt busybox jq runc tar

export ROOT=$T/root
make_busybox_root "$ROOT"
mkdir -p "$ROOT/data/sub" "$ROOT/empty"
echo one >"$ROOT/data/one"
echo two >"$ROOT/data/sub/two"
ln "$ROOT/data/one" "$ROOT/data/hard"
chmod 4755 "$ROOT/data/one"
chown 1234:1234 "$ROOT/data/sub/two"
# Links that lead out, as long as nobody minds the root.
ln -s "$T/outside" "$ROOT/data/away"
ln -s ../../../../../../../../..$T "$ROOT/data/up"
ln -s / "$ROOT/data/top"

cp_() { bolt capsule cp "$@"; }

listing() { (cd "$1" && find . -printf '%P %y %l\n' | sort); }

outwards() { # NAME
	local name=$1 w=$T/w
	rm -rf "$w"
	mkdir -p "$w/dir" "$w/contents"
	cp_ "$name:/data" "$w/new"
	is "$WORLD, $2: a directory under a new name" "$(listing "$ROOT/data")" "$(listing "$w/new")"
	cp_ "$name:/data" "$w/dir"
	is "$WORLD, $2: into a directory" "$(listing "$ROOT/data")" "$(listing "$w/dir/data")"
	cp_ "$name:/data/." "$w/contents"
	is "$WORLD, $2: its contents" "$(listing "$ROOT/data")" "$(listing "$w/contents")"
	cp_ "$name:/data/one" "$w/file"
	is "$WORLD, $2: a file, nobody's set-user-ID program" '755 0 one' "$(stat -c '%a %u' "$w/file") $(cat "$w/file")"
	is "$WORLD, $2: hard links stay so" 2 "$(stat -c %h "$w/new/one")"
	cp_ -a "$name:/data/sub/two" "$w/owned"
	is "$WORLD, $2: with its owner" 1234 "$(stat -c %u "$w/owned")"
	is "$WORLD, $2: as an archive" 'data/sub/two' "$(cp_ "$name:/data" - | tar -t | grep two)"
	refuses "$WORLD, $2: what is not there" 1 '/nope: No such file' cp_ "$name:/nope" "$w/x"
	refuses "$WORLD, $2: into what is not there" 1 'no such directory' cp_ "$name:/data/one" "$w/none/"
	refuses "$WORLD, $2: a directory over a file" 1 'cannot take the place of a file' cp_ "$name:/data" "$w/file"
}

# What a link in the capsule names is the capsule's, or nothing.
links() { # NAME
	local name=$1 w=$T/l
	rm -rf "$w"
	mkdir -p "$w"
	echo secret >"$T/outside"
	cp_ "$name:/data/away" "$w/link"
	is "$WORLD, $2: a link is copied as one" "$T/outside" "$(readlink "$w/link")"
	refuses "$WORLD, $2: what it leads to is not the host's" 1 'No such file' cp_ -L "$name:/data/away" "$w/secret"
	refuses "$WORLD, $2: nor on the way" 1 'No such file' cp_ "$name:/data/up/outside" "$w/secret"
	cp_ -L "$name:/data/top/data/one" "$w/own"
	is "$WORLD, $2: a link to / is the capsule's" one "$(cat "$w/own")"
	echo evil >"$w/evil"
	refuses "$WORLD, $2: nothing is written through it" 1 '' cp_ "$w/evil" "$name:/data/up/outside"
	is "$WORLD, $2: the host's file is as it was" secret "$(cat "$T/outside")"
	cp_ "$w/evil" "$name:/data/top/empty/"
	is "$WORLD, $2: the capsule's root is the root" evil "$(cp_ "$name:/empty/evil" - | tar -xO)"
}

inwards() { # NAME
	local name=$1 w=$T/i
	rm -rf "$w"
	mkdir -p "$w/tree/deep"
	echo new >"$w/tree/deep/file"
	cp_ "$w/tree" "$name:/tree"
	is "$WORLD, $2: a directory goes in" new "$(cp_ "$name:/tree/deep/file" - | tar -xO)"
	cp_ "$w/tree/deep/file" "$name:/data/one"
	is "$WORLD, $2: over a file" new "$(cp_ "$name:/data/one" - | tar -xO)"
	tar -C "$w" -c tree | cp_ - "$name:/empty"
	is "$WORLD, $2: from an archive" new "$(cp_ "$name:/empty/tree/deep/file" - | tar -xO)"
	refuses "$WORLD, $2: an archive wants a directory" 1 'no such directory' cp_ - "$name:/nodir" </dev/null
	printf 'x\n' >"$w/rel"
	(cd "$w" && cp_ rel "$name:empty/")
	is "$WORLD, $2: relative paths" x "$(cp_ "$name:empty/rel" - | tar -xO)"
}

# An archive of the capsule's cannot write outside of where it goes.
hostile_archive() {
	local w=$T/h
	rm -rf "$w"
	mkdir -p "$w/to"
	started evil -- sh -c 'mkdir -p /e/d; ln -s / /e/d/l; sleep 100'
	until_true bolt capsule exec evil test -L /e/d/l
	cp_ evil:/e "$w/to"
	is "$WORLD: a link comes as a link" / "$(readlink "$w/to/e/d/l")"
	bolt capsule exec evil sh -c 'rm /e/d/l; mkdir /e/d/l; echo x >/e/d/l/nvb-test-file'
	cp_ evil:/e "$w/to" 2>/dev/null || true
	is "$WORLD: and is not followed afterwards" '' "$(find / -maxdepth 1 -name nvb-test-file)"
	refuses "$WORLD: /proc" 1 'the kernel makes these files up' cp_ evil:/proc "$w/proc"
	cp_ evil:/dev "$w/dev" 2>"$w/said"
	is "$WORLD: no device node comes out" '' "$(find "$w/dev" -type c -o -type b)"
	like "$WORLD: and that is said" 'device nodes were left out' "$(cat "$w/said")"
	refuses "$WORLD: a device node alone" 1 'device nodes are not copied' cp_ evil:/dev/null "$w/null"
	bolt capsule stop -t 0 evil >/dev/null
	gone evil
}

# Of extended attributes users' own go along, a program's capabilities with -a alone, overlayfs's never.
attributes() {
	local w=$T/attributes
	rm -rf "$w"
	mkdir -p "$w"
	echo x >"$w/file"
	if ! setfattr -n user.note -v kept "$w/file" 2>/dev/null || is_rootless; then
		echo '# left out: extended attributes'
		return
	fi
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$w/file"
	setfattr -n user.overlay.opaque -v y "$w/file"
	cp_ "$w/file" box:/attributes
	cp_ box:/attributes "$w/back"
	if ! getfattr -d "$w/back" 2>/dev/null | grep -q user; then
		# An upper directory on a tmpfs that has none.
		setfattr -n user.note -v x "$BOLT_DATA" 2>/dev/null && fail "$WORLD: user attributes go along"
		echo '# left out: extended attributes, which the store has not'
		return
	fi
	is "$WORLD: a user's attribute goes along, overlayfs's own does not" 'user.note="kept"' "$(getfattr -d -m - "$w/back" 2>/dev/null | grep -v '^#' | xargs -n1 | sed 's/=\(.*\)/="\1"/')"
	cp_ -a "$w/file" box:/owned
	cp_ -a box:/owned "$w/owned"
	like "$WORLD: capabilities with -a" '^security.capability=' "$(getfattr -d -m - "$w/owned" 2>/dev/null)"
}

# One that is copied to does not start meanwhile, nor is it removed.
locked() {
	local copier
	mkfifo "$T/slow"
	cp_ - box:/ <"$T/slow" &
	copier=$!
	exec 9>"$T/slow"
	until_true grep -q "$(stat -c :%i "$BOLT_DATA/capsules/$(bolt capsule inspect box | jq -r '.[0].id')") " /proc/locks
	refuses "$WORLD: a start waits for a copy" 125 'files are being copied' bolt capsule start box
	refuses "$WORLD: so does rm" 1 'files are being copied' bolt capsule rm box
	(cd "$T" && echo late >late && tar -c late) >&9
	exec 9>&-
	wait "$copier"
	rm "$T/slow"
	check "$WORLD: it starts when that has ended" bolt capsule start box
	is "$WORLD: and has it" late "$(bolt capsule exec box cat /late)"
	bolt capsule stop -t 0 box >/dev/null
}

all() {
	started box -- sleep 1000
	outwards box running
	links box running
	inwards box running
	bolt capsule stop -t 0 box >/dev/null
	gone box
	made box -- sleep 1000
	outwards box stopped
	links box stopped
	inwards box stopped
	attributes
	locked
	bolt capsule start box >/dev/null
	is "$WORLD: what went into the stopped one is there" new "$(bolt capsule exec box cat /data/one)"
	bolt capsule stop -t 0 box >/dev/null
	hostile_archive
	refuses "$WORLD: from one into another" 1 'bolt capsule cp box:/a - | bolt' cp_ box:/a box:/b
	refuses "$WORLD: neither is a capsule's" 2 'CAPSULE:PATH' cp_ /a /b
	refuses "$WORLD: no such capsule" 1 "no capsule 'nobody'" cp_ nobody:/a /b
	gone box
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

each_world all
