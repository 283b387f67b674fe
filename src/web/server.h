/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_SERVER_H
#define NVB_WEB_SERVER_H

#include <stdbool.h>

#include "base/error.h"
#include "nvbind/log.h"
#include "nvbind/sampler.h"
#include "web/address.h"

/*
 * Serves samples over HTTP: /metrics for Prometheus and its like, and, where asked for, a page for people. On
 * libmicrohttpd, on the caller's thread: nothing here waits.
 *
 *	GET  /metrics   the last sample as metrics (exporter/exporter.h)
 *	GET  /          the page, /page.css, /page.js
 *	GET  /events    server-sent events: the past, then every sample
 *	GET  /session   204 when the caller may see the page
 *	GET  /enter     ?link=...: begins a session by the link that works once
 *	POST /enter     token=...: begins a session by the token
 *	POST /leave     ends it
 */
struct nvb_server_options {
	int listen_fd; /* becomes the server's */
	bool page;
	bool dcgm;	      /* /metrics with DCGM's names */
	const char *tls_cert; /* PEM files, both or none */
	const char *tls_key;
	const char *token_file; /* NULL: metrics need no token, and the page only where others reach it */
	char *const *names;	/* by which browsers may call this server, besides addresses and localhost */
	const struct nvb_log *log;
};

struct nvb_server;

/* Strings and lists of the options must outlive the server. */
int nvb_server_open(const struct nvb_server_options *options, struct nvb_server **server, nvb_error **err);
void nvb_server_close(struct nvb_server *server);

/* Readable when there is something to do. The number changes with a reload. */
int nvb_server_fd(const struct nvb_server *server);
/* How long the caller may wait for that at most, in milliseconds. */
int nvb_server_timeout(const struct nvb_server *server);
int nvb_server_run(struct nvb_server *server, nvb_error **err);

/* The sample that is served from now on; takes a reference of its own. */
int nvb_server_publish(struct nvb_server *server, nvb_sample *sample, nvb_error **err);

/* Reads certificate, key and token again, closes what is open. When that fails, all stays as it was. */
int nvb_server_reload(struct nvb_server *server, nvb_error **err);

/* Where it listens. */
void nvb_server_address(const struct nvb_server *server, struct nvb_web_address *address);
/* Whether people need the token or a link for the page. */
bool nvb_server_is_closed(const struct nvb_server *server);
/* The link that works once, without the server's address: "/enter?link=...". NULL without memory; the
 * caller's. */
char *nvb_server_link(const struct nvb_server *server);
/* Whether the last link was used since this was asked, and another one waits. */
bool nvb_server_link_was_used(struct nvb_server *server);

#endif
