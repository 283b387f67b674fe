# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Volumes, read-only and other mounts, user namespaces, and resources that are short.

# --- volumes: what a user mounted into the container is not the container's ------------------------------------------

hostile '/etc is a volume' 'volumes' 'left:ld.so.cache left as it is: .*lies in a volume' <<-'END'
	mount --bind "$DISK/etc" etc
END
hostile '/etc is a volume on a tmpfs' 'volumes' 'left:ld.so.cache left as it is: .*lies in a volume' <<-'END'
	mount --bind "$OUTSIDE/etc" etc
END
hostile '/run is of the host' 'volumes' 'left:link left out: .*/run/nvbind.*lies in a volume' <<-'END'
	mount --bind "$OUTSIDE/empty" run
	then
	lists_driver
END
hostile '/dev is of the host' '' 'left:link left out: .*by-path.*lies in a volume' <<-'END'
	mount --rbind /dev dev
	then
	test ! -e /dev/dri/by-path/pci-0000:41:00.0-card
END
hostile '/run and /dev are tmpfs of its own' '' done <<-'END'
	mount -t tmpfs tmpfs run
	mount -t tmpfs -o mode=755 tmpfs dev
END
hostile 'a tmpfs of its own has a blank and a line feed in its name' '' done <<-'END'
	cd ..
	odd=$CASE/$'odd \n\\040name'
	mkdir "$odd"
	mv rootfs "$odd/rootfs"
	mount -t tmpfs tmpfs "$odd/rootfs/run"
	ln -s "$odd/rootfs" rootfs
END
hostile 'a directory of DLLs is a volume' 'volumes' 'left:link left out: .*nvngx.*lies in a volume' <<-'END'
	mkdir ".$LIBDIR/nvidia"
	mount --bind "$DISK/empty" ".$LIBDIR/nvidia"
	then
	lists_driver
END
hostile 'a link leads into a volume' 'volumes' 'left:ld.so.cache left as it is: .*lies in a volume' <<-'END'
	mkdir var/volume
	mount --bind "$DISK/etc" var/volume
	link var/volume etc
END
hostile 'a link by way of .. leaves a volume again' '' done <<-'END'
	mkdir var/volume var/volume2
	mv etc var/etc
	mount --bind "$DISK/empty" var/volume
	ln -s var/volume/../etc etc
END
hostile 'the cache is a volume' '' 'left:ld.so.cache left as it is: .*busy' <<-'END'
	mount --bind "$DISK/etc/ld.so.cache" etc/ld.so.cache
END
hostile 'a link is a volume' '' "left:link $LIBDIR/libcuda.so.1 left out" <<-'END'
	: >".$LIBDIR/libcuda.so.1"
	mount --bind "$DISK/etc/ld.so.cache" ".$LIBDIR/libcuda.so.1"
END
hostile 'the image has itself mounted in it' '' 'left:ld.so.cache left as it is: .*lies in a volume' <<-'END'
	mount --bind . var
	link var/etc2 etc
	mkdir etc2
	cp "$TEMPLATE/rootfs/etc/passwd" etc2
END
hostile 'the cache of a volume is covered, not written' 'volumes' 'left:link left out: .*alternatives.*lies in a volume' <<-'END'
	mount --bind "$DISK/etc" etc
	mount -t proc proc proc
	in_namespace 1
END

# --- roots that cannot be written, or not so -------------------------------------------------------------------------

hostile 'the root is read-only' '' 'left:ld.so.cache left as it is: .*Read-only' <<-'END'
	mount --bind "$ROOT" "$ROOT"
	mount -o remount,bind,ro "$ROOT"
END
hostile 'the root is read-only for a container' '' 'left:link left out: .*Read-only' <<-'END'
	mount --bind "$ROOT" "$ROOT"
	mount -t proc proc "$ROOT/proc"
	mount -o remount,bind,ro "$ROOT"
	in_namespace 1
