/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const unsigned char texts_of[NVB_RECORD_KINDS] = {
	[NVB_RECORD_END] = 1,
	[NVB_RECORD_HOST] = 4,
	[NVB_RECORD_GPU] = 6,
	[NVB_RECORD_HELLO] = 3,
	[NVB_RECORD_DEVICE] = 4,
	[NVB_RECORD_MOUNT] = 4,
	[NVB_RECORD_ENV] = 4,
	[NVB_RECORD_WARN] = 1,
	[NVB_RECORD_FAILED] = 1,
};

unsigned nvb_record_texts(unsigned kind)
{
	return kind < NVB_RECORD_KINDS ? texts_of[kind] : 0;
}

void nvb_record_add(struct nvb_strbuf *out, enum nvb_plugin_record_kind kind, const char *const *texts)
{
	unsigned count = nvb_record_texts(kind);

	nvb_sb_addc(out, (char)kind);
	nvb_sb_addc(out, (char)count);
	for (unsigned i = 0; i < count; i++) {
		const char *text = texts[i] ? texts[i] : "";
		uint32_t size = (uint32_t)strlen(text);

		nvb_sb_addn(out, &size, sizeof(size));
		nvb_sb_addn(out, text, size + 1);
	}
}

static int corrupt(const struct nvb_record_reader *reader, nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "what it wrote is no record: %s (byte %zu)", what, reader->at);
}

static int read_text(struct nvb_record_reader *reader, const char **text, nvb_error **err)
{
	size_t left = reader->size - reader->at;
	const char *start;
	uint32_t size;

	if (left < sizeof(size))
		return corrupt(reader, err, "cut off");
	memcpy(&size, reader->data + reader->at, sizeof(size));
	if (size > NVB_RECORD_TEXT_MAX)
		return corrupt(reader, err, "a text that is too long");
	if (left - sizeof(size) < (size_t)size + 1)
		return corrupt(reader, err, "cut off");
	start = reader->data + reader->at + sizeof(size);
	if (memchr(start, '\0', (size_t)size + 1) != start + size)
		return corrupt(reader, err, "a text that ends elsewhere than it says");
	if (!nvb_utf8_valid(start, size))
		return corrupt(reader, err, "a text that is not UTF-8");
	reader->at += sizeof(size) + size + 1;
	*text = start;
	return 0;
}

static int check_end(struct nvb_record_reader *reader, const char *told, nvb_error **err)
{
	uint64_t count;

	if (!nvb_parse_u64(told, &count) || count != reader->count)
		return corrupt(reader, err, "an end that counts other records than there are");
	if (reader->at != reader->size)
		return corrupt(reader, err, "something behind the end");
	reader->ended = true;
	return 0;
}

int nvb_record_next(struct nvb_record_reader *reader, struct nvb_plugin_record *out, nvb_error **err)
{
	struct nvb_plugin_record record = {0};
	unsigned kind, count;

	if (reader->ended)
		return 0;
	if (reader->size - reader->at < 2)
		return corrupt(reader, err, reader->size ? "cut off" : "nothing");
	kind = (unsigned char)reader->data[reader->at];
	count = (unsigned char)reader->data[reader->at + 1];
	if (!nvb_record_texts(kind) || count != nvb_record_texts(kind))
		return corrupt(reader, err, "a kind that there is not");
	if (reader->count >= NVB_RECORD_COUNT_MAX && kind != NVB_RECORD_END)
		return corrupt(reader, err, "too many");
	reader->at += 2;
	record.kind = (enum nvb_plugin_record_kind)kind;
	for (unsigned i = 0; i < count; i++) {
		int rc = read_text(reader, &record.texts[i], err);

		if (rc < 0)
			return rc;
	}
	if (kind == NVB_RECORD_END)
		return check_end(reader, record.texts[0], err);
	reader->count++;
	*out = record;
	return 1;
}
