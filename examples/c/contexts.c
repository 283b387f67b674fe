/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two contexts of one GPU, prepared ahead: one of each half of its multiprocessors where the driver can do
 *that. The thread changes between them and back, in the time a call of the driver takes.
 *
 *	cc contexts.c $(pkg-config --cflags --libs nvbind) -o contexts
 *	./contexts [LIBCUDA]
 */
#include <stdio.h>

#include <nvbind/context.h>

static int prepare(nvb_contexts *contexts, unsigned half, nvb_context **context, nvb_error **error)
{
	const struct nvb_context_options green = {
		.size = sizeof(green), .kind = NVB_CONTEXT_GREEN, .group = half};
	const struct nvb_context_options own = {.size = sizeof(own), .kind = NVB_CONTEXT_OWN};

	if (nvb_context_prepare(contexts, &green, context, NULL) == 0)
		return 0;
	return nvb_context_prepare(contexts, &own, context, error); /* a driver before 550, a small GPU */
}

int main(int argc, char **argv)
{
	const struct nvb_contexts_options options = {
		.size = sizeof(options), .library = argc > 1 ? argv[1] : NULL};
	struct nvb_context_info info = {.size = sizeof(info)};
	nvb_context *game = NULL, *stream = NULL;
	nvb_contexts *contexts = NULL;
	nvb_error *error = NULL;
	void *before;
	int rc = nvb_contexts_open(&options, &contexts, &error);

	if (rc == 0)
		rc = prepare(contexts, 0, &game, &error);
	if (rc == 0)
		rc = prepare(contexts, 1, &stream, &error);
	if (rc == 0)
		rc = nvb_context_bind(game, &error); /* CUDA calls of this thread go there */
	if (rc == 0)
		rc = nvb_context_switch(stream, &before, &error);
	if (rc == 0)
		rc = nvb_context_switch_back(stream, before, &error);
	if (rc == 0)
		rc = nvb_context_info(game, &info, &error);
	if (rc == 0)
		printf("%s: %u multiprocessors\n", info.uuid, info.multiprocessors);
	else
		fprintf(stderr, "contexts: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	nvb_context_release(stream);
	nvb_context_release(game);
	nvb_contexts_close(contexts);
	return rc < 0;
}
