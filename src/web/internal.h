/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_INTERNAL_H
#define NVB_WEB_INTERNAL_H

#include <microhttpd.h>

#include "base/str.h"
#include "exporter/text.h"
#include "web/access.h"
#include "web/history.h"
#include "web/server.h"

/* What the files of the server share. */

/* Limits against clients that mean ill, or are merely many. */
#define NVB_WEB_CONNECTIONS	   64
#define NVB_WEB_CONNECTIONS_PER_IP 48 /* a reverse proxy is one address */
#define NVB_WEB_STREAMS		   16
#define NVB_WEB_REQUEST_BYTES	   (16 * 1024) /* request line and headers */
#define NVB_WEB_IDLE_S		   30
#define NVB_WEB_ASKING_NS                                                                  \
	UINT64_C(30000000000) /* from a connection's beginning, or its last answer, to the \
		 end of a request's headers */
#define NVB_WEB_ANSWERING_NS UINT64_C(60000000000) /* for reading an answer that ends */

/* A text that several streams send, each at its own pace. */
struct nvb_frame {
	unsigned users;
	size_t length;
	char text[];
};

/* A connection. */
struct nvb_peer {
	struct nvb_peer *next, **link;
	struct MHD_Connection *connection;
	int fd;
	uint64_t since; /* when it began to ask, or we to answer */
	bool answering;
	struct nvb_stream *stream; /* NULL: none */
};

/* An open /events. */
struct nvb_stream {
	struct nvb_server *server;
	struct nvb_peer *peer;
	struct nvb_frame *frame; /* being sent; NULL: none */
	size_t sent;		 /* of it */
	uint64_t sequence;	 /* of the sample that was sent last */
	uint64_t spoke;		 /* when a frame was begun last */
	bool greeted, suspended;
};

struct nvb_server {
	struct nvb_server_options options;
	int listen_fd;
	struct MHD_Daemon *daemon;
	char daemon_said[256]; /* libmicrohttpd's last message */
	struct nvb_access access;
	bool page_closed, metrics_closed; /* they need the token */
	bool loopback, link_used;
	bool closing;  /* streams are to end */
	char host[65]; /* the host's name */

	nvb_sample *sample;
	uint64_t published; /* CLOCK_MONOTONIC */
	struct nvb_history history;
	struct MHD_Response *metrics[2]; /* by dialect; rendered when first asked for */
	struct nvb_frame *frame;	 /* the sample for streams; rendered when there is a stream */
	uint64_t frame_sequence, framed; /* which sample it is, when it was made */

	struct nvb_peer *peers;
	unsigned peer_count, stream_count;
	uint64_t scrapes, refused;
};

uint64_t nvb_web_now(void); /* CLOCK_MONOTONIC, nanoseconds */

/* peer.c */
void nvb_peer_notify(void *server, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what);
struct nvb_peer *nvb_peer_of(struct MHD_Connection *connection);
/* Cuts off who has been asking or reading for too long. */
void nvb_peers_sweep(struct nvb_server *server, uint64_t now);

/* reply.c: each queues an answer and returns what MHD's handler returns. */
enum MHD_Result nvb_reply(struct nvb_server *server, struct MHD_Connection *connection, unsigned status,
	struct MHD_Response *response);
/* The same for a response that is used again: it stays the caller's. */
enum MHD_Result nvb_reply_kept(struct nvb_server *server, struct MHD_Connection *connection, unsigned status,
	struct MHD_Response *response);
enum MHD_Result nvb_reply_text(
	struct nvb_server *server, struct MHD_Connection *connection, unsigned status, const char *text);
enum MHD_Result nvb_reply_file(
	struct nvb_server *server, struct MHD_Connection *connection, unsigned status, const char *name);
/* To "/", with a cookie where not NULL ("": the cookie goes). */
enum MHD_Result nvb_reply_redirect(
	struct nvb_server *server, struct MHD_Connection *connection, const char *cookie);

/* metrics.c */
enum MHD_Result nvb_reply_metrics(struct nvb_server *server, struct MHD_Connection *connection);
void nvb_metrics_forget(struct nvb_server *server);

/* route.c */
#define NVB_WEB_COOKIE "nvbind_session"
enum MHD_Result nvb_route(void *server, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size, void **context);
void nvb_route_done(
	void *server, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why);

/* stream.c */
enum MHD_Result nvb_reply_stream(struct nvb_server *server, struct MHD_Connection *connection);
/* Wakes the streams that have something to say. */
void nvb_streams_wake(struct nvb_server *server);
void nvb_streams_forget(struct nvb_server *server);

#endif
