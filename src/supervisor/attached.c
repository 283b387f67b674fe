/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/attached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

int nvb_attach_numbers(const char *text, size_t size, uint64_t most, uint64_t numbers[static 2])
{
	int count = 0;
	size_t i = 0;

	while (i < size) {
		uint64_t value = 0;
		size_t start = i;

		if (count == 2 || (count == 1 && text[i++] != ' '))
			return -1;
		for (start = i; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
			value = value * 10 + (uint64_t)(text[i] - '0');
			if (value > most || i - start > 18)
				return -1;
		}
		if (i == start)
			return -1;
		numbers[count++] = value;
	}
	return count;
}

void nvb_attached_release(struct nvb_attached *a)
{
	nvb_closep(&a->fd);
	a->fd = -1;
	free(NVB_TAKE_PTR(a->queue));
	a->begin = a->end = a->capacity = 0;
}

enum outcome { TAKEN, FULL, GONE };

static enum outcome transmit(int fd, const struct iovec *parts, size_t count)
{
	const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};

	while (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? FULL : GONE;
	}
	return TAKEN;
}

/* Room for `size` more bytes in the queue. */
static bool make_room(struct nvb_attached *a, size_t size)
{
	size_t wanted;
	char *larger;

	if (a->end + size <= a->capacity)
		return true;
	if (a->begin > 0)
		memmove(a->queue, a->queue + a->begin, a->end - a->begin);
	a->end -= a->begin;
	a->begin = 0;
	wanted = a->end + size;
	if (wanted <= a->capacity)
		return true;
	if (wanted > NVB_ATTACHED_QUEUE)
		return false;
	wanted = wanted * 2 < NVB_ATTACHED_QUEUE ? wanted * 2 : NVB_ATTACHED_QUEUE;
	larger = realloc(a->queue, wanted);
	if (!larger)
		return false;
	a->queue = larger;
	a->capacity = wanted;
	return true;
}

static bool enqueue(struct nvb_attached *a, char letter, const void *data, size_t size)
{
	uint32_t length = (uint32_t)size + 1;

	if (!make_room(a, sizeof(length) + length))
		return false;
	memcpy(a->queue + a->end, &length, sizeof(length));
	a->queue[a->end + sizeof(length)] = letter;
	memcpy(a->queue + a->end + sizeof(length) + 1, data, size);
	a->end += sizeof(length) + length;
	return true;
}

static void become_deaf(struct nvb_attached *a)
{
	a->deaf = true;
	a->begin = a->end = 0;
}

static void send_packet(struct nvb_attached *a, char letter, const void *data, size_t size)
{
	const struct iovec parts[] = {
		{.iov_base = &letter, .iov_len = 1}, {.iov_base = (void *)data, .iov_len = size}};
	enum outcome outcome = FULL;

	/* The end is told whatever was missed before it. */
	if (a->missed && letter != NVB_ATTACH_EXIT) {
		a->missed += size;
		return;
	}
	if (a->begin == a->end)
		outcome = transmit(a->fd, parts, 2);
	if (outcome == GONE)
		become_deaf(a);
	else if (outcome == FULL && !enqueue(a, letter, data, size))
		a->missed += size;
}

void nvb_attached_send(struct nvb_attached *a, enum nvb_attach_packet letter, const void *data, size_t size)
{
	const char *at = data;

	while (a->fd >= 0 && !a->ended && !a->deaf && size > 0) {
		size_t n = size < NVB_ATTACH_PACKET_MOST - 1 ? size : NVB_ATTACH_PACKET_MOST - 1;

		send_packet(a, (char)letter, at, n);
		at += n;
		size -= n;
	}
	a->ended = a->ended || letter == NVB_ATTACH_EXIT;
}

void nvb_attached_flush(struct nvb_attached *a)
{
	char text[24];
	int n;

	while (a->fd >= 0 && a->begin < a->end) {
		uint32_t length;
		struct iovec packet;
		enum outcome outcome;

		memcpy(&length, a->queue + a->begin, sizeof(length));
		packet.iov_base = a->queue + a->begin + sizeof(length);
		packet.iov_len = length;
		outcome = transmit(a->fd, &packet, 1);
		if (outcome == FULL)
			return;
		if (outcome == GONE) {
			become_deaf(a);
			return;
		}
		a->begin += sizeof(length) + length;
	}
	a->begin = a->end = 0;
	if (a->fd < 0 || a->deaf || !a->missed || a->ended)
		return;
	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)a->missed);
	a->missed = 0;
	send_packet(a, NVB_ATTACH_MISSED, text, (size_t)n);
}

bool nvb_attached_waits(const struct nvb_attached *a)
{
	return a->fd >= 0 && a->begin < a->end;
}

size_t nvb_attached_receive(struct nvb_attached *a, char packet[static NVB_ATTACH_PACKET_MOST])
{
	ssize_t n = recv(a->fd, packet, NVB_ATTACH_PACKET_MOST, MSG_DONTWAIT);

	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		nvb_attached_release(a);
	return 0;
}
