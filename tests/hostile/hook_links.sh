# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Links at every path that the hook writes to or reads, and above them.

hostile 'a good image' '' done <<-'END'
END

# --- /etc and what lies there ----------------------------------------------------------------------------------------

hostile '/etc is a link to the host' 'in-root walk-nofollow' 'left:ld.so.cache left as it is: .*No such file' <<-'END'
	link "$OUTSIDE/etc" etc
END
hostile '/etc is a link up and out' 'in-root walk-dotdot' 'left:ld.so.cache left as it is: .*No such file' <<-'END'
	link "$UP/etc" etc
END
hostile '/etc leads through more .. than there are directories' '' 'left:ld.so.cache left as it is: .*No such file' <<-'END'
	link "../../../../../../../../../../../../../../../../../../../..$OUTSIDE/etc" etc
END
hostile '/etc goes down and up again' '' done <<-'END'
	mv etc var/etc
	link usr/bin/../../var/../var/etc etc
END
hostile '/etc is a chain of links' '' 'left:ld.so.cache left as it is: .*No such file' <<-'END'
	link var/1 etc
	link 2 var/1
	link /tmp/3 var/2
	link "../$UP/etc" tmp/3
END
hostile '/etc is a loop of links' '' 'left:ld.so.cache left as it is: .*[Tt]oo many.*links' <<-'END'
	link var/1 etc
	link ../etc var/1
END
hostile '/etc is one link of more than forty' '' 'left:ld.so.cache left as it is: .*[Tt]oo many.*links' <<-'END'
	mv etc var/0
	for i in $(seq 45); do ln -s $((i - 1)) var/$i; done
	ln -s var/45 etc
END
hostile '/etc is a link to itself by a slash' '' 'left:ld.so.cache left as it is' <<-'END'
	link etc/ etc
END
hostile '/etc/alternatives is a link to the host' 'in-root walk-nofollow' 'left:link left out: .*/etc/alternatives/gpu' <<-'END'
	ln -s "$OUTSIDE/empty" etc/alternatives
	then
	lists_driver
END

# --- the cache -------------------------------------------------------------------------------------------------------

hostile 'the cache is a link to the host' 'in-root walk-nofollow' done <<-'END'
	link "$OUTSIDE/ld.so.cache" etc/ld.so.cache
	then
	test -f etc/ld.so.cache && test ! -h etc/ld.so.cache
END
hostile 'the cache is a link up and out' '' done <<-'END'
	link ../../outside/ld.so.cache etc/ld.so.cache
	then
	test ! -h etc/ld.so.cache
END
hostile 'the cache is a link to another file of the image' '' done <<-'END'
	mv etc/ld.so.cache var/cache
	sum=$(sha256sum var/cache)
	echo "$sum" >var/sum
	ln -s ../var/cache etc/ld.so.cache
	then
	sha256sum -c var/sum
	test ! -h etc/ld.so.cache
END
hostile 'the cache dangles' '' done <<-'END'
	link nowhere etc/ld.so.cache
	then
	test ! -e etc/nowhere
END
hostile 'the cache is a loop' '' 'left:ld.so.cache left as it is: .*[Tt]oo many.*links' <<-'END'
	link ld.so.cache etc/ld.so.cache
	then
	has_links
END
hostile 'the cache has a second name on the host' 'replace' 'left:ld.so.cache is damaged and made anew' <<-'END'
	echo 'not a cache, and much too precious to be written to' >"$CASE/hard"
	ln -f "$CASE/hard" etc/ld.so.cache
	then
	grep -q precious "$CASE/hard"
	lists_driver
END
hostile 'temporary names are planted' 'fresh-file' done <<-'END'
	for i in $(seq 0 63); do
		ln -s "$OUTSIDE/passwd" "etc/.nvb-$(printf %016x "$i")"
		ln -s "../../../$UP/passwd" ".$LIBDIR/.nvb-$(printf %016x "$i")"
	done
END

# --- directories of libraries ----------------------------------------------------------------------------------------

hostile 'the library directory is a link to the host' 'in-root walk-nofollow' 'left:link left out: ' <<-'END'
	link "$OUTSIDE/lib" ".$LIBDIR"
	then
	! listed . | grep -q secret
END
hostile 'the library directory is a link up and out' 'in-root walk-dotdot' 'left:link left out: ' <<-'END'
	link "../../../../outside/lib" ".$LIBDIR"
	then
	! listed . | grep -q secret
END
hostile 'a directory above the libraries is a link to the host' 'in-root walk-nofollow' 'left:link left out: ' <<-'END'
	mkdir -p "$OUTSIDE/x86_64-linux-gnu"
	link "$OUTSIDE" usr/lib
END
hostile 'the library directory is elsewhere in the image' '' done <<-'END'
	mv ".$LIBDIR" opt
	ln -s ../../opt ".$LIBDIR"
END
hostile 'the library directory is the root' '' done <<-'END'
	mv ".$LIBDIR"/* .
	link ../.. ".$LIBDIR"
END
hostile 'the directory of gbm is a link to the host' 'in-root walk-nofollow' 'left:link left out: .*nvidia-drm_gbm' <<-'END'
	ln -s "$OUTSIDE/empty" ".$LIBDIR/gbm"
	then
	lists_driver
END
hostile 'the directory of DLLs is a link to the host' 'in-root' 'left:link left out: .*nvngx' <<-'END'
	ln -s "$OUTSIDE" ".$LIBDIR/nvidia"
	then
	lists_driver
END
hostile 'the directory of DLLs would be made on the host' '' 'left:link left out: .*nvngx' <<-'END'
	mkdir ".$LIBDIR/nvidia"
	ln -s ../../../../../outside/wine ".$LIBDIR/nvidia/wine"
END
hostile '/run is a link to the host' 'in-root walk-nofollow' 'left:link left out: .*/run/nvbind' <<-'END'
	link "$OUTSIDE/empty" run
