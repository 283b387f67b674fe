#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime configure: what it writes for each engine, that everything else stays, that doing it twice is doing it
# once, that undoing leaves what was there, and what it refuses.
. "$(dirname "$0")/lib.sh"
need nvbind jq patch python3

S=$T/state
configure() { nvbind runtime configure --state-dir "$S" --runtime-path /usr/bin/nvbind-runtime "$@"; }
undo() { nvbind runtime configure --state-dir "$S" --undo "$@"; }

# What identifies a file: bytes, mode, owner, times apart.
identity() { stat -c '%a %u %g' "$1" && sha256sum <"$1"; }

# round_trip NAME RUNTIME FILE OPTION...: there, twice, and back.
round_trip() {
	local name=$1 runtime=$2 file=$3 before after out
	shift 3
	before=$(identity "$file")
	out=$(configure --runtime "$runtime" --config "$file" --dry-run "$@" 2>&1) || fail "$name: dry run" "$out"
	is "$name: a dry run changes nothing" "$before" "$(identity "$file")"
	is "$name: nothing is kept of a dry run" '' "$(find "$S" -mindepth 1 2>/dev/null)"
	configure --runtime "$runtime" --config "$file" "$@" >"$T/diff" 2>"$T/err" || fail "$name: configure" "$(cat "$T/err")"
	like "$name: what it was is kept" 'changed; as it was: .*/original' "$(cat "$T/err")"
	# The shown difference is what happened: taken out with patch, it gives the old file.
	cp "$file" "$T/patched"
	check "$name: the difference is one patch reads" patch -s -R "$T/patched" "$T/diff"
	is "$name: and says all" "$(sed -n 2p <<<"$before")" "$(sha256sum <"$T/patched")"
	after=$(identity "$file")
	out=$(configure --runtime "$runtime" --config "$file" "$@" 2>&1)
	like "$name: a second time changes nothing" 'nothing to change' "$out"
	is "$name: not a byte" "$after" "$(identity "$file")"
	is "$name: no second backup" 1 "$(find "$S" -name original | wc -l)"
	check "$name: undo" undo --runtime "$runtime" --config "$file"
	is "$name: as it was" "$before" "$(identity "$file")"
	is "$name: no record is left" '' "$(find "$S" -mindepth 1)"
	rm -rf "$S"
}

# --- docker ----------------------------------------------------------------------------------------------------------
printf '{\r\n\t"features": {"buildkit": true},\r\n\t"log-opts": {"max-size": "10m"},\r\n\t"mtu": 1500.0\r\n}' >"$T/daemon.json"
chmod 640 "$T/daemon.json"
[ "$(id -u)" != 0 ] || chown 3:4 "$T/daemon.json"
setfattr -n user.nvb -v kept "$T/daemon.json" 2>/dev/null && attributes=1 || attributes=
round_trip docker docker "$T/daemon.json" --set-default --cdi
configure --runtime docker --config "$T/daemon.json" --set-default --cdi >/dev/null 2>&1
is 'docker: runtime, default and CDI; nothing else differs' \
	'{"default-runtime":"nvbind","features":{"buildkit":true,"cdi":true},"log-opts":{"max-size":"10m"},"mtu":1500.0,"runtimes":{"nvbind":{"path":"/usr/bin/nvbind-runtime"}}}' \
	"$(jq -cS . "$T/daemon.json" | sed 's/1500,/1500.0,/')"
is 'docker: every line ends as before' 0 "$(grep -cv $'\r$' <(head -n -1 "$T/daemon.json") || true)"
is 'docker: mode and owner stay' "$([ "$(id -u)" = 0 ] && echo 640 3 4 || echo 640 "$(id -u)" "$(id -g)")" \
	"$(stat -c '%a %u %g' "$T/daemon.json")"
[ -z "$attributes" ] || is 'docker: extended attributes stay' kept "$(getfattr --only-values -n user.nvb "$T/daemon.json" 2>/dev/null)"

