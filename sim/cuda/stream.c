/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"

/*
 * Streams and events. Work is done when the call that asks for it returns, so a stream has nothing in it and
 * an event has happened as soon as it is recorded; both still have to exist and be used rightly.
 */
struct stream {
	struct context *context;
	struct stream *next;
};

struct event {
	struct context *context;
	bool recorded, no_timing;
	uint64_t time; /* CLOCK_MONOTONIC, ns */
	struct event *next;
};

/* Guarded by the library's lock. */
static struct stream *streams;
static struct event *events;

enum { EVENT_DISABLE_TIMING = 2 };

/* The default streams have no object: NULL, and the legacy and per-thread handles. */
static bool is_stream(const struct stream *stream)
{
	if ((uintptr_t)stream <= 2)
		return true;
	for (const struct stream *s = streams; s; s = s->next)
		if (s == stream)
			return true;
	return false;
}

static bool is_event(const struct event *event)
{
	for (const struct event *e = events; e; e = e->next)
		if (e == event)
			return true;
	return false;
}

CUresult cuStreamCreate(CUstream *out, unsigned flags)
{
	struct driver *driver;
	struct context *context;
	struct stream *stream;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out && flags <= 1 ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
	stream->context = context;
	stream->next = streams;
	streams = stream;
	*out = stream;
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority)
{
	(void)priority; /* out of the range [0, 0] it is clamped, as documented */
	return cuStreamCreate(out, flags);
}

CUresult cuStreamDestroy_v2(CUstream stream)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && ((uintptr_t)stream <= 2 || !is_stream(stream)))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (struct stream **link = &streams; *link; link = &(*link)->next)
		if (*link == stream) {
			*link = stream->next;
			break;
		}
	free(stream);
	return cuda_leave(CUDA_SUCCESS);
}

static CUresult check_stream(CUstream stream)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !is_stream(stream))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	return cuda_leave(result);
}

CUresult cuStreamSynchronize(CUstream stream)
{
	return check_stream(stream);
}

CUresult cuStreamQuery(CUstream stream)
{
	return check_stream(stream);
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	(void)flags;
	if (result == CUDA_SUCCESS && (!is_stream(stream) || !is_event(event)))
		result = CUDA_ERROR_INVALID_HANDLE;
	return cuda_leave(result);
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	if (result == CUDA_SUCCESS && least)
		*least = 0;
	if (result == CUDA_SUCCESS && greatest)
		*greatest = 0;
	return cuda_leave(result);
}

CUresult cuEventCreate(CUevent *out, unsigned flags)
{
	struct driver *driver;
	struct context *context;
	struct event *event;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	event = calloc(1, sizeof(*event));
	if (!event)
		return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
	event->context = context;
	event->no_timing = flags & EVENT_DISABLE_TIMING;
	event->next = events;
	events = event;
	*out = event;
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuEventDestroy_v2(CUevent event)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !is_event(event))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (struct event **link = &events; *link; link = &(*link)->next)
		if (*link == event) {
			*link = event->next;
			break;
		}
	free(event);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
	struct driver *driver;
	struct timespec now;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!is_event(event) || !is_stream(stream)))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result == CUDA_SUCCESS) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		event->time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
		event->recorded = true;
	}
	return cuda_leave(result);
}

static CUresult check_event(CUevent event)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !is_event(event))
		result = CUDA_ERROR_INVALID_HANDLE;
	return cuda_leave(result);
}

CUresult cuEventSynchronize(CUevent event)
{
	return check_event(event);
}

CUresult cuEventQuery(CUevent event)
{
	return check_event(event);
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !milliseconds)
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS && (!is_event(start) || !is_event(end) || !start->recorded ||
					      !end->recorded || start->no_timing || end->no_timing))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result == CUDA_SUCCESS)
		*milliseconds = (float)((double)(int64_t)(end->time - start->time) / 1e6);
	return cuda_leave(result);
}
