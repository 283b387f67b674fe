/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_CHECK_H
#define NVB_ENGINE_CHECK_H

#include "engine/engine.h"

/* What is found about one engine. */
enum engine_status {
	ENGINE_GOOD,   /* as it should be */
	ENGINE_NOTE,   /* worth knowing, keeps nothing from working */
	ENGINE_PROBLEM /* keeps the runtime from being used */
};

struct engine_finding {
	enum engine_status status;
	char *text;
	char *hint; /* what to do, or NULL */
};

struct engine_report {
	struct engine_finding *findings;
	size_t count, capacity;
	size_t problems;
};

struct engine_check {
	const struct engine *engine;
	const char *file; /* the configuration to look into; NULL: the engine's own */
	const char *name; /* the runtime's */
	struct engine_report *report;
};

/* good, note, problem. */
extern const char *const engine_status_names[];

/*
 * Compares what the engine's files say with what the engine itself says. What is wrong is a finding; an error
 * is only what keeps us from looking (memory).
 */
int engine_check(const struct engine_check *check, nvb_error **err);
void engine_report_release(struct engine_report *report);
#define _cleanup_engine_report_ _cleanup_(engine_report_release)

/* Whether the engine is on this host: its program or its configuration is there. */
bool engine_is_here(const struct engine *engine);

/* --- for the engines' own parts (check_<engine>.c) --- */

/* Adds a finding; `hint` is a format's argument as it stands, or NULL. */
int engine_find(const struct engine_check *check, nvb_error **err, enum engine_status status,
	const char *hint, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Turns an error into a finding: frees it. */
int engine_find_error(
	const struct engine_check *check, nvb_error **err, enum engine_status status, nvb_error *failure);

/* "nvbind runtime configure --runtime docker" */
const char *engine_configure_command(const struct engine_check *check, char *buffer, size_t size);

/* The program that the configuration names: there and executable? `file` names it. */
int engine_check_program(
	const struct engine_check *check, const char *file, const char *program, nvb_error **err);

/* What a running engine says of the runtime (NULL: does not know it) and of its default, against the file's.
 */
struct engine_view {
	const char *program, *default_runtime;
};
int engine_check_view(const struct engine_check *check, const char *file, const struct engine_view *files,
	const struct engine_view *running, nvb_error **err);

/* Says that the engine does not answer: not running, or not for us. */
int engine_check_silent(const struct engine_check *check, nvb_error *failure, nvb_error **err);

int engine_docker_check(const struct engine_check *check, nvb_error **err);
int engine_podman_check(const struct engine_check *check, nvb_error **err);
int engine_containerd_check(const struct engine_check *check, nvb_error **err);
int engine_crio_check(const struct engine_check *check, nvb_error **err);

#endif
