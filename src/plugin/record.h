/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLUGIN_RECORD_H
#define NVB_PLUGIN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/*
 * What goes to a plugin's process and comes back: records of a kind and some texts. In bytes: kind and number
 * of texts, one byte each, then each text as its length (32 bits, this machine's order) and its bytes with a
 * NUL behind them. The last record is an end that tells how many there were. A plugin can write anything into
 * that pipe, so the reader believes nothing: numbers, lengths, UTF-8, the end.
 */
enum nvb_plugin_record_kind {
	NVB_RECORD_END = 1, /* how many records before it */
	/* To the plugin. */
	NVB_RECORD_HOST, /* driver version, capabilities, dev root, sys root */
	NVB_RECORD_GPU,	 /* name, uuid, pci, model, index, NUMA node */
	/* From it. */
	NVB_RECORD_HELLO,  /* name, version, summary */
	NVB_RECORD_DEVICE, /* gpu, path, access, reason */
	NVB_RECORD_MOUNT,  /* gpu, source, target, reason */
	NVB_RECORD_ENV,	   /* gpu, name, value, reason */
	NVB_RECORD_WARN,   /* text */
	NVB_RECORD_FAILED, /* what went wrong */
};
#define NVB_RECORD_KINDS (NVB_RECORD_FAILED + 1)

enum {
	NVB_RECORD_TEXTS = 6,
	NVB_RECORD_TEXT_MAX = 32 * 1024,
	NVB_RECORD_SIZE_MAX = 1024 * 1024, /* of all together */
	NVB_RECORD_COUNT_MAX = 1024,
};

/* How many texts a record of that kind has; 0: there is no such kind. */
unsigned nvb_record_texts(unsigned kind);

/* Appends one; NULL is written as "". The number of texts is the kind's. */
void nvb_record_add(struct nvb_strbuf *out, enum nvb_plugin_record_kind kind, const char *const *texts);
#define NVB_RECORD_ADD(out, kind, ...) nvb_record_add(out, kind, (const char *const[]){__VA_ARGS__, NULL})

struct nvb_plugin_record {
	enum nvb_plugin_record_kind kind;
	const char *texts[NVB_RECORD_TEXTS]; /* within the data */
};

struct nvb_record_reader {
	const char *data;
	size_t size, at, count;
	bool ended;
};

/* 1 with the next record, 0 behind a good end (and nothing else may follow it), or NVB_ERR_CORRUPT. */
int nvb_record_next(struct nvb_record_reader *reader, struct nvb_plugin_record *record, nvb_error **err);

#endif