# Edited since: our values go, theirs stay.
sed -i 's/"10m"}/"20m"}/; s/"nvbind"\r*$/"runc"/' "$T/daemon.json"
jq -e . "$T/daemon.json" >/dev/null || fail 'the test broke the file' "$(cat "$T/daemon.json")"
undo --runtime docker --config "$T/daemon.json" >/dev/null 2>"$T/err"
like 'docker: a value that was changed since is theirs' 'default-runtime was changed since and stays' "$(cat "$T/err")"
is 'docker: their edits stay, ours go' \
	'{"default-runtime":"runc","features":{"buildkit":true},"log-opts":{"max-size":"20m"},"mtu":1500.0}' \
	"$(jq -cS . "$T/daemon.json" | sed 's/1500}/1500.0}/')"

# No file: it is made, and goes again with the directories made for it.
configure --runtime docker --config "$T/new/etc/docker/daemon.json" >/dev/null 2>&1
is 'docker: a new file' '{"runtimes":{"nvbind":{"path":"/usr/bin/nvbind-runtime"}}}' "$(jq -c . "$T/new/etc/docker/daemon.json")"
is 'docker: which all can read' 644 "$(stat -c %a "$T/new/etc/docker/daemon.json")"
check 'docker: undo without naming the file' undo --runtime docker
check 'docker: and nothing is left' test ! -e "$T/new"
mkdir -p "$T/new/etc"
configure --runtime docker --config "$T/new/etc/docker/daemon.json" >/dev/null 2>&1
touch "$T/new/etc/docker/key.json"
undo --runtime docker >/dev/null 2>&1
check 'docker: a directory with something else in it stays' test -e "$T/new/etc/docker/key.json" -a ! -e "$T/new/etc/docker/daemon.json"

# A link is followed to its target, and stays a link.
mkdir -p "$T/real" "$T/links"
echo '{"debug": true}' >"$T/real/daemon.json"
ln -s ../real/daemon.json "$T/links/daemon.json"
configure --runtime docker --config "$T/links/daemon.json" >/dev/null 2>&1
is 'a link stays a link' ../real/daemon.json "$(readlink "$T/links/daemon.json")"
is 'its target has the runtime' '{"debug": true, "runtimes": {"nvbind": {"path": "/usr/bin/nvbind-runtime"}}}' "$(cat "$T/real/daemon.json")"
check 'undo by the link' undo --runtime docker --config "$T/links/daemon.json"
is 'as it was' '{"debug": true}' "$(cat "$T/real/daemon.json")"

# In two steps, and back in one.
configure --runtime docker --config "$T/real/daemon.json" >/dev/null 2>&1
configure --runtime docker --config "$T/real/daemon.json" --set-default >/dev/null 2>&1
check 'undo of two steps' undo --runtime docker
is 'as it was before the first' '{"debug": true}' "$(cat "$T/real/daemon.json")"

# Somebody relies on ours since.
configure --runtime docker --config "$T/real/daemon.json" >/dev/null 2>&1
sed -i 's/"debug": true/"debug": true, "default-runtime": "nvbind"/' "$T/real/daemon.json"
before=$(identity "$T/real/daemon.json")
refuses 'a default that would be unknown' 1 'has made "nvbind" the default runtime since' undo --runtime docker
is 'nothing was changed' "$before" "$(identity "$T/real/daemon.json")"
sed -i 's/, "default-runtime": "nvbind"//' "$T/real/daemon.json"
check 'then it goes' undo --runtime docker

# --- containerd --------------------------------------------------------------------------------------------------------
cat >"$T/config.toml" <<'EOF'
# Ours: do not touch
version = 2 # see the wiki
imports = []

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.example/pause:3.9"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true # as kubelet has it

# metrics
[metrics]
  address = "127.0.0.1:1338"
