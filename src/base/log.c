/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void nvb_log_emit(const struct nvb_log *log, enum nvb_log_level level, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	if (!log || !log->emit || log->level < level)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log->emit(log->data, level, message);
}
