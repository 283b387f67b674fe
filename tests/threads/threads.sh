#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many threads on one manager, under ThreadSanitizer.
. "$NVB_SOURCE/tests/integration/lib.sh"
need_root
make_sim h200x8 "$T/host"
cp "$1" "$NVB_BUILD/tools/nvbind-cuda" "$T/"
export TSAN_OPTIONS='halt_on_error=1 exitcode=66'
check 'no race between eight threads on one manager' "$T/threads" "$T/host" "$NVB_SOURCE/profiles"
