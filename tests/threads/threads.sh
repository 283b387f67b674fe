#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many threads on one manager, under ThreadSanitizer.
. "$NVB_SOURCE/tests/integration/lib.sh"
need_root
make_sim h200x8 "$T/host"
# libcuda begins a thread in its own process, a fork of this one.
export TSAN_OPTIONS='halt_on_error=1 exitcode=66 die_after_fork=0'
check 'no race between eight threads on one manager' "$1" "$T/host" "$NVB_SOURCE/profiles"