END
hostile 'the root is read-only and its cache a link to the host' 'in-root' 'left:ld.so.cache left as it is: .*Read-only' <<-'END'
	link "$OUTSIDE/ld.so.cache" etc/ld.so.cache
	mount --bind "$ROOT" "$ROOT"
	mount -t proc proc "$ROOT/proc"
	mount -o remount,bind,ro "$ROOT"
	in_namespace
END
hostile 'the root is read-only and its cache a link elsewhere' '' 'left:link left out: .*Read-only' <<-'END'
	mv etc/ld.so.cache var/cache
	ln -s ../var/cache etc/ld.so.cache
	mount --bind "$ROOT" "$ROOT"
	mount -t proc proc "$ROOT/proc"
	mount -o remount,bind,ro "$ROOT"
	in_namespace 1
END
hostile 'the root is read-only and /proc a link' '' 'left:ld.so.cache left as it is: .*Read-only' <<-'END'
	mkdir var/proc
	link "$UP/../../../../../proc" proc
	mount --bind "$ROOT" "$ROOT"
	mount -o remount,bind,ro "$ROOT"
	in_namespace
END
hostile 'the root forbids set-id programs, devices and programs' '' done <<-'END'
	mount --bind "$ROOT" "$ROOT"
	mount -o remount,bind,nosuid,nodev,noexec "$ROOT"
END
hostile 'the root is an overlay with whiteouts' '' done <<-'END'
	cd "$BUNDLE"
	mv rootfs lower
	mkdir -p "$CASE"/{upper/etc,work} rootfs
	mknod "$CASE/upper/etc/ld.so.cache" c 0 0
	mknod "$CASE/upper/var" c 0 0
	setfattr -n trusted.overlay.opaque -v y "$CASE/upper/etc"
	mount -t overlay overlay -o "lowerdir=lower,upperdir=$CASE/upper,workdir=$CASE/work" rootfs
END

# --- user namespaces -------------------------------------------------------------------------------------------------

hostile 'in a user namespace' '' done <<-'END'
	below /usr/bin/unshare --user --map-root-user --
END
hostile 'in a user namespace that does not know the owner' '' 'left:ld.so.cache left as it is: .*denied' <<-'END'
	chown -R 12345:12345 .
	below /usr/bin/unshare --user --map-root-user --
	then
	test -z "$(find . -name '.nvb*')"
END
hostile 'as a user who owns nothing of it' '' 'left:ld.so.cache left as it is: .*denied' <<-'END'
	others_reach_build || leave_out 'an ordinary user cannot reach the build'
	below /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --
END
hostile 'without a capability' '' 'left:ld.so.cache left as it is: .*denied' <<-'END'
	chown -R 12345:12345 .
	below /usr/bin/setpriv --bounding-set=-all --inh-caps=-all --
END

# --- short of something ----------------------------------------------------------------------------------------------

hostile 'the file system is full' '' 'left:ld.so.cache left as it is: .*No space' <<-'END'
	mount -t tmpfs -o size=8k tmpfs etc
	head -c 100000 /dev/zero >etc/full || true
	then
	test "$(ls -A etc)" = "$(printf 'alternatives\nfull')"
END
hostile 'there are no inodes' '' 'left:ld.so.cache left as it is: .*No space' <<-'END'
	mount -t tmpfs -o nr_inodes=2 tmpfs etc
	: >etc/last
	then
	test "$(ls -A etc)" = last
END
# (Nor may the file that its messages go to.)
hostile 'files may not grow' '' any <<-'END'
	below /usr/bin/prlimit --fsize=0 --
	then
	has_links
	test -z "$(find . -name '.nvb*')"
END
hostile 'four descriptors are all' '' any <<-'END'
	below /usr/bin/prlimit --nofile=7 --
	then
	test -z "$(find . -name '.nvb*')"
END
# (Where a sanitizer's runtime complains itself.)
is_sanitized || hostile 'there is no /proc' '' any <<-'END'
	below /usr/bin/unshare --mount -- /bin/sh -c '/usr/bin/umount -l /proc; exec "$@"' sh
END
