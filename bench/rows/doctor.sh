# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# doctor, without the probe: what it looks at of GPUs, and everything (most of that is engines' --version). It ends with 0, 1
# or 2 by what this host has; what counts here is that it came to an end.
sim h200x8
printf '#!/bin/sh\n"$@" >/dev/null || [ $? -le 2 ]\n' >"$T/any-verdict"
chmod 755 "$T/any-verdict"
if interleave doctor "$T/any-verdict" nvbind doctor --root "$sim" --no-probe -- \
	gpu "$T/any-verdict" bolt doctor --root "$sim" --no-probe --gpu; then
	result 'doctor, 8 GPUs, whole process' "${median[doctor]}" ms 200 "GPUs alone ${median[gpu]} ms"
else
	absent 'doctor, 8 GPUs, whole process' 'it failed'
fi
