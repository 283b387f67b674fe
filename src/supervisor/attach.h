/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_ATTACH_H
#define NVB_SUPERVISOR_ATTACH_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is spoken on the connection of somebody attached to a capsule, a SOCK_SEQPACKET socket: the first
 * packet is the request, text: "attach" for output alone, "attach input" to type as well. Every later packet
 * is one letter and what belongs to it.
 */
enum nvb_attach_packet {
	/* To the supervisor. */
	NVB_ATTACH_INPUT = 'i', /* bytes for the program's standard input */
	NVB_ATTACH_END = 'e',	/* no more of them for anybody: the program's input is closed */
	NVB_ATTACH_SIZE = 'w',	/* "ROWS COLUMNS" of the terminal */
	/* From the supervisor. */
	NVB_ATTACH_STDOUT = 'o', /* bytes that the program wrote */
	NVB_ATTACH_STDERR = 'x',
	NVB_ATTACH_MISSED = 'm', /* "BYTES" that were skipped here */
	NVB_ATTACH_EXIT = 'q',	 /* "STATUS" of the program, which has ended; the last packet */
};

enum { NVB_ATTACH_PACKET_MOST = 32768 + 1 };

/* Decimal numbers of at most `most`, a space between two, not NUL-terminated; how many there are, -1 when it
 * is something else or more than two. */
int nvb_attach_numbers(const char *text, size_t size, uint64_t most, uint64_t numbers[static 2]);

#endif
