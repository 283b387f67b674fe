/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_GUARD_H
#define NVB_BASE_GUARD_H

#include <stdbool.h>

/*
 * The guards against hostile containers have names, so that a build for tests alone (tests/hostile/guarded)
 * can switch one of them off and see the cases fail that it is there for. In every other build a guard is the
 * constant true, and neither the names nor a way to switch anything off is part of the program.
 */
#ifdef NVB_TEST_GUARDS
bool nvb_guard(const char *name);
#else
#define nvb_guard(name) true
#endif

#endif
