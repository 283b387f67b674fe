/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "gpustate/gpustate.h"

void nvb_state_find(
	struct nvb_state_findings *findings, const char *id, int pid, bool fatal, const char *fmt, ...)
{
	char *reason = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&reason, fmt, args);
	va_end(args);
	if (n < 0 || !NVB_GROW(findings->list, findings->count, findings->capacity)) {
		if (n >= 0)
			free(reason);
		findings->failed = true;
		return;
	}
	findings->list[findings->count++] =
		(struct nvb_gpu_state_finding){.id = id, .pid = pid, .fatal = fatal, .reason = reason};
}

void nvb_gpu_state_findings_free(struct nvb_gpu_state_finding *findings, size_t count)
{
	for (size_t i = 0; findings && i < count; i++)
		free(findings[i].reason);
	free(findings);
}
