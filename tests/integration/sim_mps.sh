#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The simulated Multi-Process Service: commands, limits that hold, and the ways in which they do not.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim setpriv
toy=$NVB_BUILD/tests/integration/cuda-toy

make_sim h200x8 "$T/host"
export LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu
export CUDA_MPS_PIPE_DIRECTORY=$T/pipes CUDA_MPS_LOG_DIRECTORY=$T/logs
mkdir "$T/logs"
chmod 755 "$T"
mps=$T/host/usr/bin/nvidia-cuda-mps-control
control() { printf '%s\n' "$@" | "$mps"; }
end_daemon() { control quit >/dev/null 2>&1 || true; }
defer end_daemon
gpu() { "$toy" list | awk -v n="$1" '$1 == n {print "GPU-" $2}'; }

is 'no daemon, eight devices' 8 "$("$toy" list | wc -l)"
refuses 'no daemon, no commands' 1 'Cannot find MPS control daemon process' control get_server_list
two=$(gpu 2) five=$(gpu 5)
CUDA_VISIBLE_DEVICES=$two,$five "$mps" -d
refuses 'one daemon for one directory' 1 'already running' "$mps" -d
is 'a limit is set by UUID, read by number' 8192M \
	"$(control "set_default_device_pinned_mem_limit $two 8192M" 'get_default_device_pinned_mem_limit 0')"
like 'a device that is not there' 'Invalid device' "$(control 'set_default_device_pinned_mem_limit 2 8G')"
like 'a limit without its unit' 'Invalid memory limit' "$(control 'set_default_device_pinned_mem_limit 0 8')"
is 'a share' 80.0 "$(control 'set_default_active_thread_percentage 80')"
like 'a command that is none' 'Unrecognized command' "$(control 'set_limit')"
is 'no server before the first client' '' "$(control get_server_list)"

is 'clients see the two devices of the daemon' "$two $five" "$("$toy" list | awk '{print "GPU-" $2}' | xargs)"
is 'and whole multiprocessors of the share' '105 105' "$("$toy" list | awk '{print $4}' | xargs)"
is 'memory ends at the limit, the context counts' '7 GiB' "$("$toy" fill 0)"
is 'the other device has none' '139 GiB' "$("$toy" fill 1)"
server=$(control get_server_list)
like 'a server runs' '^[0-9]+$' "$server"
like 'as the client' '^0$' "$(stat -c %u "/proc/$server")"
control 'set_default_device_pinned_mem_limit 0 4G' >/dev/null
is 'a default holds for servers to come' '7 GiB' "$("$toy" fill 0)"
control "set_device_pinned_mem_limit $server 0 4G" >/dev/null
is 'a server can be told' '3 GiB' "$("$toy" fill 0)"

# The environment of a client lowers its limits; one device that is not there drops them all.
is 'a client may have less' '1 GiB' "$(CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=2G "$toy" fill 0)"
is 'not more' '3 GiB' "$(CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=64G "$toy" fill 0)"
is 'an invisible device drops every limit' '139 GiB' "$(CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=2G,7=2G "$toy" fill 0)"
is 'a wrong directory drops every limit' '8' "$(CUDA_MPS_PIPE_DIRECTORY=$T/none "$toy" list | wc -l)"

# One server at a time, with the user id of its clients.
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
cp "$toy" "$T/toy"
is 'another user gets another server' '3 GiB' "$(as_nobody "$T/toy" fill 0)"
is 'which runs as that user' 65534 "$(stat -c %u "/proc/$(control get_server_list)")"
like 'and may not set limits' 'Insufficient permissions' \
	"$(echo 'set_default_active_thread_percentage 100' | as_nobody "$mps")"

# A server that dies takes its clients along.
mkfifo "$T/in" "$T/out"
"$toy" hold 0 1024 <"$T/in" >"$T/out" &
holder=$!
exec 8>"$T/in" 9<"$T/out"
read -r word <&9
is 'a client holds memory' ready "$word"
server=$(control get_server_list)
is 'the server lists it' "$holder" "$(control "get_client_list $server")"
exec 8>&- 9<&-
wait "$holder" 2>/dev/null || true
is 'and no longer when it has gone' '' "$(sleep 0.2; control "get_client_list $server")"
control quit >/dev/null
check 'nothing of the daemon stays' test ! -e "$T/pipes/control"
for ((i = 0; i < 100; i++)); do [ -e "/proc/$server" ] || break; sleep 0.02; done
check 'nor its server' test ! -e "/proc/$server"
is 'and all devices are there' 8 "$("$toy" list | wc -l)"
