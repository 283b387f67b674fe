/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public functions of contexts, as a program that links libnvbind has them, on the CUDA driver that is
 *named.
 *
 *	contexts LIBRARY open                     opens and closes; prints nothing
 *	contexts LIBRARY use UUID PCI             prepares every kind, binds, switches, releases
 *	contexts LIBRARY green COUNT GROUP        prepares one, prints how many multiprocessors it has
 *	contexts LIBRARY threads                  eight threads bind eight contexts in turn
 *	contexts LIBRARY fork                     what a child of fork is told
 *	contexts LIBRARY prohibit NVML            lets nobody compute on the first GPU, by that libnvidia-ml
 *	contexts LIBRARY device NAME              prepares the primary context of a device; prints its UUID
 *
 * Exits with 1 and one line when something is not as it should be; what the library refuses is printed as
 * "CODE: message" with status 3.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nvbind/context.h"

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
			exit(1);                                                        \
		}                                                                       \
	} while (0)

static nvb_contexts *contexts;
static int (*get_current)(void **context);

static void must(int rc, nvb_error **error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s: %s\n", nvb_error_code_name(nvb_error_code(*error)), nvb_error_message(*error));
	exit(3);
}

static void *current(void)
{
	void *context = NULL;

	CHECK(get_current(&context) == 0);
	return context;
}

static nvb_context *prepare(struct nvb_context_options options)
{
	nvb_context *context = NULL;
	nvb_error *error = NULL;
	void *before = current();

	options.size = sizeof(options);
	must(nvb_context_prepare(contexts, &options, &context, &error), &error);
	CHECK(current() == before); /* preparing binds nothing */
	return context;
}

static struct nvb_context_info info_of(const nvb_context *context)
{
	struct nvb_context_info info = {.size = sizeof(info)};

	CHECK(nvb_context_info(context, &info, NULL) == 0);
	return info;
}

static void refused(struct nvb_context_options options, enum nvb_error_code code)
{
	nvb_context *context = NULL;
	nvb_error *error = NULL;

	if (!options.size)
		options.size = sizeof(options);
	CHECK(nvb_context_prepare(contexts, &options, &context, &error) == -(int)code);
	CHECK(nvb_error_code(error) == code && *nvb_error_message(error) && !context);
	nvb_error_free(error);
}

static void use(const char *uuid, const char *pci)
{
	nvb_context *primary = prepare((struct nvb_context_options){.device = uuid});
	nvb_context *same = prepare((struct nvb_context_options){.device = pci});
	nvb_context *own =
		prepare((struct nvb_context_options){.kind = NVB_CONTEXT_OWN, .device = uuid, .flags = 1});
	nvb_context *other = prepare((struct nvb_context_options){.ordinal = 1});
	struct nvb_context_info info = {0};
	void *before = &info;

	CHECK(nvb_context_handle(primary) == nvb_context_handle(same));
	CHECK(nvb_context_handle(own) != nvb_context_handle(primary));
	CHECK(strcmp(info_of(primary).uuid, uuid) == 0 && strcmp(info_of(own).uuid, uuid) == 0);
	CHECK(strcmp(info_of(other).uuid, uuid) != 0 && info_of(other).ordinal == 1);
	CHECK(info_of(own).kind == NVB_CONTEXT_OWN && info_of(own).multiprocessors > 0);
	CHECK(nvb_context_info(own, &info, NULL) == -NVB_ERR_INVALID);

	CHECK(current() == NULL);
	CHECK(nvb_context_bind(primary, NULL) == 0 && current() == nvb_context_handle(primary));
	CHECK(nvb_context_switch(own, &before, NULL) == 0 && current() == nvb_context_handle(own));
	CHECK(before == nvb_context_handle(primary));
	CHECK(nvb_context_switch_back(own, before, NULL) == 0 && current() == before);
	CHECK(nvb_context_bind(other, NULL) == 0 && current() == nvb_context_handle(other));
	CHECK(nvb_contexts_unbind(contexts, NULL) == 0 && current() == NULL);
	CHECK(nvb_context_switch(own, &before, NULL) == 0 && before == NULL);
	CHECK(nvb_context_switch_back(own, before, NULL) == 0 && current() == NULL);

	refused((struct nvb_context_options){.size = 8}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.kind = (enum nvb_context_kind)7}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.flags = 4}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.multiprocessors = 8}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.kind = NVB_CONTEXT_OWN, .group = 1}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.device = uuid, .ordinal = 1}, NVB_ERR_INVALID);
	refused((struct nvb_context_options){.ordinal = 4711}, NVB_ERR_NOT_FOUND);
	refused((struct nvb_context_options){.device = "GPU-00000000-0000-0000-0000-000000000000"},
		NVB_ERR_NOT_FOUND);
	refused((struct nvb_context_options){.device = "ffff:ff:1f.0"}, NVB_ERR_NOT_FOUND);
	refused((struct nvb_context_options){.device = "gpu zero"}, NVB_ERR_INVALID);

	/* Contexts outlive the handle they were made with; a context that is gone says so. */
	nvb_contexts_close(contexts);
	contexts = NULL;
	CHECK(nvb_context_bind(own, NULL) == 0);
	nvb_context_release(same);
	CHECK(nvb_context_bind(primary, NULL) == 0);
	nvb_context_release(own);
	nvb_context_release(primary);
	nvb_context_release(other);
	nvb_context_release(NULL);
	nvb_contexts_close(NULL);
}

