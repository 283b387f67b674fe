/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_CRIU_RPC_H
#define NVB_CHECKPOINT_CRIU_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/*
 * The little of Protocol Buffers that CRIU's protocol needs. A message is fields, each a number with a varint
 * or with bytes. Source of the numbers: images/rpc.proto of CRIU 4.2; they are the same since 3.11.
 */
enum nvb_criu_type {
	NVB_CRIU_DUMP = 1,
	NVB_CRIU_CHECK = 3,
	NVB_CRIU_NOTIFY = 6,
	NVB_CRIU_VERSION = 10,
};

void nvb_criu_put_number(struct nvb_strbuf *out, unsigned field, uint64_t value);
void nvb_criu_put_bytes(struct nvb_strbuf *out, unsigned field, const void *data, size_t size);
void nvb_criu_put_text(struct nvb_strbuf *out, unsigned field, const char *text);

/* An answer, as far as it concerns us. */
struct nvb_criu_answer {
	unsigned type;
	bool success;
	int number;		    /* errno, 0: none */
	char script[64];	    /* of a notification */
	char message[512];	    /* why it failed */
	unsigned major, minor;	    /* of a version */
	unsigned char version[128]; /* all of it, as it came; too long a one not at all */
	size_t version_size;
};

/* NVB_ERR_CORRUPT for what is no such message. */
int nvb_criu_parse(struct nvb_criu_answer *answer, const void *data, size_t size, nvb_error **err);

/* Starts `criu swrk` with our end in *socket. `plugins` is a directory without any: its own, the one for CUDA
 * first of all, would do what is done already. NULL: they do not matter. */
int nvb_criu_start(const char *path, const char *plugins, pid_t *pid, int *socket, nvb_error **err);
/* Sends a request: its type, its options (NULL: none). */
int nvb_criu_ask(int socket, enum nvb_criu_type type, const struct nvb_strbuf *options, nvb_error **err);
/* Says whether it may go on after a notification. */
int nvb_criu_notified(int socket, bool success, nvb_error **err);
/* NVB_ERR_SYSTEM: it has gone without an answer. */
int nvb_criu_read(int socket, struct nvb_criu_answer *answer, nvb_error **err);

#endif