EOF
round_trip 'containerd 2' containerd "$T/config.toml" --set-default --cdi
configure --runtime containerd --config "$T/config.toml" --set-default >"$T/diff" 2>/dev/null
is 'containerd 2: lines are added, none is changed' 0 "$(grep -c '^-[^-]' "$T/diff" || true)"
toml() { python3 - "$1" "$2" <<'EOF'
import sys
try:
    import tomllib
except ModuleNotFoundError:
    sys.exit(0)
d = tomllib.load(open(sys.argv[1], "rb"))
print(eval(sys.argv[2]))
EOF
}
is 'containerd 2: as another reader has it, systemd cgroups as for runc' \
	"('nvbind', {'runtime_type': 'io.containerd.runc.v2', 'options': {'BinaryName': '/usr/bin/nvbind-runtime', 'SystemdCgroup': True}})" \
	"$(toml "$T/config.toml" '(lambda c: (c["default_runtime_name"], c["runtimes"]["nvbind"]))(d["plugins"]["io.containerd.grpc.v1.cri"]["containerd"])')"
undo --runtime containerd >/dev/null 2>&1

mkdir -p "$T/c3/conf.d"
printf 'version = 3\nimports = ["conf.d/*.toml"]\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]\nSystemdCgroup = true\n' >"$T/c3/config.toml"
configure --runtime containerd --config "$T/c3/conf.d/99-nvbind.toml" >/dev/null 2>&1
is 'containerd 3: a drop-in of the same version, with what runc has' \
	"(3, {'runtime_type': 'io.containerd.runc.v2', 'options': {'BinaryName': '/usr/bin/nvbind-runtime', 'SystemdCgroup': True}})" \
	"$(toml "$T/c3/conf.d/99-nvbind.toml" '(d["version"], d["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["nvbind"])')"
undo --runtime containerd >/dev/null 2>&1
check 'containerd 3: the drop-in goes' test ! -e "$T/c3/conf.d/99-nvbind.toml"

mkdir -p "$T/c2/conf.d"
printf 'version = 2\nimports = ["conf.d/*.toml"]\n' >"$T/c2/config.toml"
printf 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/x"\n' >"$T/c2/conf.d/registry.toml"
refuses 'containerd 2: an import that would hide ours' 1 'conf.d/registry.toml, whose plugins' \
	configure --runtime containerd --config "$T/c2/config.toml"
printf 'version = 2\ndisabled_plugins = ["cri"]\n' >"$T/disabled.toml"
like 'containerd: CRI switched off is said' 'disabled_plugins switches cri off' \
	"$(configure --runtime containerd --config "$T/disabled.toml" --dry-run 2>&1 >/dev/null)"

# --- CRI-O: the syntax of crio.conf(5) -----------------------------------------------------------------------------------
mkdir -p "$T/crio/crio.conf.d"
printf '[crio.runtime]\ndefault_runtime = "crun"\n' >"$T/crio/crio.conf"
printf '[crio.runtime.runtimes.crun]\nruntime_path = "/usr/libexec/crio/crun"\nmonitor_path = "/usr/libexec/crio/conmon"\nallowed_annotations = [\n  "io.containers.trace-syscall",\n]\n' \
	>"$T/crio/crio.conf.d/10-crio.conf"
configure --runtime crio --config "$T/crio/crio.conf.d/99-nvbind.conf" --set-default >/dev/null 2>&1
cat >"$T/expected" <<'EOF'
# Written by 'nvbind runtime configure --runtime crio'; the same with --undo takes it away.

[crio.runtime]
default_runtime = "nvbind"

[crio.runtime.runtimes.nvbind]
runtime_path = "/usr/bin/nvbind-runtime"
runtime_type = "oci"
monitor_path = "/usr/libexec/crio/conmon"
allowed_annotations = [
  "io.containers.trace-syscall",
]
EOF
same_file 'CRI-O: a drop-in, with the monitor that crun has' "$T/expected" "$T/crio/crio.conf.d/99-nvbind.conf"
echo '# mine' >>"$T/crio/crio.conf.d/99-nvbind.conf"
undo --runtime crio >/dev/null 2>&1
is 'CRI-O: what somebody wrote into our drop-in stays' '# mine' "$(tail -n 1 "$T/crio/crio.conf.d/99-nvbind.conf")"
unlike 'CRI-O: our part is gone' 'nvbind-runtime' "$(cat "$T/crio/crio.conf.d/99-nvbind.conf")"

