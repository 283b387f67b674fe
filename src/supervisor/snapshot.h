/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_SNAPSHOT_H
#define NVB_SUPERVISOR_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "capsule/run.h"
#include "capsule/state.h"

/*
 * A snapshot of a capsule that runs, as others ask its supervisor for it:
 *
 *	snapshot leave_running|stop tcp|- [KEY FILE]\n[COMMENT]
 *
 * While it is taken the answer begins with packets "step NAME DONE TOTAL"; then comes "id ID" and the report
 * (report.h), of one that is stopped once all is given back. Who closes the connection before, or his half of
 * it, breaks it off; in that case the report comes when all is undone.
 */
enum { NVB_SNAPSHOT_REQUEST_MOST = 8192 };

struct nvb_snapshot_wish {
	bool leave_running, tcp;
	const char *key_file, *comment; /* or NULL */
	/* Told of what happens; another value than 0 breaks it off, and, once it is another one again, waits
	 * no longer for what becomes of that. NULL: nobody is. */
	int (*progress)(void *data, const char *step, uint64_t done, uint64_t total);
	void *data;
};

/* Asks and waits. `id` has room for 65 characters. NVB_ERR_NOT_FOUND: the capsule does not run. */
int nvb_supervisor_snapshot(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_snapshot_wish *wish, char snapshot[static 65], nvb_error **err);

#endif
