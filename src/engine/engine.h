/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_ENGINE_H
#define NVB_ENGINE_ENGINE_H

#include "base/choice.h"
#include "engine/document.h"

/*
 * Container engines: where each has its configuration, in which format, and what it has to be told so that
 * `--runtime nvbind` works. One row per engine; what they do not share stands in a file of each engine's own.
 */
enum engine_id { ENGINE_DOCKER, ENGINE_PODMAN, ENGINE_CONTAINERD, ENGINE_CRIO };

/* docker, podman, containerd, crio: for the option --runtime. */
extern const struct nvb_choice engine_choices[];

/* What the user wants of one engine. */
struct engine_request {
	const char *file;	  /* the configuration to edit; NULL: the engine's own */
	const char *name;	  /* the runtime's name for the engine: "nvbind" */
	const char *runtime_path; /* of nvbind-runtime, absolute */
	bool cdi, set_default;
	const char *const *spec_directories; /* of CDI specs where they are not the standard's; or NULL */
	const char *state_directory;	     /* where backups and records are kept */
};

/* One value that is to stand in the file. */
struct engine_setting {
	const char *const *path;
	const char *value; /* text of the file's format */
	bool if_absent;	   /* what stands there already stays */
};

struct engine_settings {
	struct engine_setting *items;
	size_t count, capacity;
	char **notes; /* what the user must know besides */
	struct nvb_arena arena;
};

struct engine_check;

struct engine {
	enum engine_id id;
	const char *name;
	const struct document_format *format;
	const char *file;      /* what is edited */
	const char *user_file; /* the same for another user than root, below the home's .config; or NULL */
	const char *program;   /* whose presence means that the engine is installed */
	const char *reload;    /* what makes the engine read its configuration; NULL: it does so by itself */
	const char *restart;   /* the same for keys that are read only at its start; NULL: as `reload` */
	const char *const *restart_keys; /* the outermost keys that are */
	const char *cdi_note;		 /* said with --cdi where there is nothing to set; or NULL */

	/* The file to edit where that depends on what is there; NULL: `file`. malloc'd. */
	int (*choose)(const struct engine *engine, char **file, nvb_error **err);

	/* What is to stand in the file, given its text. */
	int (*settings)(struct engine_settings *settings, const struct engine_request *request,
		const char *file, const char *text, size_t size, nvb_error **err);

	/* What is to be found of it: engine/check.h. */
	int (*check)(const struct engine_check *check, nvb_error **err);

	/* Where a text names its default runtime: NULL-terminated, in the arena. */
	int (*default_path)(struct nvb_arena *arena, const char *file, const char *text, size_t size,
		const char *const **path, nvb_error **err);
};

extern const struct engine engines[];
extern const size_t engine_count;
const struct engine *engine_get(enum engine_id id);

/* The file that a request edits: the one it names, else the engine's. malloc'd. */
int engine_file(
	const struct engine *engine, const struct engine_request *request, char **file, nvb_error **err);

/* Adds a setting; the keys of the path are the arguments, NULL at their end, and are copied like `value`. */
int engine_set(struct engine_settings *settings, nvb_error **err, const char *value, ...)
	__attribute__((sentinel));
int engine_set_path(
	struct engine_settings *settings, const char *const *path, const char *value, nvb_error **err);
/* The same for a string and for a list of strings, in quotes. */
int engine_set_string(struct engine_settings *settings, nvb_error **err, const char *s, ...)
	__attribute__((sentinel));
int engine_set_strings(struct engine_settings *settings, nvb_error **err, const char *const *strings, ...)
	__attribute__((sentinel));
int engine_note(struct engine_settings *settings, nvb_error **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A path of keys in the arena; NULL without memory. */
const char *const *engine_path(struct nvb_arena *arena, ...) __attribute__((sentinel));
void engine_settings_release(struct engine_settings *settings);
#define _cleanup_engine_settings_ _cleanup_(engine_settings_release)

/*
 * A text's own settings of one runtime (a table), set for another one, but for some keys: what an
 * administrator decided for runc (systemd cgroups, annotations) holds for us, who run runc. `but` are keys
 * joined by dots, NULL at its end.
 */
int engine_copy_table(struct engine_settings *settings, const char *file, const char *text, size_t size,
	const char *const *from, const char *const *to, const char *const *but, nvb_error **err);

/* --- the engines' own parts --- */
int engine_docker_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err);
int engine_docker_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err);

int engine_podman_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err);
int engine_podman_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err);

int engine_containerd_choose(const struct engine *engine, char **file, nvb_error **err);
int engine_containerd_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err);
int engine_containerd_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err);

int engine_crio_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err);
int engine_crio_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err);

#endif
