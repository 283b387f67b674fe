/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "web/feed.h"
#include "web/internal.h"

/*
 * /events. A stream is asleep until there is a sample that it has not sent; then it sends the newest, however
 * many came meanwhile: who reads slowly sees fewer, and costs no memory.
 */

/* People see no more than that. */
#define FRAME_PAUSE_NS UINT64_C(180000000)
/* Proxies end connections that are silent for a minute or so, and the page wants to know that we are there.
 */
#define SILENCE_NS UINT64_C(15000000000)
#define BLOCK	   (32 * 1024)

static struct nvb_frame *make_frame(const struct nvb_strbuf *text)
{
	struct nvb_frame *frame = text->failed ? NULL : malloc(sizeof(*frame) + text->len);

	if (!frame)
		return NULL;
	frame->users = 1;
	frame->length = text->len;
	memcpy(frame->text, text->s, text->len);
	return frame;
}

static void drop_frame(struct nvb_frame *frame)
{
	if (frame && --frame->users == 0)
		free(frame);
}

static void make_sample_frame(struct nvb_server *server)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	struct nvb_frame *frame;

	if (nvb_feed_sample(server->sample, &text, NULL) < 0)
		return;
	frame = make_frame(&text);
	if (!frame)
		return;
	drop_frame(server->frame);
	server->frame = frame;
	server->frame_sequence = nvb_sample_sequence(server->sample);
	server->framed = nvb_web_now();
}

static bool is_outdated(const struct nvb_server *server)
{
	return server->sample &&
	       (!server->frame || server->frame_sequence != nvb_sample_sequence(server->sample));
}

static struct nvb_frame *make_hello(const struct nvb_server *server)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	return nvb_feed_hello(server->host, &server->history, &text, NULL) < 0 ? NULL : make_frame(&text);
}

static struct nvb_frame *make_sign_of_life(void)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text, ": still here\n\n");
	return make_frame(&text);
}

/* Whether the stream, which is sending nothing, should send something. */
static bool has_more(const struct nvb_stream *stream)
{
	const struct nvb_server *server = stream->server;

	return server->closing || !stream->greeted ||
	       (server->frame && server->frame_sequence != stream->sequence) ||
	       nvb_web_now() - stream->spoke > SILENCE_NS;
}

/* The next frame; false without memory. Call only when there is more. */
static bool next_frame(struct nvb_stream *stream)
{
	struct nvb_server *server = stream->server;

	if (!stream->greeted) {
		stream->frame = make_hello(server);
		stream->greeted = true;
	} else if (server->frame && server->frame_sequence != stream->sequence) {
		stream->frame = server->frame;
		stream->frame->users++;
		stream->sequence = server->frame_sequence;
	} else {
		stream->frame = make_sign_of_life();
	}
	stream->sent = 0;
	stream->spoke = nvb_web_now();
	return stream->frame;
}

static ssize_t read_stream(void *data, uint64_t position, char *buffer, size_t size)
{
	struct nvb_stream *stream = data;
	size_t n;

	(void)position;
	if (stream->server->closing)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!stream->frame && !has_more(stream)) {
		stream->suspended = true;
		MHD_suspend_connection(stream->peer->connection);
		return 0;
	}
	if (!stream->frame && !next_frame(stream))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = stream->frame->length - stream->sent;
	n = n < size ? n : size;
	memcpy(buffer, stream->frame->text + stream->sent, n);
	stream->sent += n;
	if (stream->sent == stream->frame->length) {
		drop_frame(stream->frame);
		stream->frame = NULL;
	}
	return (ssize_t)n;
}

static void end_stream(void *data)
{
	struct nvb_stream *stream = data;

	drop_frame(stream->frame);
	stream->peer->stream = NULL;
	stream->peer->since = nvb_web_now();
	stream->server->stream_count--;
	free(stream);
}

enum MHD_Result nvb_reply_stream(struct nvb_server *server, struct MHD_Connection *connection)
{
	struct nvb_peer *peer = nvb_peer_of(connection);
	struct MHD_Response *response;
	struct nvb_stream *stream;

	if (server->stream_count >= NVB_WEB_STREAMS)
		return nvb_reply_text(server, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many pages are open already\n");
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return MHD_NO;
	response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, stream, end_stream);
	if (!response) {
		free(stream);
		return MHD_NO;
	}
	*stream = (struct nvb_stream){.server = server, .peer = peer};
	peer->stream = stream;
	server->stream_count++;
	if (is_outdated(server))
		make_sample_frame(server);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream; charset=utf-8");
	/* nginx would keep what we say until it has a buffer full. */
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	return nvb_reply(server, connection, MHD_HTTP_OK, response);
}

void nvb_streams_wake(struct nvb_server *server)
{
	if (server->stream_count && is_outdated(server) && nvb_web_now() - server->framed >= FRAME_PAUSE_NS)
		make_sample_frame(server);
	for (struct nvb_peer *peer = server->peers; peer; peer = peer->next)
		if (peer->stream && peer->stream->suspended && has_more(peer->stream)) {
			peer->stream->suspended = false;
			MHD_resume_connection(peer->connection);
		}
}

void nvb_streams_forget(struct nvb_server *server)
{
	drop_frame(server->frame);
	server->frame = NULL;
}
