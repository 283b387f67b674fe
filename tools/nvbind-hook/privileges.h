/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_HOOK_PRIVILEGES_H
#define NVBIND_HOOK_PRIVILEGES_H

/* What the work behind this point takes, for capabilities and system calls alike; bits. */
enum work {
	WORK_MOUNT = 1 << 0, /* puts mounts into the container */
	WORK_NODES = 1 << 1, /* makes device nodes */
};

/*
 * Gives up every capability but those of the table for this work, for good: also in the bounding, inheritable
 * and ambient sets. A user namespace's root has them in that namespace alone, an ordinary user none: what is
 * not there is not missed. 0 or -errno.
 */
int privileges_drop(unsigned work);

#endif
