/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"
#include "sim/mps/mps.h"

/*
 * As a client of CUDA's Multi-Process Service. A program asks the daemon in its pipe directory; where none
 * answers it runs without MPS, and so without any limit, and says nothing: that is how the real one is.
 */

static int connect_daemon(void)
{
	const char *given = getenv("CUDA_MPS_PIPE_DIRECTORY");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control",
		    given && *given ? given : MPS_PIPES) >= sizeof(address.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct device *find_device(struct driver *driver, const char *uuid)
{
	CUuuid wanted = cuda_uuid(uuid);

	for (int i = 0; i < driver->count; i++)
		if (memcmp(&driver->device[i].uuid, &wanted, sizeof(wanted)) == 0)
			return &driver->device[i];
	return NULL;
}

static void limit_compute(struct driver *driver, unsigned tenths)
{
	for (int i = 0; i < driver->count; i++) {
		uint32_t sms = driver->device[i].whole_sms * tenths / 1000;

		if (sms < driver->device[i].sms)
			driver->device[i].sms = sms ? sms : 1;
	}
}

/* What the server says; devices that it does not serve are not there. */
static void take_limits(struct driver *driver, char *packet)
{
	bool served[SIM_GPU_MAX] = {false};
	int kept = 0;

	for (char *save = NULL, *line = strtok_r(packet, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char uuid[MPS_UUID];
		unsigned long long bytes;
		unsigned tenths;

		if (sscanf(line, "percent %u", &tenths) == 1) {
			limit_compute(driver, tenths);
		} else if (sscanf(line, "device %79s %llu", uuid, &bytes) == 2) {
			struct device *device = find_device(driver, uuid);

			if (!device)
				continue;
			served[device - driver->device] = true;
			device->limit = bytes;
		}
	}
	for (int i = 0; i < driver->count; i++)
		if (served[i])
			driver->device[kept++] = driver->device[i];
	driver->count = kept;
}

static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	return *end == 'G' ? number << 30 : *end == 'M' ? number << 20 : 0;
}

/*
 * CUDA_MPS_PINNED_DEVICE_MEM_LIMIT ("0=1G,1=512M") lowers the limits further. One device in it that is not
 * visible drops every limit, the daemon's too, without a word.
 */
static void take_environment(struct driver *driver)
{
	const char *text = getenv("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT");
	const char *percent = getenv("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE");

	if (percent && atof(percent) > 0)
		limit_compute(driver, (unsigned)(atof(percent) * 10));
	for (; text && *text; text += strcspn(text, ","), text += *text == ',') {
		char word[MPS_UUID + 32];
		char *value, *end;
		struct device *device;
		uint64_t bytes;
		long number;

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, ","), text);
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		number = strtol(word, &end, 10);
		device = *end || end == word			 ? find_device(driver, word)
			 : number >= 0 && number < driver->count ? &driver->device[number]
								 : NULL;
		bytes = value ? parse_size(value) : 0;
		if (!device || !bytes) {
			for (int i = 0; i < driver->count; i++)
				driver->device[i].limit = 0;
			return;
		}
		if (!device->limit || bytes < device->limit)
			device->limit = bytes;
	}
}

CUresult cuda_mps_connect(struct driver *driver)
{
	static const char hello[] = MPS_CLIENT;
	enum { PATIENCE_MS = 30000 };
	char packet[MPS_PACKET];
	struct pollfd polled;
	ssize_t n = -1;

	driver->mps = connect_daemon();
	if (driver->mps < 0)
		return CUDA_SUCCESS;
	polled = (struct pollfd){.fd = driver->mps, .events = POLLIN};
	if (send(driver->mps, hello, sizeof(hello) - 1, MSG_NOSIGNAL) > 0 &&
		poll(&polled, 1, PATIENCE_MS) == 1)
		n = recv(driver->mps, packet, sizeof(packet) - 1, 0);
	if (n <= 0) {
		cuda_mps_disconnect(driver);
		return CUDA_ERROR_MPS_CONNECTION_FAILED;
	}
	packet[n] = '\0';
	take_limits(driver, packet);
	take_environment(driver);
	return driver->count ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

void cuda_mps_disconnect(struct driver *driver)
{
	if (driver->mps >= 0)
		close(driver->mps);
	driver->mps = -1;
}

/* A server that has gone takes its clients with it. */
CUresult cuda_mps_health(const struct driver *driver)
{
	struct pollfd polled = {.fd = driver->mps};

	if (driver->mps < 0)
		return CUDA_SUCCESS;
	return poll(&polled, 1, 0) == 1 && polled.revents & (POLLHUP | POLLERR) ? CUDA_ERROR_MPS_RPC_FAILURE
										: CUDA_SUCCESS;
}
