#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt-criu, which stands before CRIU in a restore: CRIU does not run before the images are whole, nor when they never
# will be; what version it is, is answered for it, once.
. "$(dirname "$0")/lib.sh"
need python3
links=$T/links
mkdir -p "$links/behind"
cat >"$links/behind/criu" <<-'END'
	#!/bin/sh
	echo "$*" >"$(dirname "$0")/../ran"
END
chmod 755 "$links/behind/criu"
cat >"$T/ask.py" <<-'END'
	# ask.py LINKS WHOLE REQUEST [ARGUMENTS]: starts bolt-criu as a runtime does, says whether the images are WHOLE ("yes", "never";
	# "gone": the runtime ends before), and prints its answer in hexadecimal, its status, and what it ran as CRIU.
	import os, socket, subprocess, sys, time
	links, whole, request = sys.argv[1:4]
	ran = links + '/ran'
	if os.path.exists(ran): os.unlink(ran)
	read, write = os.pipe()
	if os.path.lexists(links + '/whole'): os.unlink(links + '/whole')
	os.symlink('/proc/%d/fd/%d' % (os.getpid(), read), links + '/whole')
	ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	ours.send(bytes.fromhex(request))
	argv = sys.argv[4:] or ['swrk', str(theirs.fileno())]
	criu = subprocess.Popen([os.environ['NVB_BUILD'] + '/tools/bolt-criu'] + argv, pass_fds=[theirs.fileno()],
	                        env=dict(os.environ, CRIU_LIBS_DIR=links), stderr=subprocess.PIPE)
	theirs.close()
	time.sleep(0.2)
	early = os.path.exists(ran) or criu.poll() is not None
	if whole == 'yes': os.write(write, b'\0')
	if whole == 'gone': ours.close()
	else: os.close(write)
	criu.wait(30)
	try: answer = ours.recv(512).hex()
	except OSError: answer = '' # what was sent has not been read, or that end is closed
	print('early' if early else 'waits', answer or '-', criu.returncode, open(ran).read().strip() if os.path.exists(ran) else '-')
	sys.stdout.write(criu.stderr.read().decode())
END
ask() { python3 "$T/ask.py" "$links" "$@"; }
# "What version are you?", "restore": field 1, its type.
version=080a restore=0802

is 'it waits until the images are whole, and becomes CRIU' 'waits - 0 check' "$(ask yes '' check)"
like 'a restore, too' '^waits - 0 swrk [0-9]+$' "$(ask yes "$restore")"
is 'where they will never be, CRIU does not run' 'waits - 1 -' "$(ask never "$restore")"
is 'whatever it is asked for' 'waits - 1 -' "$(ask never '' check)"
is 'the runtime ends meanwhile' 'waits - 1 -' "$(ask gone "$restore")"

printf '\x08\x0a\x10\x01\x52\x04\x08\x04\x10\x02' >"$links/version"
ln -s "$NVB_BUILD/tools/bolt-criu" "$links/criu"
ln -s behind/criu "$links/next"
is 'never whole, the version is not told' 'waits - 1 -' "$(ask never "$version")"
like 'and CRIU has not its place' '/bolt-criu$' "$(readlink "$links/criu")"
is 'what version CRIU is, is answered for it' 'waits 080a1001520408041002 0 -' "$(ask yes "$version")"
is 'and CRIU has its place' behind/criu "$(readlink "$links/criu")"
like 'once: then CRIU is asked' '^waits - 0 swrk [0-9]+$' "$(ask yes "$version")"
printf '\x08\x0a' >"$links/version"
like 'a restore is never answered' '^waits - 0 swrk [0-9]+$' "$(ask yes "$restore")"
check 'nor is anything behind the first request' test ! -e "$links/version"
rm "$links/behind/criu"
is 'without CRIU it fails' 'waits - 127 -' "$(ask yes '' check)"
is 'so it does without its directory' 127 "$(env -u CRIU_LIBS_DIR "$NVB_BUILD/tools/bolt-criu" check; echo $?)"
