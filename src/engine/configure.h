/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_CONFIGURE_H
#define NVB_ENGINE_CONFIGURE_H

#include "engine/engine.h"

/* What an edit came to. */
struct engine_outcome {
	char *file;		/* that was, or would be, changed; links resolved */
	bool changed;		/* false: everything stood there already */
	bool created, removed;	/* the file */
	char *backup;		/* of the file as it was before the first edit; NULL: there was none */
	struct nvb_strbuf diff; /* unified */
	const char *reload;	/* what makes the engine read it; NULL: it does so by itself */
	char **notes;		/* what the user must know besides */
};

void engine_outcome_release(struct engine_outcome *outcome);
#define _cleanup_engine_outcome_ _cleanup_(engine_outcome_release)

/*
 * Makes the engine know the runtime: edits its file, keeps a backup and a record for undoing. `dry_run` says
 * what would be done. Doing it again changes nothing. On failure the file is as it was. Errors:
 * NVB_ERR_INVALID with line and column for a file that is not of its format; NVB_ERR_CONFLICT where something
 * else stands at a place that is needed; NVB_ERR_PERMISSION with what to do.
 */
int engine_configure(const struct engine *engine, const struct engine_request *request, bool dry_run,
	struct engine_outcome *outcome, nvb_error **err);

/*
 * Takes back what engine_configure did to `file`. A file that nobody has touched since gets its old bytes,
 * one that we made goes, with the directories made for it. Of a file that was edited since only our values
 * go; those that somebody has changed stay, with a note. NVB_ERR_NOT_FOUND when nothing is recorded of it.
 */
int engine_undo(const struct engine *engine, const char *file, const char *state_directory, bool dry_run,
	struct engine_outcome *outcome, nvb_error **err);

#endif
