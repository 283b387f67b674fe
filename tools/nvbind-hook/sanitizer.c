/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Only in builds with a sanitizer. A runtime calls the hook with the environment of its configuration, so
 * that no ASAN_OPTIONS reach it, and in a container's process namespace under the host's /proc, where the
 * leak checker cannot find its own process and fails the hook. Everything else is checked.
 */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
