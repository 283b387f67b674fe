/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_CRIU_H
#define NVB_CHECKPOINT_CRIU_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* The CRIU of this host. Whether it works on this kernel, only its own check tells; the answer is remembered
 * below /run/bolt for this boot and this very program file. */
struct nvb_criu {
	char *path;	       /* NULL: there is none */
	char *problem;	       /* why it does not work here, in one line; NULL: it does */
	unsigned major, minor; /* 0: not known */
	char *version;	       /* its whole answer to what version it is, in hexadecimal; NULL: not known */
};
void nvb_criu_release(struct nvb_criu *criu);
#define _cleanup_criu_ _cleanup_(nvb_criu_release)

/* Looks for it: `configured` (a path) or, where that is NULL, "criu" as programs are looked for. `run` is the
 * directory of the memory, NULL: none. Finding none, or one that does not work, is no error. */
int nvb_criu_find(const char *configured, const char *run, struct nvb_criu *criu, nvb_error **err);

/* What it lacks as an error with a hint; 0 when it works. */
int nvb_criu_require(const struct nvb_criu *criu, nvb_error **err);

/*
 * One dump by `criu swrk`, CRIU's own protocol over a socket (its images/rpc.proto). Directories are
 * descriptors; nothing is taken over.
 */
struct nvb_criu_dump {
	const char *criu; /* path of the program */
	pid_t pid;	  /* the first process of the tree */
	int images, work; /* where the images go, and the log "dump.log" */
	bool leave_running;
	bool tcp;		/* established connections are kept; else a connection is an error */
	const char *freezer;	/* path of the control group that holds the tree, frozen or not */
	char *const *externals; /* "mnt[/data]:/data", "net[4026532008]:extRootNetNS"; or NULL */
	/* Called once everything is in the images, and before anything becomes of the processes. A negated
	 * code makes the dump fail and the processes run on. NULL: nothing. */
	int (*dumped)(void *data, nvb_error **err);
	/* Called some times a second while CRIU works; or NULL. */
	void (*working)(void *data);
	void *data;
};

/* Errors: NVB_ERR_UNSUPPORTED or NVB_ERR_SYSTEM with CRIU's own reason, NVB_ERR_CANCELLED (it was killed). */
int nvb_criu_dump(const struct nvb_criu_dump *dump, nvb_error **err);

/* The reason that a log of CRIU gives for a failure: the text of its first error, malloc'd; NULL: none. */
char *nvb_criu_reason(int directory, const char *log);

/* How a runtime finds a CRIU, to restore by it. */
struct nvb_criu_use {
	const char *criu;    /* path of the program */
	const char *version; /* as in struct nvb_criu */
	const char *front;   /* path of bolt-criu, which stands before it; NULL: nothing does */
	const char *whole;  /* of what that waits for: a pipe that is to be read once the images are whole, at
			       its end when they will never be */
	const char *links;  /* an own directory for all of this, in a mount namespace of the caller's own */
	const char *params; /* what the restored container sees in the place of the driver's parameters
			       (container/params.h), NULL: nothing of its own */
	const char *cgroup; /* its control group, "/bolt/<id>", or NULL */
	bool gives_up;	    /* CRIU punches out what it has read of the images, which are a copy, and the
			       processes get the memory */
};

/* Environment of a program that runs this CRIU: found first, without plugins. NULL-terminated, for
 * nvb_strv_free; NULL without memory or room. */
char **nvb_criu_environment(const struct nvb_criu_use *use);

/* The name under which CRIU knows that file, which no config.json names: nvbind-hook mounted it. */
#define NVB_CRIU_PARAMS "nvbind-driver-params"
/* And the one of directories that the runtime has masked. */
#define NVB_CRIU_EMPTY "nvbind-empty"
/* Before the name of a hierarchy of control groups (v1), "cpu,cpuacct": the capsule's group in it. */
#define NVB_CRIU_HIERARCHY "nvbind-cgroup-"

#endif
