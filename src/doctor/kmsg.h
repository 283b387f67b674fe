/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_KMSG_H
#define NVB_DOCTOR_KMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the kernel's log says of the driver. Source of the lines: NVIDIA's "Xid Errors" ("NVRM: Xid
 * (PCI:0000:3b:00): 79, pid=1234, ..."), the kernel's module loader, SELinux's audit. Records are as
 * /dev/kmsg has them ("6,1234,98765432,-;text") or plain lines.
 */
enum { NVB_KMSG_XIDS = 256, NVB_KMSG_MAX = 8 << 20 };

struct nvb_kmsg_xid {
	int xid;
	char device[20]; /* "0000:3b:00" */
	uint64_t usec;	 /* of the last one, since boot; 0 unknown */
	size_t count;	 /* of this kind on this device */
	char text[120];	 /* what follows the number in the last one */
};

struct nvb_kmsg {
	struct nvb_kmsg_xid xids[NVB_KMSG_XIDS];
	size_t xid_count;
	bool key_rejected; /* a module of NVIDIA's was refused for its signature */
	bool firmware_missing;
	char firmware[160]; /* the line that says so */
};

/* Reads a whole log; takes anything. */
void nvb_kmsg_parse(struct nvb_kmsg *kmsg, const char *text, size_t size);

#endif
