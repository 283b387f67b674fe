/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_HOST_H
#define NVB_DOCTOR_HOST_H

#include <stdint.h>

#include "base/ldcache.h"
#include "doctor/ask.h"
#include "doctor/doctor.h"
#include "doctor/health.h"
#include "doctor/inside.h"
#include "doctor/kmsg.h"
#include "inventory/inventory.h"

/* What checks share: facts of the host, each read once, when the first check asks for it. */

/* An NVIDIA display device on the PCI bus. */
struct nvb_doctor_pci {
	const char *address; /* "0000:3b:00.0" */
	const char *driver;  /* bound kernel driver; NULL: none */
};

/* A list of things for one line: "a, b and 3 more". */
struct nvb_doctor_list {
	char text[512];
	size_t count;
	size_t end; /* of the things that are named */
};
void nvb_doctor_list_add(struct nvb_doctor_list *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "s" unless it is one. */
const char *nvb_doctor_s(size_t count);

struct nvb_doctor {
	struct nvb_doctor_options options;
	struct nvb_arena arena;
	struct nvb_inventory *inventory;
	struct nvb_root host; /* where /etc, /usr and /lib/modules of the host itself are */
	bool host_open;
	struct nvb_doctor_finding *findings; /* as many as rows */
	size_t count;
	bool no_memory;

	bool pci_read;
	struct nvb_doctor_pci *pci;
	size_t pci_count;
	bool cache_read;
	struct nvb_ldcache cache; /* the driver root's; no entries where it cannot be read */
	int kmsg_error;		  /* errno; -1: not read yet */
	struct nvb_kmsg kmsg;
	struct nvb_health health;
	struct nvb_doctor_versions versions;
	bool specs_read;
	nvb_error *specs_error;
	struct nvb_doctor_spec *specs;
	size_t spec_count, spec_capacity;
	struct nvb_inside inside; /* of the container */
};

/* The verdict of a check. Nothing called: fine. The command is for a shell; NULL: there is none. */
void nvb_doctor_say(struct nvb_doctor *d, struct nvb_doctor_finding *f, enum nvb_doctor_status status,
	const char *command, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void nvb_doctor_absent(struct nvb_doctor_finding *f);
/* What was looked at, where the row says it in general only. */
void nvb_doctor_saw(struct nvb_doctor *d, struct nvb_doctor_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A string of the doctor's; "" without memory. */
const char *nvb_doctor_text(struct nvb_doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const struct nvb_doctor_pci *nvb_doctor_pci(struct nvb_doctor *d, size_t *count);
const struct nvb_ldcache *nvb_doctor_cache(struct nvb_doctor *d);
/* NULL where it cannot be read: kmsg_error says why. */
const struct nvb_kmsg *nvb_doctor_kmsg(struct nvb_doctor *d);
/* NULL where NVML does not answer; the finding says so then. */
const struct nvb_health *nvb_doctor_health(struct nvb_doctor *d, struct nvb_doctor_finding *f);
const struct nvb_doctor_spec *nvb_doctor_specs(struct nvb_doctor *d, size_t *count);

/* Whether the NVIDIA module is loaded, or Windows has it. */
bool nvb_doctor_has_module(const struct nvb_doctor *d);
bool nvb_doctor_is_wsl(const struct nvb_doctor *d);

/* A small file of the kernel without its newline; malloc'd or NULL, with errno of the failure in *error
 * (may be NULL). */
char *nvb_doctor_read(const struct nvb_root *root, const char *path, int *error);
/* The same with its size, for what is no text. */
char *nvb_doctor_read_bytes(const struct nvb_root *root, const char *path, size_t *size);
/* Whether something is there. */
bool nvb_doctor_exists(const struct nvb_root *root, const char *path);

/* "apt-get install X", in the words of this host's distribution. */
struct nvb_doctor_package {
	const char *debian, *fedora, *arch, *suse;
};
const char *nvb_doctor_install(struct nvb_doctor *d, const struct nvb_doctor_package *package);

/* The user whose containers without root are meant: the caller, or who called sudo; NULL: root alone. */
const char *nvb_doctor_user(const struct nvb_doctor *d, char *buffer, size_t size);

#endif
