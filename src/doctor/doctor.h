/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_DOCTOR_H
#define NVB_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "nvbind/inventory.h"
#include "nvbind/log.h"

/*
 * What goes wrong on hosts with GPUs, as one table (table.c): a row per cause, with an id that stays, what is
 * looked at, the cause in words and the command that mends it. A check whose cause is another's symptom is
 * not made once that one has been reported.
 */
enum nvb_doctor_status {
	NVB_DOCTOR_FINE,
	NVB_DOCTOR_NOTE,    /* worth knowing; nothing is broken by it */
	NVB_DOCTOR_WARNING, /* something that is used by some will not work, or slowly */
	NVB_DOCTOR_FAILURE, /* GPUs, or containers with them, do not work */
	NVB_DOCTOR_BLIND,   /* could not be looked at: the cause says why */
	NVB_DOCTOR_ABSENT,  /* this host has nothing that it is about */
	NVB_DOCTOR_HIDDEN,  /* not made: `because` has been reported, whose symptom it would be */
};
/* "fine", "note", "warning", "failure", "not looked at", "does not apply", "follows". */
const char *nvb_doctor_status_name(enum nvb_doctor_status status);

enum nvb_doctor_flags {
	NVB_DOCTOR_OF_CAPSULES = 1 << 0,  /* about containers as such: left out of a look at GPUs alone */
	NVB_DOCTOR_OF_CONTAINER = 1 << 1, /* looks from inside a container, and is made there alone */
	NVB_DOCTOR_PROBES = 1 << 2,	  /* starts a capsule */
	NVB_DOCTOR_SAFE = 1 << 3, /* its command takes nothing from anybody and can be undone: --fix */
};

struct nvb_doctor;
struct nvb_doctor_finding;

struct nvb_doctor_check {
	const char *id;	      /* "driver.mismatch": never given to another cause */
	const char *title;    /* what holds where all is well */
	const char *looks_at; /* the files, calls and programs */
	const char *cause;    /* in general; a finding says it of this host */
	const char *mends;    /* the command in general */
	const char *after;    /* ids, separated by blanks; "driver.": all that begin so */
	unsigned flags;	      /* enum nvb_doctor_flags */
	void (*look)(struct nvb_doctor *doctor, const struct nvb_doctor_check *check,
		struct nvb_doctor_finding *finding);
	int number; /* the look's own: of an Xid */
};

/* The table, in the order in which it is gone through. */
extern const struct nvb_doctor_check nvb_doctor_checks[];
extern const size_t nvb_doctor_check_count;

struct nvb_doctor_finding {
	const struct nvb_doctor_check *check;
	enum nvb_doctor_status status;
	/* Strings are the doctor's. */
	const char *cause;     /* one line; NULL where all is well */
	const char *command;   /* a line for a shell, or NULL: see nvb_doctor_fix */
	const char *looked_at; /* the row's, or more exactly */
	const char *because;   /* HIDDEN: the id of what was reported */
	bool safe;	       /* --fix may run the command */
};

/* A CDI spec and what is wrong with it. */
enum nvb_doctor_spec_state {
	NVB_DOCTOR_SPEC_FRESH,
	NVB_DOCTOR_SPEC_HIDDEN,
	NVB_DOCTOR_SPEC_STALE,
	NVB_DOCTOR_SPEC_CONFLICT,
	NVB_DOCTOR_SPEC_INVALID,
};
struct nvb_doctor_spec {
	const char *path, *reason; /* reason: NULL where nothing is wrong */
	enum nvb_doctor_spec_state state;
	bool refreshable; /* `nvbind cdi refresh` would make it again */
};

struct nvb_doctor_options {
	const struct nvb_inventory_options *inventory;
	const struct nvb_log *log;
	/* Looks at the specs of this host as `nvbind cdi status` does; NULL: they are not looked at. */
	int (*specs)(
		void (*each)(const struct nvb_doctor_spec *spec, void *data), void *data, nvb_error **err);
	const char *const *cdi_directories; /* NULL-terminated; NULL: the standard ones */
	char *const *runtimes;		    /* OCI runtimes, by preference */
	const char *criu;		    /* the configured one; NULL: as programs are looked for */
	const char *bolt;		    /* the program that starts capsules; NULL: there is none */
	const char *probe;		    /* the program that the capsule runs */
	char *const *arguments;		    /* of the command line, for programs of ours; NULL: none */
	const char *container;		    /* look from inside of it; NULL: at the host */
	bool gpus_only;			    /* leave out what is about containers as such */
	bool no_probe, force_probe;	    /* force: also where something has failed */
};

/*
 * Makes all checks. *doctor belongs to the caller. Fails only where nothing can be looked at at all: a root
 * that is not there, a container that is not there or does not run, no memory.
 */
int nvb_doctor_run(const struct nvb_doctor_options *options, struct nvb_doctor **doctor, nvb_error **err);
void nvb_doctor_free(struct nvb_doctor *doctor);

/* One finding per check that was made or hidden, in the table's order. */
const struct nvb_doctor_finding *nvb_doctor_findings(const struct nvb_doctor *doctor, size_t *count);

/* Whether the row is one for these options. */
bool nvb_doctor_applies(const struct nvb_doctor_check *check, const struct nvb_doctor_options *options);

/*
 * Runs a finding's command: words separated by blanks, commands by "&&"; no shell is involved. Programs of
 * ours are those that belong to this one. Refused for a root that is not this host's own unless it is one of
 * those, and for what is not safe. The command's own messages go to standard error.
 */
int nvb_doctor_fix(
	const struct nvb_doctor *doctor, const struct nvb_doctor_finding *finding, nvb_error **err);

static inline void nvb_doctor_freep(struct nvb_doctor **doctor)
{
	nvb_doctor_free(*doctor);
}
#define _cleanup_doctor_ __attribute__((cleanup(nvb_doctor_freep)))

#endif
