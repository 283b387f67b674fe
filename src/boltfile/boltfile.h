/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_BOLTFILE_H
#define NVB_BOLTFILE_BOLTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/toml.h"

/*
 * Boltfile.toml: services that belong together, each a capsule. What the file says, unresolved but checked:
 * every amount parses, every name that is meant to be in the file is there, no service waits for itself.
 * Nothing of the host has been looked at.
 *
 * A key that can have no effect here is no error: it becomes a note that names the reason. A key that is not
 * known is one, with its place and the nearest known name. The table of keys is keys.c.
 *
 * Fields are of three kinds, so that one table reads, prints and compares them: text (NULL: not given), lists
 * (NULL: not given) and flags. All strings live as long as the file.
 */

/* What was said about something that can be true or false. */
enum nvb_said { NVB_SAID_NOTHING, NVB_SAID_NO, NVB_SAID_YES };

struct nvb_service_health {
	char **test; /* {"CMD", ARG...}, {"CMD-SHELL", LINE}, {"NONE"} */
	const char *interval, *timeout, *retries, *start_period, *start_interval;
	enum nvb_said disable;
};

struct nvb_service_gpu {
	const char *runtime, *driver, *isolation, *memory_limit, *compute_limit;
	char **devices;	     /* "gpu:0", "gpu:all", "GPU-...", "0:1", CDI names */
	char **capabilities; /* of the driver */
	char **profiles;     /* further profiles by name */
	enum nvb_said wsl2_optimized, snapshot_gpu_state;
	const char *performance_mode; /* the existing Bolt's, a service's own */
	enum nvb_said preload_libraries;
	struct {
		const char *profile, *power_profile;
		enum nvb_said dlss, rt_cores, wine, vrs, reflex;
	} gaming;
	struct {
		const char *profile, *cuda_cache, *memory_pool;
		enum nvb_said mig, tensor_cores, memory_pool_enabled, mixed_precision;
	} aiml;
};

struct nvb_service_game {
	const char *wine_prefix, *audio, *nice;
	enum nvb_said esync, fsync, vsync;
};

/* Where a field was given. */
struct nvb_boltfile_given {
	size_t offset; /* of the field */
	const struct nvb_toml_value *value;
};

struct nvb_service {
	const char *name;
	const struct nvb_toml_value *value;
	struct nvb_boltfile_given *given;
	size_t given_count, given_capacity;

	const char *image, *container_name, *working_dir, *user, *hostname, *restart, *stop_signal,
		*stop_grace_period, *network_mode, *pull, *shm_size, *cpus, *memory, *pids;
	const char *replicas;
	char **command, **entrypoint, **environment, **env_file, **volumes, **ports, **labels, **annotations,
		**networks, **devices, **cap_add, **cap_drop, **security_opt, **tmpfs, **ulimits,
		**extra_hosts;
	char **depends_on; /* "NAME:CONDITION", the condition started, healthy or completed */
	enum nvb_said privileged, read_only, interactive, terminal;
	const char *log_max_size, *log_max_file;
	struct nvb_service_health health;
	bool gpu_asked; /* it has a table 'gpu' */
	struct nvb_service_gpu gpu;
	struct nvb_service_game game;
};

/* A volume or a network of the file's own. */
struct nvb_boltfile_part {
	const char *name;
	const struct nvb_toml_value *value;
	struct nvb_boltfile_given *given;
	size_t given_count, given_capacity;

	const char *called; /* its name on the host; NULL: PROJECT-NAME */
	const char *driver, *subnet, *gateway;
	enum nvb_said external, internal;
};

struct nvb_boltfile_parts {
	struct nvb_boltfile_part *list;
	size_t count, capacity;
};

/* [runtime.nvbind] */
struct nvb_boltfile_runtime {
	const char *performance_mode; /* balanced, high, ultra, efficient */
	const char *log_level;
	enum nvb_said preload_libraries, cache_driver_info;
	struct {
		const char *gpu_acceleration;
		enum nvb_said enabled, low_latency;
	} wsl2;
};

/* What the user should know although it is no error. */
struct nvb_boltfile_note {
	unsigned line, column;
	const char *text;
};

struct nvb_boltfile {
	struct nvb_arena arena;
	struct nvb_toml doc;
	const char *directory; /* absolute: what relative paths count from */
	struct nvb_boltfile_given *given;
	size_t given_count, given_capacity;

	const char *project;
	struct nvb_service *services; /* in the order of the file */
	size_t service_count, service_capacity;
	struct nvb_boltfile_parts networks, volumes;
	struct nvb_boltfile_runtime runtime;
	struct nvb_boltfile_note *notes;
	size_t note_count, note_capacity;
};

/* Where ${NAME} comes from: "NAME=VALUE" strings, the first list counts before the second. NULL: none. */
struct nvb_boltfile_variables {
	char *const *environment, *const *file;
};

/*
 * Reads a Boltfile: `path` and the file .env beside it. NVB_ERR_INVALID names file, line and column.
 * *file must be zeroed and is empty after a failure.
 */
int nvb_boltfile_read(struct nvb_boltfile *file, const char *path, char *const *environment, nvb_error **err);

/* The same from memory; `directory` is what relative paths count from, `name` is for messages. */
int nvb_boltfile_parse(struct nvb_boltfile *file, const char *data, size_t size, const char *name,
	const char *directory, const struct nvb_boltfile_variables *variables, nvb_error **err);

void nvb_boltfile_release(struct nvb_boltfile *file);
#define _cleanup_boltfile_ _cleanup_(nvb_boltfile_release)

/* Names the project otherwise than the file does. */
int nvb_boltfile_set_project(struct nvb_boltfile *file, const char *name, nvb_error **err);

/* --strict: the first note as an error (NVB_ERR_UNSUPPORTED); 0 when there is none. */
int nvb_boltfile_refuse_notes(const struct nvb_boltfile *file, nvb_error **err);

/* The service of that name; NULL without one. */
const struct nvb_service *nvb_boltfile_service(const struct nvb_boltfile *file, const char *name);

/* The same, as a user named it: NVB_ERR_NOT_FOUND with the nearest name, or with all there are. */
int nvb_boltfile_find(
	const struct nvb_boltfile *file, const char *name, const struct nvb_service **out, nvb_error **err);

/* An error at the place where a service's field was given, or at the service itself; `field` is its offset in
 * struct nvb_service. */
int nvb_service_fail(const struct nvb_boltfile *file, const struct nvb_service *service, size_t field,
	nvb_error **err, const char *fmt, ...) __attribute__((format(printf, 5, 6), cold));

/*
 * The file as it was understood, defaults included: TOML that parses to the same, or JSON. A new string.
 */
int nvb_boltfile_print_toml(const struct nvb_boltfile *file, char **text, nvb_error **err);
int nvb_boltfile_print_json(const struct nvb_boltfile *file, char **text, nvb_error **err);

/* Every key there is, for documentation: its path, what it wants, what it does or why it does nothing. */
struct nvb_boltfile_key_info {
	const char *path, *type;
	const char *help; /* what it does, why it does nothing, or the path of the table it is the same as */
	bool no_effect, same;
	const struct nvb_choice *choices; /* or NULL */
};
void nvb_boltfile_keys(void (*each)(const struct nvb_boltfile_key_info *key, void *data), void *data);

/* Appends `s` as a TOML string with its quotes; `$` is doubled, so that it stands for itself in a Boltfile.
 */
struct nvb_strbuf;
void nvb_boltfile_quote(struct nvb_strbuf *sb, const char *s);

#endif
