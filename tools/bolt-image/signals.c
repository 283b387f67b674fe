/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "bolt-image.h"

static volatile sig_atomic_t requested;

static void on_signal(int number)
{
	requested = number;
}

void stop_signals_install(void)
{
	/* Without SA_RESTART: a blocking call must return so that the work can end. */
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool stop_requested(void)
{
	return requested != 0;
}

int stop_error(nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_CANCELLED, "stopped by signal %d; nothing was kept", (int)requested);
}
