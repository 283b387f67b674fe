/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/nvml_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int nvb_nvml_usage_start(struct nvb_nvml_usage *u, const char *library, nvb_error **err)
{
	int rc = nvb_nvml_start(&u->process, nvb_nvml_usage_child, library, err);

	if (rc == 0)
		fcntl(u->process.from, F_SETFL, O_RDONLY | O_NONBLOCK);
	return rc;
}

void nvb_nvml_usage_ask(struct nvb_nvml_usage *u)
{
	if (u->asked || u->process.to < 0)
		return;
	u->asked = send(u->process.to, "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
	u->size = 0;
}

void nvb_nvml_usage_stop(struct nvb_nvml_usage *u)
{
	nvb_nvml_stop(&u->process);
	free(u->uses);
	free(u->partial);
	*u = (struct nvb_nvml_usage)NVB_NVML_USAGE_INIT;
}

static bool make_room(struct nvb_nvml_usage *u)
{
	enum { PIECE = 256 * sizeof(struct nvb_gpu_use) };
	char *larger;

	if (u->size < u->capacity)
		return true;
	if (u->capacity >= (size_t)NVB_GPU_USES_MOST * sizeof(struct nvb_gpu_use))
		return false;
	larger = realloc(u->partial, u->capacity + PIECE);
	if (!larger)
		return false;
	u->partial = larger;
	u->capacity += PIECE;
	return true;
}

/* The answer is whole once a use by nobody has come. */
static void finish(struct nvb_nvml_usage *u)
{
	size_t count = u->size / sizeof(struct nvb_gpu_use);
	struct nvb_gpu_use last;

	if (count == 0 || u->size % sizeof(last) != 0)
		return;
	memcpy(&last, u->partial + (count - 1) * sizeof(last), sizeof(last));
	if (last.pid != 0)
		return;
	free(u->uses);
	u->uses = malloc(count * sizeof(*u->uses));
	if (u->uses)
		memcpy(u->uses, u->partial, count * sizeof(*u->uses));
	u->count = u->uses ? count - 1 : 0;
	u->known = u->uses != NULL;
	u->asked = false;
	u->size = 0;
}

bool nvb_nvml_usage_take(struct nvb_nvml_usage *u)
{
	ssize_t n = -1;

	while (u->process.from >= 0 && make_room(u)) {
		n = read(u->process.from, u->partial + u->size, u->capacity - u->size);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			break;
		u->size += (size_t)n;
		finish(u);
	}
	/* It crashed, or says more than there can be. */
	nvb_nvml_usage_stop(u);
	return false;
}
