# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Files that are not what their names say, or much more of it.

# --- what is no cache ------------------------------------------------------------------------------------------------

hostile 'the cache is a FIFO' 'regular-file' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	mkfifo etc/ld.so.cache
	then
	test -p etc/ld.so.cache
	has_links
END
hostile 'the cache is a directory' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	mkdir etc/ld.so.cache
	then
	test -d etc/ld.so.cache
END
hostile 'the cache is an endless device' 'regular-file' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	mknod etc/ld.so.cache c 1 5
	then
	test -c etc/ld.so.cache
END
hostile 'the cache is a block device' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	mknod etc/ld.so.cache b 7 250
	then
	test -b etc/ld.so.cache
END
hostile 'the cache is a whiteout' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	mknod etc/ld.so.cache c 0 0
END
hostile 'the cache is a socket' '' 'left:ld.so.cache left as it is: .*not a regular file' <<-'END'
	rm etc/ld.so.cache
	python3 -c 'import os, socket; os.chdir("etc"); socket.socket(socket.AF_UNIX).bind("ld.so.cache")'
END
hostile 'the cache is huge' 'cache-size' 'left:ld.so.cache left as it is: .*larger than' <<-'END'
	truncate -s 1T etc/ld.so.cache
	then
	test "$(stat -c %s etc/ld.so.cache)" = 1099511627776
END
hostile 'the cache is huge and has a sound beginning' 'cache-size' 'left:ld.so.cache left as it is: .*larger than' <<-'END'
	truncate -s 100M etc/ld.so.cache
END
hostile 'the cache is empty' '' 'left:ld.so.cache is damaged and made anew' <<-'END'
	: >etc/ld.so.cache
	then
	lists_driver
END
for percent in 3 20 55 90 99; do
	hostile "the cache is cut off at $percent per cent" '' any <<-END
	truncate -s \$((\$(stat -c %s etc/ld.so.cache) * $percent / 100)) etc/ld.so.cache
	then
	work_done
	END
done
hostile 'the cache is random' '' 'left:ld.so.cache is damaged and made anew' <<-'END'
	head -c 100000 /dev/urandom >etc/ld.so.cache
	then
	work_done
END
hostile 'the cache has the format of glibc before 2.2 alone' '' 'left:ld.so.cache left as it is' <<-'END'
	printf 'ld.so-1.7.0\0\0\0\0\0' >etc/ld.so.cache
END
hostile 'the cache is of another byte order' '' 'left:ld.so.cache left as it is: .*byte order' <<-'END'
	printf '\003' | dd of=etc/ld.so.cache bs=1 seek=28 conv=notrunc status=none
END
hostile 'the cache claims four thousand million entries' '' 'left:ld.so.cache is damaged and made anew: .*truncated' <<-'END'
	printf '\377\377\377\377' | dd of=etc/ld.so.cache bs=1 seek=20 conv=notrunc status=none
	then
	work_done
END
# make_cache.py says what it makes of a name.
for kind in far-offsets one-long-string directories hwcaps many-paths; do
	hostile "the cache is crafted: $kind" '' any <<-END
	python3 "$NVB_SOURCE/tests/hostile/make_cache.py" $kind >etc/ld.so.cache
	then
	! listed . | grep -q '/outside/.*secret\$'
	END
done
hostile 'the cache says who may change it' '' done <<-'END'
	chmod 6711 etc/ld.so.cache
	chown 1234:4321 etc/ld.so.cache
	chmod 6711 etc/ld.so.cache
	then
	test "$(stat -c '%a %u %g' etc/ld.so.cache)" = '711 1234 4321'
END
hostile 'the cache is immutable' '' 'left:ld.so.cache left as it is: .*not permitted' <<-'END'
	chattr +i etc/ld.so.cache 2>/dev/null || leave_out 'no immutable files here'
	then
	has_links
	test -z "$(ls -A etc | grep nvb)"
END
hostile '/etc can only be added to' '' 'left:ld.so.cache left as it is: .*not permitted' <<-'END'
	mkdir etc/alternatives
	chattr +a etc 2>/dev/null || leave_out 'no append-only directories here'
	then
	has_links
END
hostile 'the library directory is immutable' '' 'left:link left out: ' <<-'END'
	chattr +i ".$LIBDIR" 2>/dev/null || leave_out 'no immutable directories here'
	then
	listed . | grep -q "libcuda.so.1 .* => $LIBDIR/libcuda.so.550"
END
hostile 'somebody holds a lease on the cache' 'non-blocking' 'left:ld.so.cache left as it is: .*temporarily unavailable' <<-'END'
	beside lease etc/ld.so.cache
	then
	has_links
