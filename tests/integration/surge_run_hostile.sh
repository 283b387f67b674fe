#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run against an image that wants more than it was given, and against surroundings that a careful program
# meets once a year.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox python3

export ROOT=$T/root
make_busybox_root "$ROOT"

# A user that was given as a number is that number, whatever names the image has (CVE-2016-3697).
numbers_are_no_names() {
	local evil=$T/evil
	cp -a "$ROOT" "$evil"
	printf '%s\n' 'root:x:0:0::/:/bin/sh' '1000:x:0:0::/:/bin/sh' '4294967295:x:0:0::/:/bin/sh' 'app:x:1000:7::/:/bin/sh' >"$evil/etc/passwd"
	printf '%s\n' '100:x:0:' 'app:x:7:' >"$evil/etc/group"
	is 'a number is not looked up as a name' 1000:7 "$(surge -u 1000 "$evil" sh -c 'echo $(id -u):$(id -g)')"
	is 'nor is a group' 5:100 "$(surge -u 5:100 "$evil" sh -c 'echo $(id -u):$(id -g)')"
	refuses 'nor is one that is none' 125 'user .4294967295.: numbers go to' surge -u 4294967295 "$evil" id
	is 'a name is' 1000:7 "$(surge -u app "$evil" sh -c 'echo $(id -u):$(id -g)')"
}

callers_umask() {
	is "the caller's umask is not the container's" 'localhost readable' \
		"$(umask 077 && inside -u 1000 -v /tmp:/made/for/it -- \
			'echo $(grep -o -m1 localhost /etc/hosts) $(test -r /made/for && echo readable)')"
}

# Callers that reap nothing start their children with SIGCHLD ignored.
ignored_sigchld() {
	is 'with SIGCHLD ignored' 3 "$(python3 -c '
import signal, subprocess, sys
p = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
try:
    print(p.wait(60))
except subprocess.TimeoutExpired:
    p.kill()
    print("hangs")' bolt surge run --rm "$ROOT" sh -c 'exit 3')"
}

# How bolt ends when it gets the signals, 0.3 s apart; "lives" when it does not. Its standard output is a pipe that
# nobody reads.
ends_by() { # SIGNALS PROGRAM...
	timeout 60 python3 - "$@" <<'END'
import os, signal, subprocess, sys, time
r, w = os.pipe()
p = subprocess.Popen(sys.argv[2:], stdout=w, stderr=subprocess.DEVNULL, start_new_session=True)
time.sleep(1)
for name in sys.argv[1].split():
    p.send_signal(getattr(signal, name))
    time.sleep(0.3)
try:
    print(p.wait(5))
except subprocess.TimeoutExpired:
    print("lives")
    p.kill()
END
}

signals() {
	printf '#!/bin/sh\nexec sleep 1000\n' >"$T/hangs"
	chmod +x "$T/hangs"
	is 'the container has ended, its output is not taken: SIGTERM ends bolt' 7 \
		"$(ends_by SIGTERM bolt surge run --rm "$ROOT" sh -c 'head -c 100000 /dev/zero; exit 7')"
	is 'a runtime that hangs while it is tried: SIGINT ends bolt' 130 \
		"$(ends_by SIGINT bolt surge run --rm --runtime "$T/hangs" "$ROOT" true)"
	is 'and what it left is gone' '' "$(leftovers)"
}

# Closing the window, or losing the connection, must not leave a shell behind that nobody can reach.
closed_terminal() {
	is 'closing the terminal ends an interactive shell' ended "$(timeout 60 python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while b"# " not in seen:
    seen += os.read(fd, 1000)
os.close(fd)
for i in range(100):
    if os.waitpid(pid, os.WNOHANG)[0]:
        print("ended")
        break
    time.sleep(0.05)
else:
    print("lives")
    os.kill(pid, 9)' bolt surge run --rm -it -e 'PS1=# ' "$ROOT" sh)"
}

# A runtime that failed while there was no space is given another chance when nothing else is left.
failure_is_not_for_ever() {
	cat >"$T/moody" <<END
#!/bin/sh
[ ! -e $T/bad-mood ] || exit 1
exec "$(command -v crun || command -v runc)" "\$@"
END
	chmod +x "$T/moody"
	touch "$T/bad-mood"
	is 'a runtime that fails' 125 "$(status surge --runtime "$T/moody" "$ROOT" true)"
	rm "$T/bad-mood"
	is 'is tried again when it is the only one' 0 "$(status surge --runtime "$T/moody" "$ROOT" true)"
	is 'and remembered once' 1 "$(grep -c moody /run/bolt/runtimes)"
}

# The host goes down under two capsules: /run is empty afterwards. Only what was to be kept is still there.
host_went_down() {
	local pids=() p i ids
	bolt surge run --rm --name going "$ROOT" sleep 1000 &
	pids+=($!)
	bolt surge run --name kept "$ROOT" sh -c 'touch /mine; sleep 1000' &
	pids+=($!)
	for ((i = 0; i < 200; i++)); do
		[ "$(cat /run/bolt/capsules/*/init 2>/dev/null | wc -l)" != 2 ] || break
		sleep 0.05
	done
	ids=$(ls /run/bolt/capsules)
	kill -KILL "${pids[@]}"
	for p in $(cut -d' ' -f1 /run/bolt/capsules/*/init); do
		kill -KILL "$p"
	done
	wait "${pids[@]}" 2>/dev/null || true
	rm -rf /run/bolt/*
	is 'the name of a capsule that went down with the host is free' 0 "$(status surge --name going "$ROOT" true)"
	like 'one that was to be kept is listed' 'kept' "$(bolt capsule ps -a 2>&1)"
	is 'with its file' 1 "$(find /var/lib/bolt/capsules -name mine | wc -l)"
	is 'of the other nothing is left' 1 "$(find /var/lib/bolt/capsules -mindepth 1 -maxdepth 1 | wc -l)"
	is 'the kept one can be removed' 0 "$(status bolt capsule rm kept)"
	# A host that really went down has no control groups.
	for p in $ids; do
		cgroups_of "$p" | xargs -r rmdir
	done
}

bytes_that_json_lacks() {
	refuses 'an argument that is no UTF-8' 125 "'command' is not UTF-8" surge "$ROOT" echo $'a\xff'
	refuses 'a volume that is none' 125 'volume .*UTF-8' surge -v /tmp/$'\xff':/x "$ROOT" true
	is 'what is UTF-8 arrives' 'ü' "$(surge "$ROOT" echo ü)"
}

# /etc/hosts is a file of bolt's, in memory.
memory_through_etc_hosts() {
	like '/etc/hosts does not take all memory' 'No space|I/O error' \
		"$(inside -- 'head -c 100m /dev/zero >/etc/hosts')"
}

world() {
	numbers_are_no_names
	callers_umask
	ignored_sigchld
	signals
	closed_terminal
	failure_is_not_for_ever
	host_went_down
	bytes_that_json_lacks
	memory_through_etc_hosts
	is 'nothing is left' '' "$(leftovers)"
}
own_state world
