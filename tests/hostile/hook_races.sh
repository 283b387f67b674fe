# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Somebody who changes the image while the hook works, as a second container of the same image could. What the hook
# says is up to the race; where it works is not.

times=25
! is_sanitized || times=5

hostile 'racing: /etc against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/etc" etc2
	runs $times
	beside swap etc etc2
END
hostile 'racing: /etc against a link up and out' '' any <<-'END'
	ln -s "$UP/etc" etc2
	runs $times
	beside swap etc etc2
END
hostile 'racing: the library directory against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/lib" ".${LIBDIR}2"
	runs $times
	beside swap ".$LIBDIR" ".${LIBDIR}2"
	then
	! listed . | grep -q secret
END
hostile 'racing: a directory above against a link up and out' '' any <<-'END'
	ln -s ../outside usr2
	runs $times
	beside swap usr usr2
END
hostile 'racing: where a link leads' '' any <<-'END'
	mkdir a
	mv etc a/b
	ln -s ../../outside/etc a/c
	ln -s a/b etc
	runs $times
	beside swap a/b a/c
END
hostile 'racing: a part that .. goes back through' '' any <<-'END'
	mkdir -p a/b/c a/d
	mv etc a/etc
	ln -s ../../outside/empty a/x
	ln -s a/b/c/../../etc etc
	runs $times
	beside swap a/b a/x
END
hostile 'racing: directories of different depth' '' any <<-'END'
	mkdir -p a/b/c/d x
	mv etc a/etc
	ln -s a/b/c/../../etc etc
	runs $times
	beside swap a/b x
END
hostile 'racing: the cache against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/ld.so.cache" etc/cache2
	runs $times
	beside swap etc/ld.so.cache etc/cache2
END
hostile 'racing: the cache against a FIFO' '' any <<-'END'
	mkfifo etc/cache2
	runs $times
	beside swap etc/ld.so.cache etc/cache2
END
hostile 'racing: the cache against an endless device' '' any <<-'END'
	mknod etc/cache2 c 1 5
	runs $times
	beside swap etc/ld.so.cache etc/cache2
END
hostile 'racing: the cache against a directory' '' any <<-'END'
	mkdir etc/cache2
	runs $times
	beside swap etc/ld.so.cache etc/cache2
END
hostile 'racing: the cache against a file of the kernel' '' any <<-'END'
	mount -t proc proc proc
	ln -s /proc/self/environ etc/cache2
	runs $times
	beside swap etc/ld.so.cache etc/cache2
END
hostile 'racing: the cache of a volume, which is covered, against a sysctl' '' any <<-'END'
	mount -t proc proc proc
	mkdir var/volume
	cp etc/ld.so.cache var/volume
	ln -s /proc/sys/kernel/hostname var/volume/cache2
	mount --bind var/volume etc
	below /usr/bin/unshare --mount -- /bin/sh -c '"$@" && ! grep -q rootfs/proc/sys/ /proc/self/mountinfo || exit 9' sh
	runs $times
	beside swap var/volume/ld.so.cache var/volume/cache2
END
hostile 'racing: a library against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/lib/libsecret.so.1" ".$LIBDIR/libother.so"
	runs $times
	beside swap ".$LIBDIR/libcuda.so.550.54.15" ".$LIBDIR/libother.so"
	then
	! listed . | grep -q secret
END
hostile 'racing: a library against a FIFO' '' any <<-'END'
	mkfifo ".$LIBDIR/libother.so"
	runs $times
	beside swap ".$LIBDIR/libcuda.so.550.54.15" ".$LIBDIR/libother.so"
END
hostile 'racing: a wrong link against a file, which is not lost' '' any <<-'END'
	ln -s nowhere ".$LIBDIR/libcuda.so.1"
	echo mine >".$LIBDIR/other"
	runs $times
	beside swap ".$LIBDIR/libcuda.so.1" ".$LIBDIR/other"
	then
	grep -qx mine ".$LIBDIR/libcuda.so.1" || grep -qx mine ".$LIBDIR/other"
END
hostile 'racing: a directory of a link against a volume of the host' '' any <<-'END'
	mkdir ".$LIBDIR/gbm" ".$LIBDIR/other"
	mount --bind "$OUTSIDE/empty" ".$LIBDIR/other"
	ln -s other ".$LIBDIR/link"
	runs $times
	beside swap ".$LIBDIR/gbm" ".$LIBDIR/link"
END
hostile 'racing: the path file of musl against a link to the host' '' any <<-'END'
	touch lib/ld-musl-x86_64.so.1
	echo /lib >etc/ld-musl-x86_64.path
	ln -s "$OUTSIDE/ld-musl-x86_64.path" etc/other
	runs $times
	beside swap etc/ld-musl-x86_64.path etc/other
END
hostile 'racing: /run against the working directory of the hook' '' any <<-'END'
	mount -t proc proc proc
	ln -s /proc/self/cwd other
	runs $times
	beside swap run other
END
