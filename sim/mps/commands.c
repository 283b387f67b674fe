/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/mps/mps.h"

/* The commands of nvidia-cuda-mps-control. Source: NVIDIA's "Multi-Process Service", its man page. */

enum { WORDS = 5 };

bool mps_parse_size(const char *text, uint64_t *bytes)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (end == text || !*end || end[1] || number > (1ULL << 34))
		return false;
	if (*end == 'M' || *end == 'm')
		*bytes = number << 20;
	else if (*end == 'G' || *end == 'g')
		*bytes = number << 30;
	else
		return false;
	return true;
}

/* A device by its number among the visible ones, or its UUID. */
static struct mps_device *find_device(struct mps_limits *limits, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name && !*end)
		return number < limits->count ? &limits->devices[number] : NULL;
	for (uint32_t i = 0; i < limits->count; i++)
		if (strcasecmp(limits->devices[i].uuid, name) == 0)
			return &limits->devices[i];
	return NULL;
}

void mps_limits_from_environment(struct mps_limits *limits, const char *text)
{
	char *copy = strdup(text);

	for (char *save = NULL, *word = copy ? strtok_r(copy, ",", &save) : NULL; word;
		word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');
		struct mps_device *device;
		uint64_t bytes;

		if (value)
			*value++ = '\0';
		device = value ? find_device(limits, word) : NULL;
		if (!device || !mps_parse_size(value, &bytes)) {
			for (uint32_t i = 0; i < limits->count; i++)
				limits->devices[i].limit = 0;
			break;
		}
		device->limit = bytes;
	}
	free(copy);
}

static void set_percent(struct mps_limits *limits, const char *text, char *reply)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end || !(percent > 0) || percent > 100) {
		snprintf(reply, MPS_PACKET, "Invalid active thread percentage: %s\n", text);
		return;
	}
	limits->percent = (uint32_t)(percent * 10);
	snprintf(reply, MPS_PACKET, "%.1f\n", percent);
}

static void show_limit(struct mps_limits *limits, const char *name, char *reply)
{
	const struct mps_device *device = find_device(limits, name);

	if (!device)
		snprintf(reply, MPS_PACKET, "Invalid device: %s\n", name);
	else if (device->limit)
		snprintf(reply, MPS_PACKET, "%lluM\n", (unsigned long long)device->limit >> 20);
	else
		snprintf(reply, MPS_PACKET, "Memory limit is not set\n");
}

static void set_limit(struct mps_limits *limits, const char *name, const char *value, char *reply)
{
	struct mps_device *device = find_device(limits, name);
	uint64_t bytes;

	if (!device)
		snprintf(reply, MPS_PACKET, "Invalid device: %s\n", name);
	else if (!mps_parse_size(value, &bytes))
		snprintf(reply, MPS_PACKET, "Invalid memory limit: %s\n", value);
	else
		device->limit = bytes;
}

/* The server that a command names; a reply when there is none. */
static struct mps_server *server_of(struct mps_daemon *daemon, const char *pid, char *reply)
{
	if (daemon->server.pid && daemon->server.pid == atoi(pid))
		return &daemon->server;
	snprintf(reply, MPS_PACKET, "Server %s not found\n", pid);
	return NULL;
}

static void tell_server(const struct mps_server *server)
{
	char packet[MPS_PACKET];

	mps_limits_format(&server->limits, packet);
	dprintf(server->fd, "%s", packet);
}

static void list_clients(const struct mps_server *server, char *reply)
{
	size_t n = 0;

	for (uint32_t i = 0; i < server->client_count && n < MPS_PACKET; i++)
		n += (size_t)snprintf(reply + n, MPS_PACKET - n, "%d\n", server->clients[i]);
}

static bool is(const char *word, const char *command)
{
	return word && strcmp(word, command) == 0;
}

/* Of the daemon itself. False: it is none of these. */
static bool on_daemon(struct mps_daemon *daemon, char *const words[WORDS], int count, char *reply)
{
	struct mps_limits *defaults = &daemon->defaults;

	if (is(words[0], "get_server_list")) {
		if (daemon->server.pid)
			snprintf(reply, MPS_PACKET, "%d\n", daemon->server.pid);
	} else if (is(words[0], "get_default_active_thread_percentage")) {
		snprintf(reply, MPS_PACKET, "%.1f\n", defaults->percent / 10.0);
	} else if (is(words[0], "set_default_active_thread_percentage") && count == 2) {
		set_percent(defaults, words[1], reply);
	} else if (is(words[0], "get_default_device_pinned_mem_limit") && count == 2) {
		show_limit(defaults, words[1], reply);
	} else if (is(words[0], "set_default_device_pinned_mem_limit") && count == 3) {
		set_limit(defaults, words[1], words[2], reply);
	} else if (is(words[0], "start_server") && count == 3 && is(words[1], "-uid")) {
		if (!daemon->server.pid && mps_start_server(daemon, (uid_t)atoi(words[2])) < 0)
			snprintf(reply, MPS_PACKET, "Failed to start the server\n");
	} else if (is(words[0], "quit")) {
		daemon->quit = true;
	} else {
		return false;
	}
	return true;
}

/* Of a server by its process. */
static bool on_server(struct mps_daemon *daemon, char *const words[WORDS], int count, char *reply)
{
	static const char *const names[] = {"get_server_status", "get_client_list",
		"get_active_thread_percentage", "set_active_thread_percentage", "get_device_pinned_mem_limit",
		"set_device_pinned_mem_limit", "shutdown_server"};
	static const int counts[] = {2, 2, 2, 3, 3, 4, 2};
	struct mps_server *server;
	size_t which = 0;

	while (which < sizeof(counts) / sizeof(*counts) &&
		!(is(words[0], names[which]) && count == counts[which]))
		which++;
	if (which == sizeof(counts) / sizeof(*counts))
		return false;
	server = server_of(daemon, words[1], reply);
	if (!server)
		return true;
	switch (which) {
	case 0:
		snprintf(reply, MPS_PACKET, "ACTIVE\n");
		break;
	case 1:
		list_clients(server, reply);
		break;
	case 2:
		snprintf(reply, MPS_PACKET, "%.1f\n", server->limits.percent / 10.0);
		break;
	case 3:
		set_percent(&server->limits, words[2], reply);
		tell_server(server);
		break;
	case 4:
		show_limit(&server->limits, words[2], reply);
		break;
	case 5:
		set_limit(&server->limits, words[2], words[3], reply);
		tell_server(server);
		break;
	default:
		mps_stop_server(daemon);
		break;
	}
	return true;
}

void mps_command(struct mps_daemon *daemon, char *line, bool privileged, char reply[MPS_PACKET])
{
	char *words[WORDS] = {0}, *save = NULL;
	int count = 0;

	for (char *word = strtok_r(line, " \t\n", &save); word && count < WORDS;
		word = strtok_r(NULL, " \t\n", &save))
		words[count++] = word;
	*reply = '\0';
	if (!count)
		return;
	mps_log(daemon, "Cmd:%s", words[0]);
	if (!privileged && strncmp(words[0], "get_", 4) != 0)
		snprintf(reply, MPS_PACKET, "Insufficient permissions\n");
	else if (!on_daemon(daemon, words, count, reply) && !on_server(daemon, words, count, reply))
		snprintf(reply, MPS_PACKET, "Unrecognized command \"%s\"\n", words[0]);
}
