/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/wire.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* The reader's side: every message is checked before anybody sees it. */

enum {
	LARGEST =
		sizeof(struct nvb_said_processes) + NVB_SAID_PROCESSES_MOST * sizeof(struct nvb_said_process),
	PIECE = 16384,
};

/* Ends within its field and is text that may be shown. */
static bool is_text(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	if (n == size || !nvb_utf8_valid(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}
#define IS_TEXT(field) is_text((field), sizeof(field))

static bool check_hello(const struct nvb_said_hello *hello)
{
	return hello->step <= NVB_SAID_NOT_INITIALISED && hello->gpus <= NVB_SAID_GPUS_MOST &&
	       IS_TEXT(hello->driver) && IS_TEXT(hello->message);
}

static bool check_facts(const struct nvb_said_facts *facts)
{
	return IS_TEXT(facts->pci) && IS_TEXT(facts->uuid) && IS_TEXT(facts->name);
}

static bool check_values(const struct nvb_said_values *values)
{
	if (values->count > NVB_METRIC_COUNT)
		return false;
	for (uint32_t i = 0; i < values->count; i++) {
		const struct nvb_said_value *v = &values->values[i];

		if (v->metric >= NVB_METRIC_COUNT || v->state > NVB_VALUE_KNOWN || !isfinite(v->value))
			return false;
	}
	return true;
}

static bool check_migs(const struct nvb_said_migs *migs, size_t size)
{
	if (migs->count > NVB_SAID_MIGS_MOST || migs->mode < -1 || migs->mode > 1 ||
		size != sizeof(*migs) + migs->count * sizeof(migs->migs[0]))
		return false;
	for (uint32_t i = 0; i < migs->count; i++)
		if (!IS_TEXT(migs->migs[i].uuid) || !IS_TEXT(migs->migs[i].profile))
			return false;
	return true;
}

static bool check_processes(const struct nvb_said_processes *list, size_t size)
{
	return list->count <= NVB_SAID_PROCESSES_MOST &&
	       size == sizeof(*list) + list->count * sizeof(list->processes[0]);
}

/* Sizes of the types; those with a list at the end: at least. */
static const size_t sizes[] = {
	[NVB_SAID_HELLO] = sizeof(struct nvb_said_hello),
	[NVB_SAID_FACTS] = sizeof(struct nvb_said_facts),
	[NVB_SAID_MIGS] = sizeof(struct nvb_said_migs),
	[NVB_SAID_PROCESSES] = sizeof(struct nvb_said_processes),
	[NVB_SAID_VALUES] = sizeof(struct nvb_said_values),
	[NVB_SAID_EVENT] = sizeof(struct nvb_said_event),
	[NVB_SAID_COST] = sizeof(struct nvb_said_cost),
};

static bool has_list(uint32_t type)
{
	return type == NVB_SAID_MIGS || type == NVB_SAID_PROCESSES;
}

/* What can be told before the body is there, so that nobody waits for what cannot come. */
static bool check_head(const struct nvb_said_reader *reader, const struct nvb_said_head *head)
{
	if (head->magic != NVB_SAID_MAGIC || head->type < NVB_SAID_HELLO || head->type > NVB_SAID_COST)
		return false;
	if (has_list(head->type) ? head->size < sizes[head->type] || head->size > LARGEST
				 : head->size != sizes[head->type])
		return false;
	if ((head->type == NVB_SAID_HELLO) == reader->has_hello)
		return false;
	return head->type == NVB_SAID_HELLO || head->type == NVB_SAID_COST || head->gpu < reader->gpus;
}

static bool check_body(const struct nvb_said_head *head, const void *body)
{
	switch (head->type) {
	case NVB_SAID_HELLO:
		return check_hello(body);
	case NVB_SAID_FACTS:
		return check_facts(body);
	case NVB_SAID_MIGS:
		return check_migs(body, head->size);
	case NVB_SAID_PROCESSES:
		return check_processes(body, head->size);
	case NVB_SAID_VALUES:
		return check_values(body);
	default:
		return true;
	}
}

void *nvb_said_room(struct nvb_said_reader *reader, size_t *size)
{
	if (reader->capacity - reader->size < PIECE) {
		char *larger = realloc(reader->buffer, reader->size + 2 * (size_t)PIECE);

		if (!larger)
			return NULL;
		reader->buffer = larger;
		reader->capacity = reader->size + 2 * (size_t)PIECE;
	}
	*size = reader->capacity - reader->size;
	return reader->buffer + reader->size;
}

/* One message at `at`: how much of it there is, 0 while it is not whole, or a negated code. */
static ssize_t take_one(
	struct nvb_said_reader *reader, size_t at, nvb_said_handler *handler, void *data, nvb_error **err)
{
	struct nvb_said_head head;
	int rc;

	if (reader->size - at < sizeof(head))
		return 0;
	memcpy(&head, reader->buffer + at, sizeof(head));
	if (!check_head(reader, &head))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the program that asks NVML says what cannot be");
	if (reader->size - at < sizeof(head) + head.size)
		return 0;
	/* Heads and bodies are multiples of 8 bytes, and so is where each begins. */
	if (!check_body(&head, reader->buffer + at + sizeof(head)))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the program that asks NVML says what cannot be");
	if (head.type == NVB_SAID_HELLO) {
		const struct nvb_said_hello *hello = (const void *)(reader->buffer + at + sizeof(head));

		reader->has_hello = true;
		reader->gpus = hello->gpus;
	}
	rc = handler(data, &head, reader->buffer + at + sizeof(head), err);
	return rc < 0 ? rc : (ssize_t)(sizeof(head) + head.size);
}

int nvb_said_take(
	struct nvb_said_reader *reader, size_t size, nvb_said_handler *handler, void *data, nvb_error **err)
{
	size_t at = 0;
	ssize_t n;

	reader->size += size;
	while ((n = take_one(reader, at, handler, data, err)) > 0)
		at += (size_t)n;
	if (n < 0)
		return (int)n;
	memmove(reader->buffer, reader->buffer + at, reader->size - at);
	reader->size -= at;
	return 0;
}

void nvb_said_release(struct nvb_said_reader *reader)
{
	free(reader->buffer);
	*reader = (struct nvb_said_reader){0};
}

static_assert(sizeof(struct nvb_said_head) % 8 == 0 && sizeof(struct nvb_said_hello) % 8 == 0 &&
		      sizeof(struct nvb_said_facts) % 8 == 0 && sizeof(struct nvb_said_values) % 8 == 0 &&
		      sizeof(struct nvb_said_mig) % 8 == 0 && sizeof(struct nvb_said_process) % 8 == 0 &&
		      sizeof(struct nvb_said_migs) % 8 == 0 && sizeof(struct nvb_said_processes) % 8 == 0 &&
		      sizeof(struct nvb_said_event) % 8 == 0 && sizeof(struct nvb_said_cost) % 8 == 0,
	"every message begins aligned");
