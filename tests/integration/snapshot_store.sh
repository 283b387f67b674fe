#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots on disk, of directories instead of capsules: what a file can be comes back, bolt snapshot's verbs, one flipped
# bit anywhere, what a killed writer leaves, a full disk, encryption, archives as an attacker would make them.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq setfattr getfattr strace
tool=$NVB_BUILD/tests/integration/snapshot-tool
S=$T/store

snap() { # VERB ARGUMENT...
	local verb=$1
	shift
	bolt snapshot "$verb" --store "$S" "$@"
}
take() { "$tool" take "$S" "$@"; }
extract() { # SNAPSHOT TREE DIR
	rm -rf "$3"
	mkdir -p "$3"
	"$tool" extract "$S" "$1" "$2" "$3"
}
# Everything that can be told of the files below a directory.
told() {
	(cd "$1" && find . -printf '%P %y %m %U %G %n %s %T@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum &&
		getfattr -h -R -m - -d . 2>/dev/null)
}

mkdir -p "$T/in/sub/deep" "$T/in/opaque"
head -c 3000000 /dev/urandom >"$T/in/random"
seq 200000 >"$T/in/text"
head -c 500000 /dev/zero >"$T/in/zeros"
truncate -s 30M "$T/in/sparse"
printf end | dd of="$T/in/sparse" bs=1 seek=20000000 conv=notrunc status=none
mknod "$T/in/whiteout" c 0 0
mknod "$T/in/node" b 7 200
mkfifo "$T/in/sub/fifo"
ln "$T/in/text" "$T/in/sub/hard"
ln -s /etc/shadow "$T/in/sub/soft"
setfattr -n trusted.overlay.opaque -v y "$T/in/opaque"
setfattr -n user.colour -v blue "$T/in/text"
chown 1234:5678 "$T/in/random"
chmod 4755 "$T/in/random"
chown -h 77:78 "$T/in/sub/soft"
touch -h -d 2001-02-03T04:05:06.789 "$T/in/sub/soft"
touch -d 1960-01-01 "$T/in/sub/deep"
printf x >"$T/in/"$'name with\nnewline, \xff and \xc3\xa4'

# --- there and back --------------------------------------------------------------------------------------------------

first=$(take box upper="$T/in")
check 'it comes back' extract "$first" upper "$T/out"
is 'all of it as it was' "$(told "$T/in")" "$(told "$T/out")"
is 'sparse files are sparse' yes "$([ "$(stat -c %b "$T/out/sparse")" -lt 200 ] && echo yes)"
is 'modes' '700 700 600' \
	"$(stat -c %a "$S/box" "$S/box/$first" | xargs) $(find "$S" -type f -printf '%m\n' | sort -u | xargs)"
check 'verify' snap verify "$first"
echo more >>"$T/in/text"
dd if="$T/in/random" of="$T/unneeded" bs=1 skip=1000000 count=16 status=none
printf XXXXXXXX | dd of="$T/in/random" bs=1 seek=1000000 conv=notrunc status=none
rm "$T/in/node"
chmod 700 "$T/in/opaque"
second=$(take box upper="$T/in")
is 'the second writes what changed' yes \
	"$(snap ls --format json box | jq -r '.[1].manifest.new_stored < .[0].manifest.new_stored / 10 | if . then "yes" else . end')"
is 'its parent' "$first" "$(snap inspect "$second" | jq -r '.[0].parent')"
mkdir -p "$T/names/a" "$T/names/gone/deep" "$T/later/a" "$T/later/new"
touch "$T"/names/{a/1,a-b,gone/deep/f,same} "$T"/later/{a/2,a-b,new/f,same}
head -c 300000 /dev/urandom >"$T/names/large"
head -c 300000 /dev/urandom >"$T/later/large"
for i in 1 2 3; do ln "$T/names/large" "$T/names/large$i"; ln "$T/later/large" "$T/later/large$i"; done
take names upper="$T/names" >/dev/null
take names upper="$T/later" >/dev/null
is 'diff by directories' "removed:a/1 added:a/2 removed:gone removed:gone/deep removed:gone/deep/f changed:large 300000 changed:large1 300000 changed:large2 300000 changed:large3 300000 added:new added:new/f" \
	"$(snap diff --format json names@1 names@2 | jq -r '.[] | select(.change != "attributes") | "\(.change):\(.path)" + (if .change == "changed" then " \(.changed)" else "" end)' | xargs)"
