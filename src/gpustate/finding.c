/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "gpustate/gpustate.h"

char *nvb_state_reason(const char *fmt, va_list args)
{
	char *reason;

	if (vasprintf(&reason, fmt, args) < 0)
		return NULL;
	for (char *p = reason; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return reason;
}

void nvb_state_find(
	struct nvb_state_findings *findings, const char *id, int pid, bool fatal, const char *fmt, ...)
{
	_cleanup_free_ char *reason = NULL;
	va_list args;

	va_start(args, fmt);
	reason = nvb_state_reason(fmt, args);
	va_end(args);
	if (!reason || !NVB_GROW(findings->list, findings->count, findings->capacity))
		findings->failed = true;
	else
		findings->list[findings->count++] = (struct nvb_gpu_state_finding){
			.id = id, .pid = pid, .fatal = fatal, .reason = NVB_TAKE_PTR(reason)};
}

void nvb_gpu_state_findings_free(struct nvb_gpu_state_finding *findings, size_t count)
{
	for (size_t i = 0; findings && i < count; i++)
		free(findings[i].reason);
	free(findings);
}