END
hostile 'the path file of musl is a FIFO' 'regular-file' 'left:ld-musl-x86_64.path left as it is: not a regular file' <<-'END'
	touch lib/ld-musl-x86_64.so.1
	mkfifo etc/ld-musl-x86_64.path
	then
	work_done
END
hostile 'the path file of musl is huge' '' 'left:ld-musl-x86_64.path left as it is: .*larger than' <<-'END'
	touch lib/ld-musl-x86_64.so.1
	truncate -s 1T etc/ld-musl-x86_64.path
END
hostile 'there are loaders of musl without end' '' done <<-'END'
	"$TOOL" many lib 2000 ld-musl-%.so.1
	then
	test "$(ls etc/ld-musl-* | wc -l)" -le 4
END

# --- libraries -------------------------------------------------------------------------------------------------------

hostile 'SONAMEs are paths' 'soname' done <<-'END'
	"$MAKE_LIBRARY" ../../../../outside/lib/libsecret.so.1 ".$LIBDIR/libevil1.so"
	"$MAKE_LIBRARY" /etc/evil.so ".$LIBDIR/libevil2.so"
	"$MAKE_LIBRARY" ../evil.so.1 ".$LIBDIR/libevil3.so"
	then
	! strings -a etc/ld.so.cache | grep -E '^(\.\./|/etc/evil)'
END
hostile 'a SONAME has a line of its own' '' done <<-'END'
	"$MAKE_LIBRARY" $'libx.so.1\n/etc/evil.so' ".$LIBDIR/libevil.so"
	then
	! strings -a etc/ld.so.cache | grep -E '^/etc/evil'
END
hostile 'a SONAME is longer than a name' '' done <<-'END'
	"$MAKE_LIBRARY" "lib$(printf 'x%.0s' $(seq 300)).so.1" ".$LIBDIR/libevil.so"
	then
	! strings -a etc/ld.so.cache | grep xxxxxxxxx
END
hostile 'a SONAME is empty, another but dots' '' done <<-'END'
	"$MAKE_LIBRARY" '' ".$LIBDIR/libevil1.so"
	"$MAKE_LIBRARY" .. ".$LIBDIR/libevil2.so"
END
hostile 'a library is a link to the host' 'library-links' done <<-'END'
	ln -s "$OUTSIDE/lib/libsecret.so.1" ".$LIBDIR/libsecret.so.550.54.15"
	then
	! listed . | grep -q secret
END
hostile 'libraries are FIFOs, sockets and devices' '' done <<-'END'
	mkfifo ".$LIBDIR/libfifo.so.1"
	mknod ".$LIBDIR/libzero.so.1" c 1 5
	mknod ".$LIBDIR/libblock.so.1" b 7 250
	python3 -c "import os, socket; os.chdir('.$LIBDIR'); socket.socket(socket.AF_UNIX).bind('libsocket.so.1')"
	then
	test "$(listed . | grep -cE 'fifo|zero|block|socket')" = 0
END
hostile 'a library is huge and hollow' '' done <<-'END'
	truncate -s 1T ".$LIBDIR/libhuge.so.1"
	then
	! listed . | grep -q huge
END
hostile 'libraries are cut off' '' done <<-'END'
	for size in 1 40 63 64 65 120 200 300; do
		head -c $size ".$LIBDIR/libcuda.so.550.54.15" >".$LIBDIR/libcut$size.so.1"
	done
END
hostile 'a library has a name of 255 bytes' '' done <<-'END'
	"$MAKE_LIBRARY" liblong.so.1 ".$LIBDIR/lib.so"
	mv ".$LIBDIR/lib.so" ".$LIBDIR/lib$(printf 'x%.0s' $(seq 249)).so"
	then
	listed . | grep -q 'liblong.so.1'
END
hostile 'a library has a line feed in its name' '' done <<-'END'
	"$MAKE_LIBRARY" libodd.so.1 ".$LIBDIR/libcuda.so"
	mv ".$LIBDIR/libcuda.so" ".$LIBDIR"/$'libodd.so\n\tevil.so.1'
END
hostile 'a hundred thousand files lie among the libraries' '' 'left:more than 4096 libraries, the rest is left out' <<-'END'
	"$TOOL" many ".$LIBDIR" 100000 lib%.so.1
	then
	has_links
END
hostile 'a hundred thousand files lie in /etc' '' done <<-'END'
	"$TOOL" many etc 100000 %.conf
END

# --- what stands where directories belong ----------------------------------------------------------------------------

hostile '/etc is a file' '' 'left:ld.so.cache left as it is: ' <<-'END'
	rm -r etc
	: >etc
END
hostile '/etc is a FIFO' '' 'left:ld.so.cache left as it is: ' <<-'END'
	rm -r etc
	mkfifo etc
END
hostile '/etc is a device' '' 'left:ld.so.cache left as it is: ' <<-'END'
	rm -r etc
	mknod etc c 1 5
