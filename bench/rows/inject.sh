# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind inject, the whole process, with a warm inventory cache.
sim h200x8
warm_config
if interleave inject nvbind --config "$T/warm.toml" inject --root "$sim" --gpu 2 --file "$top/bench/config.json" --output \
	"$T/injected.json" -- version nvbind --version; then
	result 'nvbind inject, whole process, warm cache' "${median[inject]}" ms - "nvbind --version ${median[version]} ms"
else
	absent 'nvbind inject, whole process, warm cache' 'it failed'
fi