END
hostile '/dev/dri is a link up and out' 'in-root walk-dotdot' 'left:link left out: .*by-path' <<-'END'
	ln -s "../$UP/empty" dev/dri
END
hostile '/lib with the loader of musl is a link to the host' 'in-root walk-nofollow' done <<-'END'
	touch "$OUTSIDE/lib/ld-musl-x86_64.so.1"
	link "$OUTSIDE/lib" lib
	then
	test ! -e etc/ld-musl-x86_64.path
END
hostile 'the path file of musl is a link to the host' 'in-root walk-nofollow' done <<-'END'
	touch lib/ld-musl-x86_64.so.1
	ln -s "$OUTSIDE/ld-musl-x86_64.path" etc/ld-musl-x86_64.path
	then
	! grep precious etc/ld-musl-x86_64.path
	grep -qx "$LIBDIR" etc/ld-musl-x86_64.path
END

# --- links where links belong ----------------------------------------------------------------------------------------

hostile 'a wrong link is replaced and not followed' '' done <<-'END'
	ln -s "$OUTSIDE/libcuda.so.1" ".$LIBDIR/libcuda.so.1"
	ln -s "$OUTSIDE/made-through-a-link" ".$LIBDIR/libcuda.so"
END
hostile 'a file stands where a link belongs' '' "left:link $LIBDIR/libcuda.so.1 left out: the image has a file of its own" <<-'END'
	echo mine >".$LIBDIR/libcuda.so.1"
	then
	grep -q mine ".$LIBDIR/libcuda.so.1"
END
hostile 'a hard link to a file of the host stands where a link belongs' '' "left:link $LIBDIR/libcuda.so.1 left out" <<-'END'
	ln "$OUTSIDE/libcuda.so.1" ".$LIBDIR/libcuda.so.1"
END
hostile 'a directory stands where a link belongs' '' 'left:link /etc/alternatives/gpu left out' <<-'END'
	mkdir -p etc/alternatives/gpu
	ln -s "$OUTSIDE" etc/alternatives/gpu/x
END
hostile 'a FIFO, a socket and a device stand where links belong' '' 'left:link /run/nvbind/driver left out' <<-'END'
	mkfifo ".$LIBDIR/libcuda.so.1"
	mknod ".$LIBDIR/libcuda.so" c 1 5
	mkdir run/nvbind
	python3 -c 'import os, socket; os.chdir("run/nvbind"); socket.socket(socket.AF_UNIX).bind("driver")'
	then
	test -p ".$LIBDIR/libcuda.so.1" && test -c ".$LIBDIR/libcuda.so" && test -S run/nvbind/driver
END
hostile 'the target of a link is as long as a path can be' '' done <<-'END'
	ln -s "$(printf 'x%.0s' $(seq 4090))" ".$LIBDIR/libcuda.so.1"
END

# --- magic links below /proc -----------------------------------------------------------------------------------------

# The container's /proc is mounted when a createContainer hook runs.
for way in self/root 1/root self/cwd/.. self/fd/9/.. thread-self/root; do
	case $way in
	*root) rest=$OUTSIDE ;;
	*) rest=/outside ;;
	esac
	hostile "/etc leads through /proc/$way" 'in-root' 'left:ld.so.cache left as it is' <<-END
	mount -t proc proc proc
	link "/proc/$way$rest/etc" etc
END
done
hostile 'the library directory is a descriptor of the hook' 'in-root' 'left:link left out: ' <<-'END'
	mount -t proc proc proc
	link /proc/self/fd/9/lib ".$LIBDIR"
	then
	! listed . | grep -q secret
END
hostile '/run is the working directory of the hook' 'in-root' 'left:link left out: .*/run/nvbind' <<-'END'
	mount -t proc proc proc
	link /proc/self/cwd run
END
hostile 'the cache is the program of the hook' '' any <<-'END'
	mount -t proc proc proc
	link /proc/self/exe etc/ld.so.cache
	then
	cmp "$HOOK" "$NVB_BUILD/bin/nvbind-hook"
END
hostile 'the cache is its environment' 'made-up-file' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	mount -t proc proc proc
	link /proc/self/environ etc/ld.so.cache
	then
	has_links
END
hostile 'the cache is a file of the kernel that would be read empty' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	mount -t proc proc proc
	link /proc/kmsg etc/ld.so.cache
END
hostile 'the cache is an attribute below /sys' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	mkdir sys
	mount -t sysfs sysfs sys
	link /sys/kernel/uevent_seqnum etc/ld.so.cache
END
hostile 'the path file of musl is a sysctl' 'made-up-file' 'left:ld-musl-x86_64.path left as it is: .*not a regular file' <<-'END'
	mount -t proc proc proc
	touch lib/ld-musl-x86_64.so.1
	link /proc/sys/kernel/hostname etc/ld-musl-x86_64.path
END
hostile 'the host has its /proc mounted in the image' 'in-root' 'left:ld.so.cache left as it is' <<-'END'
	mount --bind /proc proc
	link "/proc/1/root$OUTSIDE/etc" etc
END