is 'diff' 'attributes:opaque changed:random changed:sub/hard changed:text removed:node' \
	"$(snap diff --format json box@1 box@2 | jq -r '.[] | "\(.change):\(.path)"' | sort | xargs)"
check 'by names' snap verify box@1 box@latest box latest "${first:0:6}"
snap rm box@1 >/dev/null
check 'without the first, the second is whole' snap verify box
check 'and comes back' extract box upper "$T/out"
is 'as it was' "$(told "$T/in")" "$(told "$T/out")"

# What stands in a pack that it shares and is no part of it any more is held against its CRC alone.
flip_unneeded() {
	python3 - "$S/box/$second" "$T/unneeded" <<'PYTHON'
import glob, sys
wanted = open(sys.argv[2], 'rb').read()
found = 0
for path in glob.glob(sys.argv[1] + '/*.pack'):
    with open(path, 'r+b') as f:
        at = f.read().find(wanted)
        if at >= 0:
            found += 1
            f.seek(at + 3)
            byte = f.read(1)[0]
            f.seek(at + 3)
            f.write(bytes([byte ^ 4]))
sys.exit(found != 1)
PYTHON
}
check 'what it does not need is in its pack' flip_unneeded
check 'changed there it does not come back' test 1 = "$(extract "$second" upper "$T/out" 2>/dev/null; echo $?)"
like 'for the chunk' 'chunk [0-9]+: not the bytes that were written' "$(extract "$second" upper "$T/out" 2>&1)"
python3 - "$T/unneeded" <<'PYTHON'
import sys
with open(sys.argv[1], 'r+b') as f:
    data = bytearray(f.read())
    data[3] ^= 4
    f.seek(0)
    f.write(data)
PYTHON
flip_unneeded
check 'as it was it does' extract "$second" upper "$T/out"

# --- one flipped bit -------------------------------------------------------------------------------------------------