static void green(unsigned count, unsigned group)
{
	nvb_context *context = prepare((struct nvb_context_options){
		.kind = NVB_CONTEXT_GREEN, .multiprocessors = count, .group = group});

	CHECK(info_of(context).kind == NVB_CONTEXT_GREEN);
	CHECK(nvb_context_bind(context, NULL) == 0 && current() == nvb_context_handle(context));
	CHECK(nvb_contexts_unbind(contexts, NULL) == 0);
	printf("%u\n", info_of(context).multiprocessors);
	nvb_context_release(context);
}

enum { THREADS = 8, ROUNDS = 2000 };
static nvb_context *shared[THREADS];

static void *bind_in_turn(void *number)
{
	size_t first = (size_t)number;

	for (size_t i = 0; i < ROUNDS; i++) {
		nvb_context *context = shared[(first + i) % THREADS];

		CHECK(nvb_context_bind(context, NULL) == 0);
		CHECK(current() == nvb_context_handle(context));
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		shared[i] = prepare((struct nvb_context_options){.kind = NVB_CONTEXT_OWN, .ordinal = i % 2});
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, bind_in_turn, (void *)i) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	for (size_t i = 0; i < THREADS; i++)
		nvb_context_release(shared[i]);
}

static void in_child(void)
{
	nvb_context *context = prepare((struct nvb_context_options){.ordinal = 0});
	nvb_error *error = NULL;
	pid_t child = fork();
	int status;

	if (child == 0) {
		int rc = nvb_context_bind(context, &error);

		_exit(rc == -NVB_ERR_UNSUPPORTED &&
					strstr(nvb_error_message(error), "CUDA_ERROR_NOT_INITIALIZED")
				? 0
				: 1);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	nvb_context_release(context);
}

static void prohibit(const char *path)
{
	void *nvml = dlopen(path, RTLD_NOW | RTLD_LOCAL), *gpu;
	int (*init)(void), (*get)(unsigned index, void **gpu), (*set)(void *gpu, int mode);

	CHECK(nvml);
	*(void **)&init = dlsym(nvml, "nvmlInit_v2");
	*(void **)&get = dlsym(nvml, "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&set = dlsym(nvml, "nvmlDeviceSetComputeMode");
	CHECK(init && get && set && init() == 0 && get(0, &gpu) == 0 && set(gpu, 2) == 0);
}

int main(int argc, char **argv)
{
	struct nvb_contexts_options options = {.size = sizeof(options), .library = argc > 1 ? argv[1] : ""};
	const char *what = argc > 2 ? argv[2] : "";
	nvb_error *error = NULL;
	void *library;

	CHECK(argc > 2);
	must(nvb_contexts_open(&options, &contexts, &error), &error);
	library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
	CHECK(library);
	*(void **)&get_current = dlsym(library, "cuCtxGetCurrent");
	CHECK(get_current);
	if (strcmp(what, "use") == 0 && argc == 5)
		use(argv[3], argv[4]);
	else if (strcmp(what, "green") == 0 && argc == 5)
		green((unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
	else if (strcmp(what, "threads") == 0)
		threads();
	else if (strcmp(what, "fork") == 0)
		in_child();
	else if (strcmp(what, "prohibit") == 0 && argc == 4)
		prohibit(argv[3]);
	else if (strcmp(what, "device") == 0 && argc == 4) {
		nvb_context *context = prepare((struct nvb_context_options){.device = argv[3]});

		printf("%s\n", info_of(context).uuid);
		nvb_context_release(context);
	} else
		CHECK(strcmp(what, "open") == 0);
	nvb_contexts_close(contexts);
	return 0;
}