END
hostile 'the library directory is a file' '' 'left:link left out: ' <<-'END'
	rm -r ".$LIBDIR"
	: >".$LIBDIR"
END
hostile '/run/nvbind is a socket' '' 'left:link left out: .*/run/nvbind' <<-'END'
	python3 -c 'import os, socket; os.chdir("run"); socket.socket(socket.AF_UNIX).bind("nvbind")'
END
hostile 'there is nothing at all' '' done <<-'END'
	rm -rf ./*
	mkdir -p lib64 ".$LIBDIR"
	: >lib64/ld-linux-x86-64.so.2
	cp "$TEMPLATE/rootfs$LIBDIR/libcuda.so.550.54.15" ".$LIBDIR"
END
hostile 'directories are closed to everybody' '' done <<-'END'
	chmod 0 etc usr usr/lib ".$LIBDIR" run dev
END

# --- names and paths -------------------------------------------------------------------------------------------------

long=$(printf 'x%.0s' $(seq 255))
hostile 'a link with parts of 255 bytes' '' done <<-'END'
	argument --link "x::/var/$long/$long/$long"
	then
	test -h "var/$long/$long/$long"
END
hostile 'a link with a part of 256 bytes' '' 'left:link left out: .*name too long' <<-'END'
	argument --link "x::/var/x$long"
END
hostile 'a link whose path is one byte too long' '' 'fails:link' <<-'END'
	argument --link "x::/$(printf 'd/%.0s' $(seq 2047))f"
END
hostile 'a link below two hundred directories' '' any <<-'END'
	argument --link "x::$(printf '/d%.0s' $(seq 200))/f"
END
hostile 'a link by way of ..' 'in-root walk-dotdot' 'left:link left out: .*/outside' <<-'END'
	mkdir -p outside
	: >outside/empty
	argument --link 'x::/../outside/empty/x' --link 'x::/etc/../../outside/empty/x'
	then
	test -f outside/empty
END
hostile 'a link named ..' '' 'left:link left out: .*file name' <<-'END'
	argument --link "x::/etc/.."
END
hostile 'a library directory by way of ..' 'in-root walk-dotdot' done <<-'END'
	argument --library-directory "/$UP/lib" --library-directory "/etc/../../outside/lib"
	then
	! listed . | grep -q secret
END

# --- what the runtime says -------------------------------------------------------------------------------------------

hostile 'the root is a link' '' done <<-'END'
	cd ..
	mv rootfs "$CASE/real"
	ln -s ../real rootfs
END
hostile 'the root is a file' '' 'left:root .*[Nn]ot a directory' <<-'END'
	cd ..
	rm -r rootfs
	: >rootfs
END
for path in '""' 7 null '"a\u0000b"' '{"path":"rootfs"}'; do
	hostile "root.path is $path" '' 'left:the driver.s libraries may not be found: ' <<-END
	echo '{"root":{"path":$path}}' >"\$BUNDLE/config.json"
	END
done
hostile 'config.json is a FIFO' '' 'left:config.json: not a regular file' <<-'END'
	rm ../config.json
	mkfifo ../config.json
END
hostile 'config.json is endless' '' 'left:config.json: not a regular file' <<-'END'
	link /dev/zero ../config.json
END
hostile 'config.json is huge' '' 'left:config.json: larger than' <<-'END'
	truncate -s 1T ../config.json
END
hostile 'config.json is cut in half' '' 'left:config.json' <<-'END'
	truncate -s 20 ../config.json
END
hostile 'config.json has two roots' '' 'left:config.json' <<-'END'
	echo '{"root":{"path":"rootfs"},"root":{"path":"outside"}}' >../config.json
END
hostile 'config.json is nested without end' '' 'left:config.json' <<-'END'
	printf '[%.0s' $(seq 100000) >../config.json
END
hostile 'the state has no end' 'state-size' 'left:container state' <<-'END'
	ln -s /dev/zero "$CASE/state"
END
hostile 'the state names a bundle that is relative' '' 'left:container state' <<-'END'
	echo '{"bundle":"../bundle"}' >"$CASE/state"
END
hostile 'the state names a bundle with a NUL' '' 'left:container state' <<-'END'
	echo "{\"bundle\":\"$BUNDLE\u0000/../evil\"}" >"$CASE/state"
END
hostile 'the state is nothing' '' 'left:container state' <<-'END'
	: >"$CASE/state"
END

# --- the process -----------------------------------------------------------------------------------------------------

# Every case has an environment that would load the host's library; here a program that obeys would be seen to.
if ! is_sanitized; then
	hostile 'the environment loads a library' 'static' done <<-'END'
		test -s "$EVIL"
	END
	hostile 'nothing it is given up for is missing' 'sandbox' done <<-'END'
		: whether the filter was there is looked at after every case
	END
fi
