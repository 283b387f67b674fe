/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WATCH_UEVENT_H
#define NVB_WATCH_UEVENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What the kernel tells over NETLINK_KOBJECT_UEVENT: "ACTION@DEVPATH", then "KEY=VALUE" strings, each with a
 * NUL behind it. Source: lib/kobject_uevent.c of Linux.
 */
struct nvb_uevent {
	const char *action;			 /* "add", "remove", "bind" ... */
	const char *devpath;			 /* "/devices/pci0000:00/...", "/module/nvidia" */
	const char *subsystem, *driver, *pci_id; /* or NULL */
};

/* Reads a message, which must stay where it is. False for what is no such message (udev's own, say). */
bool nvb_uevent_parse(struct nvb_uevent *event, const char *message, size_t size);

/* Whether it may change which GPUs, nodes or driver a host has. */
bool nvb_uevent_matters(const struct nvb_uevent *event);

/* A socket that gets them, or -errno. */
int nvb_uevent_open(void);

/* Reads all that has come. 1: something that matters, or the kernel lost some; 0: nothing; -errno. Messages
 * that the kernel did not send are left out. */
int nvb_uevent_drain(int fd);

#endif
