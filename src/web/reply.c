/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "web/internal.h"
#include "web/page.h"

/* Answers, each with what tells a browser to be careful with them. */

/* Only what this server itself sends may run, and nobody may be told anything: the page needs nobody. */
#define CONTENT_POLICY                                                                                  \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " \
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

static const struct {
	const char *name, *value;
} always[] = {
	{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	{MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff"},
	{"Content-Security-Policy", CONTENT_POLICY},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Referrer-Policy", "no-referrer"},
};

enum MHD_Result nvb_reply_kept(struct nvb_server *server, struct MHD_Connection *connection, unsigned status,
	struct MHD_Response *response)
{
	for (size_t i = 0; i < NVB_ELEMENTS(always); i++)
		if (!MHD_get_response_header(response, always[i].name))
			MHD_add_response_header(response, always[i].name, always[i].value);
	if (status >= 400)
		server->refused++;
	return MHD_queue_response(connection, status, response);
}

enum MHD_Result nvb_reply(struct nvb_server *server, struct MHD_Connection *connection, unsigned status,
	struct MHD_Response *response)
{
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	queued = nvb_reply_kept(server, connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

enum MHD_Result nvb_reply_text(
	struct nvb_server *server, struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);

	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
		if (status == MHD_HTTP_UNAUTHORIZED)
			MHD_add_response_header(
				response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"nvbind\"");
		if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
			MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	}
	return nvb_reply(server, connection, status, response);
}

enum MHD_Result nvb_reply_file(
	struct nvb_server *server, struct MHD_Connection *connection, unsigned status, const char *name)
{
	for (size_t i = 0; i < nvb_page_file_count; i++) {
		const struct nvb_page_file *file = &nvb_page_files[i];
		struct MHD_Response *response;

		if (!nvb_streq(file->name, name))
			continue;
		response = MHD_create_response_from_buffer(
			file->size, (void *)file->data, MHD_RESPMEM_PERSISTENT);
		if (response)
			MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, file->type);
		return nvb_reply(server, connection, status, response);
	}
	return nvb_reply_text(server, connection, MHD_HTTP_NOT_FOUND, "nothing is here\n");
}

enum MHD_Result nvb_reply_redirect(
	struct nvb_server *server, struct MHD_Connection *connection, const char *cookie)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	char header[256];

	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "/");
		/* Lax, not Strict: who follows the link from a message would not be let in. Nothing here is
		 * changed by a GET. */
		snprintf(header, sizeof(header), NVB_WEB_COOKIE "=%s; Path=/; HttpOnly; SameSite=Lax%s%s",
			cookie, server->options.tls_cert ? "; Secure" : "", *cookie ? "" : "; Max-Age=0");
		MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, header);
	}
	return nvb_reply(server, connection, MHD_HTTP_SEE_OTHER, response);
}