# In every file of a small snapshot, spread over it: verify names the file, extract refuses.
mkdir -p "$T/small/d"
seq 3000 >"$T/small/text"
head -c 20000 /dev/urandom >"$T/small/d/random"
flip_all() { # SNAPSHOT CAPSULE
	python3 - "$S/$2/$1" "$1" "$NVB_BUILD/bin/bolt" "$tool" "$S" "$T/flipped" <<'PYTHON'
import os, random, shutil, subprocess, sys
directory, snapshot, bolt, tool, store, out = sys.argv[1:]
key = os.environ.get('KEY_FILE')
options = ['--key-file', key] if key else []
random.seed(5)
bad = []
count = 0
for name in sorted(os.listdir(directory)):
    path = os.path.join(directory, name)
    data = open(path, 'rb').read()
    places = sorted({0, 1, 9, 25, len(data) // 2, len(data) - 1} | {random.randrange(len(data)) for _ in range(14)})
    for at in places:
        if at >= len(data):
            continue
        flipped = bytearray(data)
        flipped[at] ^= 1 << random.randrange(8)
        with open(path, 'r+b') as f:
            f.write(flipped)
        count += 1
        verify = subprocess.run([bolt, 'snapshot', 'verify', '--store', store, *options, snapshot], capture_output=True, text=True)
        said = verify.stdout + verify.stderr
        if verify.returncode == 0 or (name not in said and 'manifest' not in said):
            bad.append(f'verify, {name} byte {at}: {verify.returncode} {said!r}')
        if name.endswith('.pack') and 32 <= at and 'table' not in said and 'chunk' not in said:
            bad.append(f'no chunk named, {name} byte {at}: {said!r}')
        shutil.rmtree(out, ignore_errors=True)
        os.mkdir(out)
        extract = subprocess.run([tool, 'extract', store, snapshot, 'upper', out], capture_output=True, text=True)
        if extract.returncode == 0:
            bad.append(f'extract, {name} byte {at}: {extract.stderr!r}')
    with open(path, 'r+b') as f:
        f.write(data)
print(count, 'flips')
print('\n'.join(bad), file=sys.stderr)
sys.exit(1 if bad else 0)
PYTHON
}
small=$(take small upper="$T/small")
check 'a flipped bit anywhere is found, and named' flip_all "$small" small
check 'whole again' snap verify "$small"
says() { # WHAT EXPECTED COMMAND...: it fails, and with that.
	local what=$1 expected=$2 output status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -ne 0 ] && [[ $output == *$expected* ]]; then pass "$what"; else fail "$what" "status $status: $output"; fi
}
pack=$(find "$S/small/$small" -name "*.pack" -printf '%f\n' | head -n 1)
mv "$S/small/$small/$pack" "$T/pack"
says 'a pack that is gone' "$pack: the pack is missing" snap verify "$small"
ln -s "$T/pack" "$S/small/$small/$pack"
says 'a link in its place' "$pack: the pack is missing" snap verify "$small"
rm "$S/small/$small/$pack"
mv "$T/pack" "$S/small/$small/$pack"
: >"$S/small/$small/stranger"
says 'a file that nothing speaks of' 'stranger: not a file of this snapshot' snap verify "$small"
rm "$S/small/$small/stranger"
sed -i 's/"number": 1/"number": 7/' "$S/small/$small/manifest.json"
says 'the last one of a capsule is not guessed' 'not the one that was signed' snap verify small@latest
sed -i 's/"number": 7/"number": 1/' "$S/small/$small/manifest.json"

# --- encryption ------------------------------------------------------------------------------------------------------

(umask 077 && head -c 32 /dev/urandom >"$T/key")
secret=$(KEY_FILE=$T/key take secret upper="$T/small")
says 'no key' 'give its key with --key-file' snap verify "$secret"
is 'nothing of it can be read' '' "$(grep -rl -e swordfish -e random "$S/secret" || :)"
is 'inspect shows the open half' 'null H200' "$(snap inspect "$secret" | jq -r '.[0] | "\(.definition) \(.gpus[0].chip)"')"
is 'and with the key all' swordfish "$(snap inspect --key-file "$T/key" "$secret" | jq -r '.[0].definition.environment[0]' | cut -d= -f2)"
check 'verify with the key' snap verify --key-file "$T/key" "$secret"
KEY_FILE=$T/key check 'it comes back' extract "$secret" upper "$T/out"
is 'as it was' "$(told "$T/small")" "$(told "$T/out")"
KEY_FILE=$T/key check 'a flipped bit anywhere' flip_all "$secret" secret
again=$(KEY_FILE=$T/key take secret upper="$T/small")
is 'chunks are shared under one key' 0 "$(snap inspect "$again" | jq '.[0].new_chunks // 0')"
(umask 077 && head -c 32 /dev/urandom >"$T/other")
says 'another key' 'encrypted with another key' snap verify --key-file "$T/other" "$secret"
is 'which is no damage' '' "$(snap verify --key-file "$T/other" "$secret" 2>/dev/null)"
chmod 640 "$T/key"
says 'a key that others may read' 'chmod 600' snap verify --key-file "$T/key" "$secret"
chmod 600 "$T/key"
(umask 077 && printf abc >"$T/other")
says 'a key of 3 bytes' '32 to 4096 are wanted' snap verify --key-file "$T/other" "$secret"

# --- killed at every step --------------------------------------------------------------------------------------------

killed_at_every_step() {
	# Each system call that changes something on the disk, one after the other: the old ones or the new one is there.
	before=$(snap ls -q box | wc -l)
	kept=$(told "$T/in")
	killed=0 damaged=0
	kill_at() { # SYSTEM CALL, WHICH ONE OF THEM: false when it came through
		! strace -f -qq -o /dev/null -e inject="$1":signal=KILL:when="$2" \
			"$tool" take "$S" box upper="$T/small" >"$T/took" 2>/dev/null || return 1
		killed=$((killed + 1))
		[ "$(snap ls -q box | wc -l)" -gt "$before" ] || return 0
		snap verify box >/dev/null || damaged=$((damaged + 1))
		snap rm box >/dev/null
	} 2>/dev/null
	for call in mkdirat write fsync linkat unlinkat renameat renameat2 flock ftruncate close; do
		for ((n = 1; n < 100; n++)); do
			if ! kill_at "$call" "$n"; then
				snap rm "$(cat "$T/took")" >/dev/null
				break
			fi
		done
	done
	is 'killed at many steps' yes "$([ "$killed" -ge 25 ] && echo yes || echo "$killed")"
	is 'whatever was there was whole' 0 "$damaged"
	check 'the old one is whole' snap verify box
	extract box upper "$T/out"
	is 'and as it was' "$kept" "$(told "$T/out")"
	take box upper="$T/small" >/dev/null
	is 'nothing is left of them' '' "$(find "$S/box" -name '.new-*' -o -name '.gone-*')"
	snap rm box >/dev/null
	strace -f -qq -o /dev/null -e inject=unlinkat:signal=KILL:when=2 bolt snapshot rm --store "$S" small >/dev/null 2>&1 || :
	is 'a killed removal: it is not there any more' '' "$(snap ls -q small)"
	take small upper="$T/small" >/dev/null
	is 'and swept by the next writer' '' "$(find "$S/small" -name '.gone-*')"
}
# A tracer and a sanitizer's runtime do not go together.
is_sanitized || killed_at_every_step

# --- at the same time ------------------------------------------------------------------------------------------------

for i in 1 2 3 4; do
	take race upper="$T/in" >"$T/race.$i" 2>&1 &
done
for i in 1 2 3; do snap prune --keep 1 race >/dev/null 2>&1 || :; done
wait
check 'writers and prune beside each other' snap verify "$(snap ls -q race | tail -n 1)"
is 'different numbers' "$(snap ls --format json race | jq '.[].manifest.number' | sort -u | wc -l)" "$(snap ls -q race | wc -l)"
snap prune --keep 1 race >/dev/null
mkdir -p "$S/gone/.new-0123456789abcdef"
snap prune --keep 1 --dry-run race >/dev/null
check 'a prune that only says what it would do leaves what a killed one left' test -d "$S/gone"
snap prune --keep 1 race >/dev/null
check 'prune removes it, of whichever capsule' test ! -e "$S/gone"
is 'prune keeps one' 1 "$(snap ls -q race | wc -l)"
check 'which is whole' snap verify race

# --- a disk that fills -----------------------------------------------------------------------------------------------

mkdir "$T/tiny"
mount -t tmpfs -o size=6m none "$T/tiny"
few=$("$tool" take "$T/tiny" box upper="$T/small")
head -c 20000000 /dev/urandom >"$T/small/large"
says 'no room' 'No space left on device' "$tool" take "$T/tiny" box upper="$T/small"
is 'nothing is left of it' "$few" "$(ls -A "$T/tiny/box")"
check 'the one before is whole' bolt snapshot verify --store "$T/tiny" "$few"
mkdir "$T/full"
mount -t tmpfs -o size=6m none "$T/full"
large=$(take large upper="$T/small")
says 'no room to extract' 'are free' "$tool" extract "$S" "$large" upper "$T/full"
is 'nothing was written' '' "$(ls -A "$T/full")"
snap export "$large" "$T/large.tar"
# Broken off while it is written: the reader of the pipe has had a part of it, and takes the rest.
mkfifo "$T/slow"
bolt snapshot export --store "$S" "$large" - >"$T/slow" 2>"$T/said" &
EXPORT=$!
{
	head -c 1500000 >/dev/null
	kill -INT "$EXPORT"
	wc -c >"$T/rest"
} <"$T/slow"
status=0
wait "$EXPORT" || status=$?
is 'an export that is broken off ends' '130 yes' "$status $([ "$(cat "$T/rest")" -lt "$(($(stat -c %s "$T/large.tar") - 1500000))" ] && echo yes)"
like 'and says so' 'the export was broken off' "$(cat "$T/said")"
says 'no room to import' 'No space left on device' bolt snapshot import --store "$T/tiny" --trust "$T/large.tar"
is 'nothing is left of that' "$(printf '%s\n' box key "$few" | sort)" \
	"$(find "$T/tiny" -mindepth 1 -maxdepth 2 -printf '%f\n' | sort)"
says 'no room to export' 'No space left on device' snap export "$large" "$T/full/x.tar"
is 'no half archive' '' "$(ls -A "$T/full")"
rm "$T/small/large"
umount "$T/tiny" "$T/full"

# --- archives from elsewhere -----------------------------------------------------------------------------------------

export_of=$(snap ls -q small | tail -n 1)
snap export "$export_of" "$T/good.tar"
E=$T/elsewhere
elsewhere() { bolt snapshot "$1" --store "$E" "${@:2}"; }
says 'one of another host' '--trust takes it' elsewhere import "$T/good.tar"
is 'trusted' "$export_of" "$(elsewhere import --trust "$T/good.tar")"
check 'it is whole, and signed by this host now' elsewhere verify "$export_of"
says 'twice' 'is here already' elsewhere import --trust "$T/good.tar"
elsewhere rm "$export_of" >/dev/null
is 'through pipes' "$export_of" "$(snap export "$export_of" - | elsewhere import --trust -)"
elsewhere rm "$export_of" >/dev/null
snap rm "$export_of" >/dev/null
is 'its own one again, without --trust' "$export_of" "$(snap import "$T/good.tar")"
is 'archives are tar archives' "$(find "$S/small/$export_of" -type f -printf '%f\n' | sort)" \
	"$(tar tf "$T/good.tar" | sed 's|.*/||' | sort)"
hostile=$(python3 - "$T/good.tar" "$NVB_BUILD/bin/bolt" "$T/victim" <<'PYTHON'
import io, os, random, subprocess, sys, tarfile
good, bolt, store = sys.argv[1:]
data = open(good, 'rb').read()
members = [(m.name, tarfile.open(good).extractfile(m).read()) for m in tarfile.open(good)]

def archive(parts):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for name, content, *change in parts:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o600
            if change:
                change[0](info)
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()[:]

def link(info):
    info.type, info.linkname, info.size = tarfile.SYMTYPE, '/etc/passwd', 0

name, content = members[0]
cases = {
    'empty': b'',
    'garbage': os.urandom(4096),
    'cut in the middle': data[:len(data) // 2],
    'cut before its end': data[:-512],
    'something behind': data + b'x',
    'zeros behind': data + bytes(512),
    'up and out': archive([('../../../etc/x', b'x')] + members),
    'absolute': archive([('/etc/x', b'x')] + members),
    'an id that is a path': archive([('../../../../../a/manifest.json', content)] + members[1:]),
    'a link first': archive([(name, b'', link)] + members),
    'a link between': archive(members[:3] + [(members[3][0], b'', link)] + members[3:]),
    'a file twice': archive([members[0]] + members),
    'a pack twice': archive(members + [members[-1]]),
    'a file too many': archive(members + [(name.split('/')[0] + '/evil', b'x')]),
    'another order': archive(members[::-1]),
    'without a pack': archive(members[:3]),
    'without a signature': archive([members[0]] + members[2:]),
    'set-user-ID': archive([(members[0][0], content, lambda i: setattr(i, 'mode', 0o4755))] + members[1:]),
    'a manifest of 8 GiB': data[:124] + b'77777777777' + data[135:],
    'another capsule': archive([(name, content.replace(b'"capsule": "small"', b'"capsule": "../up"'))] + members[1:]),
}
random.seed(9)
for i in range(40):
    flipped = bytearray(data)
    at = random.randrange(len(data) - 1024)
    flipped[at] ^= 1 << random.randrange(8)
    cases[f'byte {at} flipped'] = bytes(flipped)
bad = 0
for what, archive_ in cases.items():
    r = subprocess.run([bolt, 'snapshot', 'import', '--trust', '--store', store, '-'], input=archive_, capture_output=True, timeout=60)
    left = sorted(os.listdir(store)) if os.path.isdir(store) else []
    # What it says of itself may have been shown before that.
    lines = sum(line.startswith('bolt: ') for line in r.stderr.decode(errors='replace').split('\n'))
    # A flipped bit of the signature of another host is not held against anything: it is replaced.
    signature = what.startswith('byte') and r.returncode == 0 and any(
        data.find(m[1]) <= int(what.split()[1]) < data.find(m[1]) + len(m[1]) for m in members if m[0].endswith('/signature'))
    if signature:
        subprocess.run([bolt, 'snapshot', 'rm', '--store', store, 'latest'], capture_output=True)
    elif r.returncode != 1 or lines != 1 or left not in ([], ['key']):
        bad += 1
        print(f'{what}: {r.returncode} {r.stderr} {left}', file=sys.stderr)
print(bad)
PYTHON
)
is 'hostile archives are refused in one line, nothing is left of them' 0 "$hostile"

# The same number again: the last one was removed, the next one got its number, then it came back, as the one after that.
third=$(take twice upper="$T/small")
snap export "$third" "$T/third.tar"
snap rm "$third" >/dev/null
fourth=$(take twice upper="$T/small")
snap import "$T/third.tar" >/dev/null
is 'no two have one number' "$fourth 1, $third 2" "$(snap ls --format json twice | jq -r '[.[] | "\(.manifest.id) \(.manifest.number)"] | sort_by(.[-1:]) | join(", ")')"
is 'the last to come is the latest' "$third" "$(snap inspect twice@latest | jq -r '.[0].id')"
check 'its manifest is signed again' snap verify "$third" "$fourth"
is 'and it is exported as that' 2 "$(snap export "$third" - | tar xO --wildcards '*/manifest.json' | jq .number)"

# forged NUMBER CREATED: the archive of third with another number and another time, of course not signed.
forged() {
	python3 - "$T/third.tar" "$T/forged.tar" "$1" "$2" <<'PYTHON'
import json, sys
data = open(sys.argv[1], "rb").read()
size = int(data[124:135], 8)
manifest = json.loads(data[512:512 + size])
manifest["number"], manifest["created"] = int(sys.argv[3]), int(sys.argv[4])
text = json.dumps(manifest).encode()
header = bytearray(data[:512])
header[124:135] = b"%011o" % len(text)
header[148:156] = b" " * 8
header[148:156] = b"%06o\0 " % sum(header)
open(sys.argv[2], "wb").write(bytes(header) + text + bytes(-len(text) % 512) + data[512 + size + -size % 512:])
PYTHON
}
for number in 18446744073709551615 18446744073709551614 4000000000; do
	snap rm "$third" >/dev/null
	forged "$number" 9999999999999999999
	snap import --trust "$T/forged.tar" >/dev/null 2>&1 || fail "a forged number $number is imported"
	is "number $number becomes the next" 2 "$(snap inspect "$third" | jq '.[0].number')"
	check 'it is whole' snap verify "$third"
	fifth=$(take twice upper="$T/small")
	is 'what is taken after it is the latest of its capsule, and of all' "3 $fifth $fifth" \
		"$(snap inspect "$fifth" | jq '.[0].number') $(snap inspect twice@latest | jq -r '.[0].id') $(snap inspect latest | jq -r '.[0].id')"
	snap rm "$fifth" >/dev/null
done
snap rm "$third" >/dev/null
forged 7 1000
snap import --trust "$T/forged.tar" >/dev/null 2>&1
is 'a number that can be is kept' 7 "$(snap inspect "$third" | jq '.[0].number')"

# --- wrong use -------------------------------------------------------------------------------------------------------

check 'inspect --format json, which it is anyway' snap inspect --format json small
says 'no such snapshot' 'no such snapshot: nothing' snap verify nothing
says 'a number that is none' "behind @ stands a number or 'latest'" snap verify small@x
says 'prune wants a number' '--keep says how many' snap prune
says 'export does not overwrite' 'is there already' snap export small "$T/good.tar"
chmod 644 "$S/key"
says 'a key that others may use' 'others may use it (mode 0644) (chmod 600 key' snap verify small
chmod 600 "$S/key"
mkfifo "$T/pipe"
says 'nor puts a file in the place of what is none' 'is not a file' snap export --force small "$T/pipe"
check 'which is what it was' test -p "$T/pipe"
