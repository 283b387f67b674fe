/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_NOTIFY_H
#define NVB_CLI_NOTIFY_H

/*
 * Tells the service manager how it stands: a datagram of "NAME=value" lines to the socket that NOTIFY_SOCKET
 * names ("READY=1\nSTATUS=..."). Does nothing where there is none. Source: sd_notify(3), "Notes".
 */
void nvb_notify(const char *state);

#endif
