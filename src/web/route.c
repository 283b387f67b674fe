/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "web/internal.h"
#include "web/request.h"

/* Which request is answered with what, and to whom. */

/* What a request is, between the calls that libmicrohttpd makes for it. */
struct asked {
	size_t length; /* of the body */
	bool too_long;
	char body[1024];
};

enum right {
	RIGHT_NONE,    /* anybody */
	RIGHT_METRICS, /* the token, where one was named */
	RIGHT_PAGE,    /* a session or the token, where others reach the page */
};

typedef enum MHD_Result handler(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked);

struct route {
	const char *path, *method;
	enum right right;
	bool of_page; /* not there without --web */
	handler *handle;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool has_session(struct nvb_server *server, struct MHD_Connection *connection)
{
	char session[NVB_SECRET_TEXT];

	return nvb_request_cookie(header(connection, MHD_HTTP_HEADER_COOKIE), NVB_WEB_COOKIE, session,
		       sizeof(session)) &&
	       nvb_access_is_session(&server->access, session, nvb_web_now());
}

/* The page shows how to leave where there is something to be left. */
static enum MHD_Result get_session(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	(void)asked;
	if (response && has_session(server, connection))
		MHD_add_response_header(response, "X-Nvbind-Session", "1");
	return nvb_reply(server, connection, MHD_HTTP_NO_CONTENT, response);
}

static enum MHD_Result get_metrics(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_metrics(server, connection);
}

static enum MHD_Result get_events(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_stream(server, connection);
}

static enum MHD_Result get_page(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_file(server, connection, MHD_HTTP_OK, "index.html");
}

static enum MHD_Result get_style(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_file(server, connection, MHD_HTTP_OK, "page.css");
}

static enum MHD_Result get_script(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_file(server, connection, MHD_HTTP_OK, "page.js");
}

static enum MHD_Result get_icon(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	(void)asked;
	return nvb_reply_file(server, connection, MHD_HTTP_OK, "icon.svg");
}

static enum MHD_Result begin_session(struct nvb_server *server, struct MHD_Connection *connection)
{
	const char *session;

	if (nvb_access_begin(&server->access, nvb_web_now(), &session, NULL) < 0)
		return nvb_reply_text(
			server, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no random numbers\n");
	return nvb_reply_redirect(server, connection, session);
}

/* A link lets one browser in. */
static enum MHD_Result get_enter(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	const char *link = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "link");

	(void)asked;
	if (!link)
		return nvb_reply_file(server, connection, MHD_HTTP_OK, "enter.html");
	if (!nvb_access_is_link(&server->access, link) || nvb_access_new_link(&server->access, NULL) < 0)
		return nvb_reply_file(server, connection, MHD_HTTP_FORBIDDEN, "enter.html");
	server->link_used = true;
	return begin_session(server, connection);
}

static enum MHD_Result post_enter(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	char token[NVB_TOKEN_MAX];

	if (!nvb_request_field(asked->body, asked->length, "token", token, sizeof(token)) ||
		!nvb_access_is_token(&server->access, token))
		return nvb_reply_file(server, connection, MHD_HTTP_FORBIDDEN, "enter.html");
	return begin_session(server, connection);
}

static enum MHD_Result post_leave(
	struct nvb_server *server, struct MHD_Connection *connection, struct asked *asked)
{
	char session[NVB_SECRET_TEXT];

