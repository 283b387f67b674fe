# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Images against bolt, whose files it builds a capsule's root from as root of the host. An image is a directory here,
# which is somebody's and changes under bolt's hands; nothing of it may be written to, either.

need bolt nvbind-sim busybox
. "${BASH_SOURCE[0]%/*}/../integration/surge.sh"
SAYS=bolt
FAILS=125
BOLT=$BIN/bolt
make_sim rtx4090x1 "$T/host"
VERSION=$(cd "$T/host$LIBDIR" && echo libcuda.so.*.*)
VERSION=${VERSION#libcuda.so.}
export VERSION
rm "$TEMPLATE/rootfs$LIBDIR"/libcuda.so.*
mkdir "$TEMPLATE/rootfs/bin"
cp "$(command -v busybox)" "$TEMPLATE/rootfs/bin/busybox"

! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
mkdir -p /var/lib/bolt /run/bolt
mount -t tmpfs tmpfs /var/lib/bolt
# Which runtime works is found out once.
"$NVB_BUILD/bin/bolt" surge run --rm --root "$T/host" "$TEMPLATE/rootfs" /bin/busybox true >"$T/first" 2>&1 ||
	skip "no OCI runtime runs a capsule here: $(tail -n 1 "$T/first")"

# The image as well, unless somebody else changes it.
canary() {
	if [ -e "$CASE/runs" ]; then
		"$TOOL" canary --except "$ROOT" "$BUNDLE" "$DISK"
	else
		"$TOOL" canary "$BUNDLE" "$DISK"
	fi
}

# Whether the program finds the GPU is its status. option WORD...: more options of the command.
option() { printf '%s\n' "$@" >>"$CASE/options"; }
attack() {
	local options=()
	[ ! -e "$CASE/options" ] || mapfile -t options <"$CASE/options"
	attempt PATH=/usr/sbin:/usr/bin:/sbin:/bin ${GUARD:+NVB_TEST_GUARD_OFF="$GUARD"} "$BOLT" surge run --rm --network none \
		--root "$T/host" --gpu all "${options[@]}" "${IMAGE:-$ROOT}" /bin/busybox sh -c \
		'[ -c /dev/nvidia0 ] || exit 7'
}
work_done() { :; } # the status says it

judge_process() {
	local rest
	rest=$(leftovers)
	[ -z "$rest" ] || wrong "left: $rest"
	[ "$mounts" = 0 ] || wrong "$mounts mounts are left"
}

hostile 'a good image' '' done <<-'END'
END

# --- links -----------------------------------------------------------------------------------------------------------

hostile '/etc is a link to the host' 'in-root' any <<-'END'
	link "$OUTSIDE/etc" etc
END
hostile '/etc is a link up and out' 'in-root' any <<-'END'
	link "$UP/etc" etc
END
hostile '/etc is a loop' '' any <<-'END'
	link etc etc
END
hostile 'the library directory is a link to the host' 'in-root' any <<-'END'
	link "$OUTSIDE/lib" ".$LIBDIR"
END
hostile 'the library directory is a link up and out' '' any <<-'END'
	link ../../../../outside/lib ".$LIBDIR"
END
hostile 'a directory above the libraries is a link to the host' '' any <<-'END'
	link "$OUTSIDE" usr
END
hostile 'the library directory is elsewhere in the image' '' done <<-'END'
	mv ".$LIBDIR" opt
	ln -s /opt ".$LIBDIR"
END
hostile 'the library directory is a file' '' any <<-'END'
	rm -r ".$LIBDIR"
	: >".$LIBDIR"
END
for directory in dev proc sys; do
	hostile "/$directory is a link to the host" 'own-directories' 'fails:/proc|/dev|/sys' <<-END
	link "\$OUTSIDE/empty" $directory
	END
done
hostile '/dev is a link to the host, which has its mount point' 'own-directories' 'fails:/dev' <<-'END'
	mkdir -p ".$OUTSIDE/empty"
	link "$OUTSIDE/empty" dev
END
hostile '/dev is a link up and out' 'own-directories' 'fails:/dev' <<-'END'
	mkdir outside
	link "$UP" dev
END
hostile '/dev is a file' '' 'fails:/dev' <<-'END'
	rm -r dev
	: >dev
END
hostile '/run is a link to the host' '' any <<-'END'
	link "$OUTSIDE/empty" run
END
hostile 'the cache is a link to the host' 'in-root' any <<-'END'
	link "$OUTSIDE/ld.so.cache" etc/ld.so.cache
END
hostile '/etc/hosts is a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/passwd" etc/hosts
END
hostile '/etc/hosts is a link up and out' '' any <<-'END'
	ln -s ../../outside/passwd etc/hosts
END
hostile '/etc/hosts would be made on the host' '' any <<-'END'
	ln -s "../../outside/made" etc/hosts
END
hostile '/etc/resolv.conf leads through links that dangle' '' done <<-'END'
	ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
END
hostile '/etc/resolv.conf is an environment' '' any <<-'END'
	ln -s /proc/self/environ etc/resolv.conf
END
hostile '/etc/hostname is a directory' '' 'fails:/etc/hostname: the image has a directory there' <<-'END'
	mkdir etc/hostname
END
hostile '/etc/hosts is a FIFO' '' any <<-'END'
	mkfifo etc/hosts
END
hostile 'mount points of volumes are links to the host' '' any <<-'END'
	ln -s "$OUTSIDE/empty" volume
	option -v "$DISK/empty:/volume/deep/er" --tmpfs /volume/tmp
END

# --- what it reads of an image ---------------------------------------------------------------------------------------

hostile '/etc/passwd is a FIFO' '' 'fails:/etc/passwd: not a regular file' <<-'END'
	rm etc/passwd
	mkfifo etc/passwd
	option -u somebody
END
hostile '/etc/passwd is an endless device' '' 'fails:/etc/passwd: not a regular file' <<-'END'
	rm etc/passwd
	mknod etc/passwd c 1 5
	option -u somebody
END
hostile '/etc/passwd is a directory' '' 'fails:/etc/passwd: not a regular file' <<-'END'
	rm etc/passwd
	mkdir etc/passwd
	option -u somebody
END
hostile '/etc/passwd is huge' '' 'fails:/etc/passwd: larger than' <<-'END'
	truncate -s 1T etc/passwd
	option -u somebody
END
hostile '/etc/passwd is a link to the host' 'in-root' "fails:'somebody' is not in the image" <<-'END'
	echo 'somebody:x:0:0::/:/bin/sh' >"$OUTSIDE/passwd"
	link "$OUTSIDE/passwd" etc/passwd
	option -u somebody
END
hostile 'a number is a name of root' '' 'fails:numbers go to' <<-'END'
	printf '%s\n' '4294967295:x:0:0::/:/bin/sh' >etc/passwd
	option -u 4294967295
END
hostile 'the cache is an endless device' '' any <<-'END'
	rm etc/ld.so.cache
	mknod etc/ld.so.cache c 1 5
END
hostile 'the cache is a FIFO' '' any <<-'END'
	rm etc/ld.so.cache
	mkfifo etc/ld.so.cache
END
hostile 'the cache is huge' 'cache-size' 'left:ld.so.cache left as it is: .*larger than' <<-'END'
	truncate -s 1T etc/ld.so.cache
END
hostile 'the cache has another name on the host' '' any <<-'END'
	ln -f "$OUTSIDE/ld.so.cache" etc/ld.so.cache
END

# --- what the runtime is given ---------------------------------------------------------------------------------------

hostile 'the working directory is a descriptor of the runtime' '' any <<-'END'
	option -w /proc/self/fd/7
END
hostile 'the working directory is a link to one' '' any <<-'END'
	ln -s /proc/self/fd/9 work
	option -w /work
END
hostile 'the environment loads a library' '' done <<-'END'
	option -e "LD_PRELOAD=$EVIL" -e "LD_AUDIT=$EVIL" -e "HOSTILE_OUTSIDE=$OUTSIDE" -e BASH_ENV=/x
END
hostile 'whiteouts in the place of our directories' '' any <<-'END'
	rm -r etc run dev
	mknod etc c 0 0
	mknod run c 0 0
	mknod dev c 0 0
END
hostile 'attributes that overlayfs obeys' '' any <<-'END'
	mkdir redirected
	setfattr -n trusted.overlay.redirect -v /../../outside redirected
	setfattr -n trusted.overlay.opaque -v y etc
END
hostile 'set-id directories of somebody' '' done <<-'END'
	chmod 6777 etc usr run
	chown 1234:4321 etc usr run
END
hostile 'the image is read-only' '' done <<-'END'
	mount --bind "$ROOT" "$ROOT"
	mount -o remount,bind,ro "$ROOT"
END
hostile 'the image is a link' '' done <<-'END'
	mv "$ROOT" "$CASE/real"
	ln -s ../real "$ROOT"
END

# --- races -----------------------------------------------------------------------------------------------------------

times=5

hostile 'racing: /etc against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/etc" etc2
	runs $times
	beside swap etc etc2
END
hostile 'racing: the library directory against a link up and out' '' any <<-'END'
	ln -s ../../../outside/lib ".${LIBDIR}2"
	runs $times
	beside swap ".$LIBDIR" ".${LIBDIR}2"
END
hostile 'racing: /dev against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/empty" dev2
	runs $times
	beside swap dev dev2
END