# --- podman -----------------------------------------------------------------------------------------------------------
configure --runtime podman --config "$T/p/containers.conf.d/99-nvbind.conf" --set-default >/dev/null 2>&1
is 'podman: a drop-in' "{'engine': {'runtime': 'nvbind', 'runtimes': {'nvbind': ['/usr/bin/nvbind-runtime']}}}" \
	"$(toml "$T/p/containers.conf.d/99-nvbind.conf" d)"
undo --runtime podman >/dev/null 2>&1
check 'podman: nothing is left' test ! -e "$T/p"

# --- bad input ----------------------------------------------------------------------------------------------------------
printf '{\n  "a": 1,\n}\n' >"$T/bad.json"
before=$(identity "$T/bad.json")
refuses 'not JSON' 1 'bad\.json:3:1: not JSON' configure --runtime docker --config "$T/bad.json"
is 'the file is as it was' "$before" "$(identity "$T/bad.json")"
check 'nothing is recorded' test -z "$(find "$S" -mindepth 1 2>/dev/null)"
echo 'version = ' >"$T/bad.toml"
refuses 'not TOML' 1 'bad\.toml:1:11' configure --runtime containerd --config "$T/bad.toml"
echo '{"runtimes": []}' >"$T/wrong.json"
refuses 'runtimes is no object' 1 '"runtimes" must be an object' configure --runtime docker --config "$T/wrong.json"
echo '{"Runtimes": {}}' >"$T/case.json"
refuses 'a key in another case' 1 'only in case' configure --runtime docker --config "$T/case.json"
ln -s nowhere "$T/dangling.json"
refuses 'a link to nowhere' 1 'a link to a file that is not there' configure --runtime docker --config "$T/dangling.json"
refuses 'a directory' 1 'not a regular file' configure --runtime docker --config "$T/real"
mkfifo "$T/fifo"
refuses 'a FIFO' 1 'not a regular file' configure --runtime docker --config "$T/fifo"
refuses 'nothing to undo' 1 'nothing to undo' undo --runtime docker
refuses 'no engine' 2 'runtime is missing' configure
refuses 'an unknown engine' 2 'did you mean' configure --runtime dcker
refuses 'a name that is none' 2 'a name is letters' configure --runtime docker --name 'a b'
refuses "another runtime's name" 2 "another runtime's name" configure --runtime docker --name runc
refuses 'a relative runtime' 2 'absolute path' nvbind runtime configure --runtime docker --runtime-path x
refuses 'undo of a part' 2 'takes everything back' configure --runtime docker --undo --cdi
if [ "$(id -u)" = 0 ] && others_reach_build; then
	mkdir -p "$T/locked"
	echo '{}' >"$T/locked/daemon.json"
	chmod 755 "$T"
	refuses 'without the right to write' 1 'daemon.json cannot be written: Permission denied \(run it with sudo\)' \
		env HOME=/nonexistent setpriv --reuid=65534 --regid=65534 --clear-groups "$NVB_BUILD/bin/nvbind" runtime configure \
		--runtime docker --config "$T/locked/daemon.json" --state-dir "$T/nobody"
	check 'nothing was tried' test ! -e "$T/nobody"
fi

# podman's files of a user, without root: below the home, backups as well.
if [ "$(id -u)" = 0 ] && others_reach_build; then
	mkdir "$T/home"
	chown 65534:65534 "$T/home"
	as_user() { env -u XDG_CONFIG_HOME HOME="$T/home" setpriv --reuid=65534 --regid=65534 --clear-groups "$NVB_BUILD/bin/nvbind" runtime configure --runtime podman "$@"; }
	check 'podman without root' as_user
	check 'is configured in the home' test -f "$T/home/.config/containers/containers.conf.d/99-nvbind.conf"
	check 'and so is the record' test -d "$T/home/.local/state/nvbind/engine"
	check 'and undone there' as_user --undo
	check 'nothing is left but where records are' test ! -e "$T/home/.config"
fi
