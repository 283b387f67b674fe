/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_LAYOUT_H
#define SIM_LAYOUT_H

#include <stdbool.h>

/* Where a distribution puts the parts of the driver. Paths are absolute below the machine's root. */
struct sim_layout {
	const char *name;
	const char *summary;
	const char *libraries; /* directory of the 64-bit libraries as programs find them */
	const char *store;     /* where the files lie when `libraries` holds only links; else NULL */
	const char *libraries32;
	const char *store32;
	bool alternatives; /* links go through /etc/alternatives */
	const char *programs;
	const char *xorg;     /* modules of the X server */
	const char *firmware; /* holds nvidia/<version>/gsp*.bin */
	const char *share;    /* vulkan, glvnd, egl, nvidia */
	const char *etc;      /* OpenCL, nvidia, and vulkan where a distribution keeps it there */
	const char *ld_conf;  /* directories of ld.so.conf, one a line; NULL: no ld.so.cache (NixOS) */
	const char *os_release;
};

/* Ends with an entry whose name is NULL; the first one is the default. */
extern const struct sim_layout sim_layouts[];

/* NULL when there is none of that name. */
const struct sim_layout *sim_layout_find(const char *name);

#endif
