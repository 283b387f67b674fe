/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "boltfile/boltfile.h"
#include "boltfile/variables.h"
#include "fuzz.h"

static void check_again(const char *text, size_t size)
{
	static const struct nvb_boltfile_variables variables = {0};
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_free_ char *again = NULL;

	FUZZ_CHECK(nvb_boltfile_parse(&file, text, size, "again", "/dir", &variables, NULL) == 0);
	FUZZ_CHECK(file.note_count == 0);
	FUZZ_CHECK(nvb_boltfile_print_toml(&file, &again, NULL) == 0);
	FUZZ_CHECK(strcmp(again, text) == 0);
}

/* What is taken is printed so that it means the same; what is refused says where. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const environment[] = {(char *)"A=value", (char *)"B=", (char *)"HOME=/home/jo", NULL};
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_error_ nvb_error *err = NULL, *dotenv_err = NULL;
	_cleanup_free_ char *toml = NULL, *json = NULL;
	_cleanup_strv_ char **dotenv = NULL;
	struct nvb_boltfile_variables variables = {.environment = environment};

	if (nvb_dotenv_parse((const char *)data, size, "env", &dotenv, &dotenv_err) < 0)
		FUZZ_CHECK(strncmp(nvb_error_message(dotenv_err), "env:", 4) == 0);
	variables.file = dotenv;
	if (nvb_boltfile_parse(&file, (const char *)data, size, "input", "/dir", &variables, &err) < 0) {
		FUZZ_CHECK(err && strncmp(nvb_error_message(err), "input:", 6) == 0);
		FUZZ_CHECK(!file.services && !file.arena.blocks && !file.doc.arena.blocks);
		return 0;
	}
	FUZZ_CHECK(file.service_count > 0 && file.services[0].image);
	FUZZ_CHECK(nvb_boltfile_print_toml(&file, &toml, NULL) == 0);
	FUZZ_CHECK(nvb_boltfile_print_json(&file, &json, NULL) == 0);
	check_again(toml, strlen(toml));
	return 0;
}
