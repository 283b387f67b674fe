/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HOSTILE_TOOLS_H
#define TESTS_HOSTILE_TOOLS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What the hostile images' driver (../lib.sh) needs and a shell does not have or does too slowly. */

int tool_attempt(int argc, char **argv);
int tool_canary(int argc, char **argv);
int tool_clear(int argc, char **argv);
int tool_contain(int argc, char **argv);
int tool_lease(int argc, char **argv);
int tool_many(int argc, char **argv);
int tool_swap(int argc, char **argv);

/* Prints "hostile-tool: message: errno's text" and exits with 99: a broken test, not a failed one. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
