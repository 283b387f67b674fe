/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_ATTACHED_H
#define NVB_SUPERVISOR_ATTACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/attach.h"

/*
 * One who is attached, as the supervisor sees it: a connection that is never waited for. What it does not
 * take is queued up to NVB_ATTACHED_QUEUE bytes, then skipped until the queue is empty, and it is told how
 * much.
 */
enum { NVB_ATTACHED_QUEUE = 1 << 20 };

struct nvb_attached {
	int fd;	      /* -1: gone */
	bool input;   /* may type */
	bool ended;   /* was told the end: nothing follows */
	bool deaf;    /* has closed its end; what it sent before may still be read */
	bool watched; /* for the streams: by their epoll */
	/* Packets that wait, each behind its length. */
	char *queue;
	size_t begin, end, capacity;
	uint64_t missed;
};

/* Hands over a packet: one letter and its bytes. */
void nvb_attached_send(
	struct nvb_attached *attached, enum nvb_attach_packet letter, const void *data, size_t size);
/* Sends of what waits as much as is taken. */
void nvb_attached_flush(struct nvb_attached *attached);
bool nvb_attached_waits(const struct nvb_attached *attached);
/* One packet of its; the size, 0 when there is none now. When it has gone, fd becomes -1. */
size_t nvb_attached_receive(struct nvb_attached *attached, char packet[static NVB_ATTACH_PACKET_MOST]);
void nvb_attached_release(struct nvb_attached *attached);

#endif
