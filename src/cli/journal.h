/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_JOURNAL_H
#define NVB_CLI_JOURNAL_H

#include <stdbool.h>

#include "base/str.h"

/*
 * journald's native protocol (systemd, "Native Journal Protocol"): one datagram for an entry, of fields
 * "NAME=value\n", or "NAME\n", the size as a little-endian 64-bit number, the value and "\n" for values that
 * hold a newline.
 */
#define NVB_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* True when `fd` is the stream that JOURNAL_STREAM's text ("<device>:<inode>", decimal) names. */
bool nvb_journal_is_stream(int fd, const char *journal_stream);

/* A socket that sends to `path`, or -errno. */
int nvb_journal_connect(const char *path);

/* Appends a field to an entry. */
void nvb_journal_add(struct nvb_strbuf *entry, const char *name, const char *value);

/* Sends an entry: 0 or -errno. Never blocks for long: what journald does not take is lost to it. */
int nvb_journal_send(int fd, const struct nvb_strbuf *entry);

#endif
