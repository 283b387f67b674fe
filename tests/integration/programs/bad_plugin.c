/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nvbind/plugin.h>

/* Plugins that misbehave, each in its way: compiled with -DBAD_<what> and -DNAME="<name>". */

#ifndef SIZE
#define SIZE sizeof(struct nvb_plugin)
#endif
#ifndef ABI
#define ABI NVB_PLUGIN_ABI
#endif
#ifndef CALLED
#define CALLED NAME
#endif

static int edit(const struct nvb_plugin_host *host)
{
	int rc = host->add_env(host, NVB_PLUGIN_ALL, "BEFORE", "1", "what came before it went wrong");

#ifdef BAD_crash
	*(volatile int *)8 = 1;
#elif defined(BAD_abort)
	abort();
#elif defined(BAD_hang)
	for (;;)
		;
#elif defined(BAD_sleep)
	sleep(100);
#elif defined(BAD_fork)
	for (;;)
		fork();
#elif defined(BAD_exec)
	execl("/bin/true", "true", NULL);
#elif defined(BAD_connect)
	syscall(SYS_connect, 0, NULL, 0);
#elif defined(BAD_memory)
	for (;;)
		memset(malloc(1 << 20), 1, 1 << 20);
#elif defined(BAD_exit)
	exit(0);
#elif defined(BAD_fail)
	return 1;
#elif defined(BAD_garbage)
	for (int fd = 5; fd < 10; fd++)
		write(fd, "\377\377garbage", 9);
#elif defined(BAD_flood)
	static char many[1 << 16];

	for (int i = 0; i < 100; i++)
		for (int fd = 5; fd < 10; fd++)
			write(fd, many, sizeof(many));
#elif defined(BAD_many)
	for (int i = 0; i < 5000; i++)
		rc |= host->add_env(host, NVB_PLUGIN_ALL, "A", "b", "one of many");
#elif defined(BAD_gpu)
	rc = host->add_env(host, 99, "A", "b", "for a GPU that is none");
#elif defined(BAD_mem)
	rc = host->add_device(host, NVB_PLUGIN_ALL, "/dev/mem", "rw", "all of memory");
#elif defined(BAD_dots)
	rc = host->add_device(host, NVB_PLUGIN_ALL, "/dev/dri/../mem", "rw", "all of memory");
#elif defined(BAD_mknod)
	rc = host->add_device(host, NVB_PLUGIN_ALL, "/dev/nvidia-uvm", "rwm", "make nodes");
#elif defined(BAD_shadow)
	rc = host->add_mount(host, NVB_PLUGIN_ALL, "/etc/shadow", "/opt/shadow", "passwords");
#elif defined(BAD_target)
	rc = host->add_mount(host, NVB_PLUGIN_ALL, "/usr/share/doc", "/etc/ld.so.preload", "code");
#elif defined(BAD_preload)
	rc = host->add_env(host, NVB_PLUGIN_ALL, "LD_PRELOAD", "/x.so", "code");
#elif defined(BAD_visible)
	rc = host->add_env(host, NVB_PLUGIN_ALL, "NVIDIA_VISIBLE_DEVICES", "all", "more GPUs");
#elif defined(BAD_reason)
	rc = host->add_env(host, NVB_PLUGIN_ALL, "A", "b", "two\nlines");
#elif defined(BAD_print)
	puts("printed");
	fputs("complained", stderr);
#elif defined(BAD_write)
	rc = open("/tmp/nvbind-plugin-wrote", O_WRONLY | O_CREAT, 0600) >= 0;
	rc |= host->add_env(host, NVB_PLUGIN_ALL, "COULD_WRITE", rc ? "1" : "0", "whether files can be made");
	rc = 0;
#elif defined(BAD_identity)
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)getuid());
	rc = host->add_env(host, NVB_PLUGIN_ALL, "USER_ID", text, "who it runs as");
	snprintf(text, sizeof(text), "%d", access("/etc/shadow", R_OK));
	rc |= host->add_env(host, NVB_PLUGIN_ALL, "SHADOW", text, "whether it reads what is root's");
#endif
	return rc;
}

#ifdef BAD_constructor
__attribute__((constructor)) static void begin(void)
{
	fork();
}
#endif

#ifndef BAD_symbol
extern const struct nvb_plugin nvb_plugin_descriptor;
__attribute__((visibility("default"))) const struct nvb_plugin nvb_plugin_descriptor = {
	.size = SIZE,
	.abi = ABI,
	.name = CALLED,
	.version = "1.0",
	.summary = "a bad plugin",
	.edit = edit,
};
#endif
