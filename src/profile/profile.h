/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PROFILE_PROFILE_H
#define NVB_PROFILE_PROFILE_H

#include "base/error.h"
#include "base/mem.h"
#include "request/request.h"

/*
 * Profiles: what a kind of work wants besides its GPUs, under a name. A profile is a TOML file NAME.toml:
 *
 *	description = "one line for people"
 *	extends = "gaming"                      # all of that profile first
 *	capabilities = ["compute", "utility"]   # what the driver is for
 *	shm-size = "1GiB"                       # of /dev/shm
 *	[env]
 *	CUDA_DEVICE_ORDER = { value = "PCI_BUS_ID", reason = "numbers as nvidia-smi shows them" }
 *	DXVK_ENABLE_NVAPI = false               # not the one of the profile that this one extends
 *	[cdi]
 *	class = "gpu-bolt"                      # of specs made for it; gpu-NAME without it
 *
 * and the tables driver, session, cache, cpu, knobs and limits, whose keys fields.h lists. A key that is not
 * known is an error: a profile holds nothing that has no effect.
 */
struct nvb_profile {
	struct nvb_arena arena;
	const char *name;
	const char *description; /* or NULL */
	const char *cdi_class;
	unsigned capabilities;	      /* 0: it names none */
	struct nvb_setting *settings; /* malloc'd; each kind and name once */
	size_t setting_count, setting_capacity;
	const char **files; /* malloc'd; what it was read from: what it extends first, itself last */
	size_t file_count, file_capacity;
};

/*
 * Where profiles are, later ones win: `installed` (NULL: none), /etc/nvbind/profiles.d,
 * $XDG_CONFIG_HOME/nvbind/profiles.d. *directories is a new vector.
 */
int nvb_profile_directories(const char *installed, char ***directories, nvb_error **err);

/*
 * Reads the profile of that name from the last of the directories that has it, those it extends first. One
 * that extends its own name means the one in the directories before its own.
 * *profile must be zeroed and is empty after a failure. NVB_ERR_NOT_FOUND says which there are;
 * NVB_ERR_INVALID names file and line.
 */
int nvb_profile_read(
	struct nvb_profile *profile, char *const *directories, const char *name, nvb_error **err);

/* The names of the profiles in these directories, sorted; a vector, or NULL for none (or without memory). */
char **nvb_profile_names(char *const *directories);

/* The file alone, from memory, laid over what *profile holds already; *extends is NULL or in the arena. */
int nvb_profile_parse(struct nvb_profile *profile, const char *data, size_t size, const char *file,
	const char **extends, nvb_error **err);

/*
 * Adds what the profile asks for to a request. Its capabilities take the place of the default ones and are
 * added to those of earlier profiles; nvb_request_set_capabilities afterwards replaces them.
 */
int nvb_profile_apply(const struct nvb_profile *profile, struct nvb_request *request, nvb_error **err);

/* Appends what in it has no effect, one line each with the place: variables that nothing is known to read, sizes
 * without their caches. */
int nvb_profile_check(const struct nvb_profile *profile, char ***warnings, nvb_error **err);

/* Adds one setting under the name of `profile`, of which two the last counts; copies its strings. */
int nvb_request_add_setting(
	struct nvb_request *request, const struct nvb_setting *setting, const char *profile, nvb_error **err);

/* Finds out about the caller's session from the environment: for profiles with a display, sound or caches. */
int nvb_session_read(struct nvb_request *request, nvb_error **err);

/* Reads and applies each of the named profiles, the caller's session with them; `installed` as above. */
int nvb_profiles_apply(
	char *const *names, const char *installed, struct nvb_request *request, nvb_error **err);

void nvb_profile_release(struct nvb_profile *profile);
#define _cleanup_profile_ _cleanup_(nvb_profile_release)

#endif
