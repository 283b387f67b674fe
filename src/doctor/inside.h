/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_INSIDE_H
#define NVB_DOCTOR_INSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "inventory/inventory.h"

/*
 * What a container sees of the driver, looked at from inside: by a child that joins its control group (the
 * device rules are there) and its namespaces, and hands back a record of fixed size. The container is
 * hostile: the record is checked, and no node is opened but those with the numbers of the host's driver.
 */
enum { NVB_INSIDE_NODES = 64, NVB_INSIDE_ENVIRONMENT = 64 * 1024 };

struct nvb_inside_node {
	char path[48];
	int32_t present; /* 1: a character device of the right number, -1: of another, 0: nothing there */
	int32_t opens;	 /* errno of opening it for reading and writing; 0 and ENXIO: it is allowed */
};

struct nvb_inside_record {
	uint32_t magic;
	int32_t in_cgroup; /* 1: the device rules were those of the container */
	int32_t libcuda;   /* 1: ld.so.cache knows libcuda.so.1 and the file is there, -1: the file is not, 0:
			      no */
	char version[32];  /* of that file, or "" */
	int32_t vulkan, egl; /* 1: the driver's JSON file is there */
	uint32_t node_count;
	struct nvb_inside_node nodes[NVB_INSIDE_NODES];
};

struct nvb_inside {
	const char *engine; /* "docker", "podman", "bolt" */
	pid_t pid;	    /* 0: nobody looked */
	struct nvb_inside_record record;
	char *environment; /* of its first process: NAME=VALUE, a NUL behind each; malloc'd or NULL */
	size_t environment_size;
};

/* Finds the container by asking the engines. NVB_ERR_NOT_FOUND, NVB_ERR_CONFLICT: it does not run. */
int nvb_inside_find(struct nvb_inside *inside, const char *name, const char *bolt, nvb_error **err);
/* Looks. */
int nvb_inside_look(struct nvb_inside *inside, const struct nvb_inventory *inventory, nvb_error **err);
void nvb_inside_release(struct nvb_inside *inside);

/* The value of one of its variables, or NULL. */
const char *nvb_inside_variable(const struct nvb_inside *inside, const char *name);

#endif