	(void)asked;
	if (nvb_request_cookie(
		    header(connection, MHD_HTTP_HEADER_COOKIE), NVB_WEB_COOKIE, session, sizeof(session)))
		nvb_access_end(&server->access, session);
	return nvb_reply_redirect(server, connection, "");
}

static const struct route routes[] = {
	{"/metrics", MHD_HTTP_METHOD_GET, RIGHT_METRICS, false, get_metrics},
	{"/", MHD_HTTP_METHOD_GET, RIGHT_PAGE, true, get_page},
	{"/events", MHD_HTTP_METHOD_GET, RIGHT_PAGE, true, get_events},
	{"/session", MHD_HTTP_METHOD_GET, RIGHT_PAGE, true, get_session},
	{"/page.css", MHD_HTTP_METHOD_GET, RIGHT_NONE, true, get_style},
	{"/page.js", MHD_HTTP_METHOD_GET, RIGHT_NONE, true, get_script},
	{"/icon.svg", MHD_HTTP_METHOD_GET, RIGHT_NONE, true, get_icon},
	{"/enter", MHD_HTTP_METHOD_GET, RIGHT_NONE, true, get_enter},
	{"/enter", MHD_HTTP_METHOD_POST, RIGHT_NONE, true, post_enter},
	{"/leave", MHD_HTTP_METHOD_POST, RIGHT_PAGE, true, post_leave},
};

static bool has_token(const struct nvb_server *server, struct MHD_Connection *connection)
{
	char token[NVB_TOKEN_MAX];

	return nvb_request_bearer(header(connection, MHD_HTTP_HEADER_AUTHORIZATION), token, sizeof(token)) &&
	       nvb_access_is_token(&server->access, token);
}

static bool may(struct nvb_server *server, struct MHD_Connection *connection, enum right right)
{
	bool closed =
		right == RIGHT_PAGE ? server->page_closed : right == RIGHT_METRICS && server->metrics_closed;

	return !closed || has_token(server, connection) || has_session(server, connection);
}

/* Prometheus calls a server by whatever name its targets have; a browser is held to names that nobody else
 * can make lead here. Metrics that only this host may read are no different. */
static bool is_called_rightly(
	const struct nvb_server *server, struct MHD_Connection *connection, const struct route *route)
{
	if (route->right == RIGHT_METRICS && !server->loopback)
		return true;
	return nvb_host_allowed(header(connection, MHD_HTTP_HEADER_HOST), server->options.names);
}

/* What a page of another site made the browser ask; its own links here are fine. */
static bool is_from_elsewhere(struct MHD_Connection *connection, const struct route *route)
{
	const char *site = header(connection, "Sec-Fetch-Site"), *mode = header(connection, "Sec-Fetch-Mode");

	if (!site || nvb_streq(site, "same-origin") || nvb_streq(site, "none"))
		return false;
	return !nvb_streq(route->method, MHD_HTTP_METHOD_GET) || !mode || !nvb_streq(mode, "navigate");
}

static enum MHD_Result refuse_method(
	struct nvb_server *server, struct MHD_Connection *connection, const char *allow)
{
	static const char text[] = "this is not done here\n";
	struct MHD_Response *response =
		MHD_create_response_from_buffer(sizeof(text) - 1, (void *)text, MHD_RESPMEM_PERSISTENT);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	return nvb_reply(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

static enum MHD_Result find(struct nvb_server *server, struct MHD_Connection *connection, const char *url,
	const char *method, const struct route **found)
{
	const struct route *other = NULL;

	/* The answer to HEAD is that to GET, of which libmicrohttpd leaves out the body. */
	if (nvb_streq(method, MHD_HTTP_METHOD_HEAD))
		method = MHD_HTTP_METHOD_GET;
	for (size_t i = 0; i < NVB_ELEMENTS(routes); i++) {
		if (!nvb_streq(routes[i].path, url) || (routes[i].of_page && !server->options.page))
			continue;
		if (nvb_streq(routes[i].method, method)) {
			*found = &routes[i];
			return MHD_YES;
		}
		other = &routes[i];
	}
	*found = NULL;
	return other ? refuse_method(server, connection, other->method)
		     : nvb_reply_text(server, connection, MHD_HTTP_NOT_FOUND,
			       server->options.page ? "nothing is here\n"
						    : "nothing is here: metrics are at /metrics\n");
}

static enum MHD_Result answer(struct nvb_server *server, struct MHD_Connection *connection, const char *url,
	const char *method, struct asked *asked)
{
	const struct route *route;
	enum MHD_Result result = find(server, connection, url, method, &route);

	if (!route)
		return result;
	if (asked->too_long)
		return nvb_reply_text(server, connection, 413, "nothing that long is wanted\n");
	if (!is_called_rightly(server, connection, route))
		return nvb_reply_text(server, connection, MHD_HTTP_MISDIRECTED_REQUEST,
			"this server is not called that: use its address, or start it with --allow-host "
			"NAME\n");
	if (is_from_elsewhere(connection, route))
		return nvb_reply_text(
			server, connection, MHD_HTTP_FORBIDDEN, "another site asked for this\n");
	if (may(server, connection, route->right))
		return route->handle(server, connection, asked);
	if (route->handle == get_page)
		return nvb_reply_file(server, connection, MHD_HTTP_UNAUTHORIZED, "enter.html");
	return nvb_reply_text(server, connection, MHD_HTTP_UNAUTHORIZED, "a token is needed\n");
}

/* A body is read only where one is wanted. */
static bool brings_too_much(struct MHD_Connection *connection)
{
	const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;

	return header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	       (length && (!nvb_parse_u64(length, &n) || n > sizeof(((struct asked *)0)->body)));
}

enum MHD_Result nvb_route(void *data, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct nvb_server *server = data;
	struct nvb_peer *peer = nvb_peer_of(connection);
	struct asked *asked = *context;

	(void)version;
	if (!peer)
		return MHD_NO;
	if (!asked) {
		asked = *context = calloc(1, sizeof(*asked));
		if (!asked)
			return MHD_NO;
		peer->answering = true;
		peer->since = nvb_web_now();
		asked->too_long = brings_too_much(connection);
		/* Answered before the body is sent: libmicrohttpd then closes the connection. */
		return asked->too_long ? answer(server, connection, url, method, asked) : MHD_YES;
	}
	if (*upload_size) {
		asked->too_long = *upload_size > sizeof(asked->body) - asked->length;
		if (!asked->too_long) {
			memcpy(asked->body + asked->length, upload, *upload_size);
			asked->length += *upload_size;
		}
		*upload_size = 0;
		return asked->too_long ? MHD_NO : MHD_YES;
	}
	return answer(server, connection, url, method, asked);
}

void nvb_route_done(
	void *data, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why)
{
	struct nvb_peer *peer = nvb_peer_of(connection);

	(void)data;
	(void)why;
	free(*context);
	*context = NULL;
	if (peer) {
		peer->answering = false;
		peer->since = nvb_web_now();
	}
}
