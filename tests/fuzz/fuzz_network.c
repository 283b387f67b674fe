/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "network/network.h"
#include "network/port.h"

/* Three readers of one text: a published port, a subnet, a network's definition. What is accepted means the
 * same again. */

static void check_port(const char *text)
{
	struct nvb_port_range range, again;
	char out[NVB_PORT_TEXT];
	nvb_error *err = NULL;
	int rc = nvb_port_parse(text, &range, &err);

	FUZZ_CHECK((rc < 0) == (err != NULL));
	nvb_error_free(err);
	if (rc < 0)
		return;
	FUZZ_CHECK(range.count >= 1 && range.first.container >= 1);
	FUZZ_CHECK(range.first.container + range.count - 1 <= 65535);
	FUZZ_CHECK(!range.first.host || range.first.host + range.count - 1 <= 65535);
	FUZZ_CHECK(strlen(nvb_port_format(&range.first, out)) < sizeof(out));
	FUZZ_CHECK(nvb_port_parse(text, &again, NULL) == 0 && again.count == range.count);
}

static void check_subnet(const char *text)
{
	struct nvb_subnet subnet, again;
	char out[NVB_SUBNET_TEXT];

	if (nvb_subnet_parse(text, &subnet, NULL) < 0)
		return;
	FUZZ_CHECK(nvb_subnet_parse(nvb_subnet_format(subnet, out), &again, NULL) == 0);
	FUZZ_CHECK(again.base == subnet.base && again.prefix == subnet.prefix);
	FUZZ_CHECK(nvb_subnets_overlap(subnet, again));
}

static void check_definition(const char *text)
{
	_cleanup_network_ struct nvb_network_info network = {0}, again = {0};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	json_object *object = json_tokener_parse(text);
	nvb_error *err = NULL;
	int rc = nvb_network_read(object, "network", &network, &err);

	json_object_put(object);
	FUZZ_CHECK((rc < 0) == (err != NULL));
	nvb_error_free(err);
	if (rc < 0)
		return;
	nvb_network_write(&network, &out);
	object = json_tokener_parse(out.s);
	FUZZ_CHECK(object);
	FUZZ_CHECK(nvb_network_read(object, "network", &again, NULL) == 0);
	json_object_put(object);
	FUZZ_CHECK(again.gateway == network.gateway);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	check_port(text);
	check_subnet(text);
	check_definition(text);
	free(text);
	return 0;
}
