/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "exporter/exporter.h"
#include "web/internal.h"

/* /metrics. A sample is rendered once for each dialect: who asks more often than samples are taken is handed
 * the same bytes. */

static uint64_t resident_bytes(void)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	unsigned long long pages;

	/* The second number of /proc/self/statm, proc(5). */
	if (nvb_file_read(AT_FDCWD, "/proc/self/statm", 256, &text, &size, NULL) < 0 ||
		sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct nvb_exporter_self self_of(const struct nvb_server *server)
{
	struct timespec cpu = {0};

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (struct nvb_exporter_self){
		.scrapes = server->scrapes,
		.refused = server->refused,
		.connections = server->peer_count,
		.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec,
		.resident_bytes = resident_bytes(),
	};
}

static struct MHD_Response *render(const struct nvb_server *server, enum nvb_dialect dialect)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	struct nvb_exporter_self self = self_of(server);
	struct MHD_Response *response;
	size_t size;
	int rc = server->options.dcgm ? nvb_exporter_render_dcgm(server->sample, server->host, &out, NULL)
				      : nvb_exporter_render(server->sample, &self, dialect, &out, NULL);
	char *text;

	size = out.len;
	text = rc == 0 ? nvb_sb_finish(&out) : NULL;
	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, nvb_dialect_content_type(dialect));
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	return response;
}

/* No sample for so long that the last one says nothing of now. */
static bool is_stalled(const struct nvb_server *server)
{
	return nvb_web_now() - server->published >
	       10 * nvb_sample_interval(server->sample) + UINT64_C(10000000000);
}

enum MHD_Result nvb_reply_metrics(struct nvb_server *server, struct MHD_Connection *connection)
{
	enum nvb_dialect dialect = NVB_DIALECT_PROMETHEUS;
	struct MHD_Response **kept;

	if (!server->sample)
		return nvb_reply_text(
			server, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "nothing has been measured yet\n");
	if (is_stalled(server))
		return nvb_reply_text(server, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"nothing has been measured for a long time\n");
	if (!server->options.dcgm)
		dialect = nvb_dialect_for(
			MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	kept = &server->metrics[dialect];
	if (!*kept)
		*kept = render(server, dialect);
	if (!*kept)
		return nvb_reply_text(server, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	server->scrapes++;
	return nvb_reply_kept(server, connection, MHD_HTTP_OK, *kept);
}

void nvb_metrics_forget(struct nvb_server *server)
{
	for (size_t i = 0; i < NVB_ELEMENTS(server->metrics); i++) {
		if (server->metrics[i])
			MHD_destroy_response(server->metrics[i]);
		server->metrics[i] = NULL;
	}
}
