# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind-hook on a root of this host's C library with the driver's files in place, beside ldconfig on the same root.
sim h200x8
root=$T/hook-root lib=/usr/lib/x86_64-linux-gnu
if "$top/scripts/make-base-root" "$root" >/dev/null 2>&1; then
	mkdir -p "$root$lib"
	cp "$sim$lib"/*.so.*.*.* "$root$lib/"
	mapfile -t arguments < <(nvbind inject --root "$sim" --gpu 0 --file "$top/bench/config.json" --output - |
		jq -r '.hooks.createContainer[0].args[2:][]')
	if interleave hook nvbind-hook apply --root "$root" "${arguments[@]}" -- ldconfig ldconfig -r "$root"; then
		result 'nvbind-hook, whole process, warm' "${median[hook]}" ms 3 "ldconfig -r on the same root ${median[ldconfig]} ms"
	else
		absent 'nvbind-hook, whole process, warm' 'it failed'
	fi
else
	absent 'nvbind-hook, whole process, warm' 'no root could be made'
fi
