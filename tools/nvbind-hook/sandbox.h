/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_HOOK_SANDBOX_H
#define NVBIND_HOOK_SANDBOX_H

/*
 * The hook reads files that an image brought, with the runtime's privileges. This limits what a mistake in
 * reading them could be used for: from here on the process can neither execute a program, make memory
 * executable, talk to a socket, trace, nor fork; calls that mount or make nodes remain only for that work
 * (enum work).
 *
 * 0, or -errno where the kernel has no seccomp filters; the work is no less right without.
 */
int sandbox_enter(unsigned work);

#endif
