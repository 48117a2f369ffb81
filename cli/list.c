// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domains, devices and vectors: the lists. What they show is in the tables of columns below; the
 * defaults fit 120 characters, everything else can be asked for with -o.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "writer.h"

#define SHOWN COLUMN_DEFAULT
#define NUMBER COLUMN_RIGHT
#define SHOWN_NUMBER (COLUMN_DEFAULT | COLUMN_RIGHT)

static const char *color_state(const json_t *value)
{
	static const char *const bad[] = { "orphaned", "refused" };
	const char *state = json_string_value(value);
	size_t i;

	for (i = 0; state && i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(state, bad[i]) == 0)
			return "red";
	return NULL;
}

static const struct column domain_columns[] = {
	{ .name = "ID", .key = "id", .flags = SHOWN_NUMBER },
	{ .name = "NAME", .key = "name", .flags = SHOWN | COLUMN_TREE },
	{ .name = "BUS-TOKEN", .key = "bus_token", .flags = SHOWN },
	{ .name = "PARENT", .key = "parent", .flags = SHOWN_NUMBER },
	{ .name = "DEVICE", .key = "device", .flags = SHOWN },
	{ .name = "MAPPED", .key = "mapped", .flags = SHOWN_NUMBER },
	{ .name = "CHIP", .key = "chip", .flags = SHOWN },
	{ .name = "IMMUTABILITY", .key = "immutability", .flags = SHOWN },
	{ .name = "FLAGS", .key = "flags" },
	{ .name = "HWIRQ-MAX", .key = "hwirq_max", .flags = NUMBER },
	{ .name = "AFFINITY-CHANGES", .key = "affinity_changes", .flags = NUMBER },
	{ .name = "MESSAGE-CHANGES", .key = "message_changes", .flags = NUMBER },
	{}
};

static const struct column device_columns[] = {
	{ .name = "DEVICE", .key = "device", .flags = SHOWN },
	{ .name = "BUS", .key = "bus", .flags = SHOWN },
	{ .name = "DRIVER", .key = "driver", .flags = SHOWN },
	{ .name = "PARENT", .key = "parent", .flags = SHOWN },
	{ .name = "ASKED", .key = "asked", .text = text_span, .flags = SHOWN_NUMBER },
	{ .name = "GRANTED", .key = "granted", .flags = SHOWN_NUMBER },
	{ .name = "USED", .key = "used", .flags = SHOWN_NUMBER },
	{ .name = "SHARED",
	  .key = "features",
	  .text = text_results,
	  .member = "shared",
	  .flags = SHOWN_NUMBER },
	{ .name = "POLLED",
	  .key = "features",
	  .text = text_results,
	  .member = "polled",
	  .flags = SHOWN_NUMBER },
	{ .name = "REFUSED",
	  .key = "features",
	  .text = text_results,
	  .member = "refused",
	  .flags = SHOWN_NUMBER },
	{ .name = "UNCLAIMED",
	  .key = "features",
	  .text = text_results,
	  .member = "unclaimed",
	  .flags = NUMBER },
	{ .name = "FEATURES", .key = "features", .member = "feature" },
	{ .name = "MODULE", .key = "module" },
	{ .name = "CLASS", .key = "class" },
	{}
};

static const struct column device_fields[] = {
	{ .name = "Device", .key = "device" },
	{ .name = "Bus", .key = "bus" },
	{ .name = "Driver", .key = "driver" },
	{ .name = "Module", .key = "module" },
	{ .name = "Parent", .key = "parent" },
	{ .name = "Class", .key = "class" },
	{ .name = "Vectors asked", .key = "asked", .text = text_span },
	{ .name = "Granted", .key = "granted" },
	{ .name = "Used", .key = "used" },
	{}
};

static const struct column feature_columns[] = {
	{ .name = "FEATURE", .key = "feature", .flags = SHOWN },
	{ .name = "INSTANCE", .key = "instance", .flags = SHOWN },
	{ .name = "MESSAGE", .key = "message_number", .flags = SHOWN_NUMBER },
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "RESULT", .key = "result", .flags = SHOWN, .color = color_state },
	{ .name = "ERROR", .key = "errno", .text = text_errno, .flags = SHOWN },
	{ .name = "REASON", .key = "reason", .flags = SHOWN },
	{}
};

static const struct column vector_columns[] = {
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "PROVIDER", .key = "provider", .flags = SHOWN },
	{ .name = "INDEX", .key = "index", .flags = SHOWN_NUMBER },
	{ .name = "MESSAGE", .key = "message", .text = text_message, .flags = SHOWN },
	{ .name = "CPU", .key = "effective_affinity", .flags = SHOWN },
	{ .name = "STATE", .key = "state", .flags = SHOWN, .color = color_state },
	{ .name = "INTERRUPTS", .key = "interrupts", .flags = SHOWN_NUMBER },
	{ .name = "OWNER", .key = "owners", .member = "device", .flags = SHOWN },
	{ .name = "RELATION", .key = "owners", .member = "relation", .flags = SHOWN },
	{ .name = "ACTION", .key = "owners", .member = "action", .flags = SHOWN },
	{ .name = "BUS", .key = "owners", .member = "bus" },
	{ .name = "DRIVER", .key = "owners", .member = "driver" },
	{ .name = "MODULE", .key = "owners", .member = "module" },
	{ .name = "HANDLER", .key = "owners", .member = "handler" },
	{ .name = "EVIDENCE", .key = "owners", .member = "evidence" },
	{ .name = "DOMAIN", .key = "domain", .flags = NUMBER },
	{ .name = "CHIP", .key = "chip" },
	{ .name = "HWIRQ", .key = "hwirq", .flags = NUMBER },
	{ .name = "TARGET", .key = "target", .text = text_target },
	{ .name = "AFFINITY", .key = "affinity" },
	{ .name = "MANAGED", .key = "managed" },
	{ .name = "ORIGIN", .key = "origin" },
	{ .name = "CHANGES", .key = "message_changes", .flags = NUMBER },
	{ .name = "SYSFS", .key = "sysfs" },
	{}
};

enum exit_code verb_domains(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *domains = NULL;
	int r;

	(void)argument;
	r = writer_new(domain_columns, options, &writer);
	if (r == 0)
		r = client_call(options, "ListDomains", json_object(), "domains", JSON_ARRAY,
				&domains);
	if (r == 0)
		r = writer_list(writer, domains, options->tree ? "id" : NULL,
				options->tree ? "parent" : NULL);
	return exit_code_of(r);
}

static int print_details(const struct options *options, const json_t *device)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	const json_t *features = json_object_get(device, "features");
	int r;

	r = writer_properties(device_fields, options, device);
	if (r < 0 || json_array_size(features) == 0)
		return r;
	putchar('\n');
	r = writer_new(feature_columns, options, &writer);
	return r < 0 ? r : writer_list(writer, features, NULL, NULL);
}

enum exit_code verb_devices(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *devices = NULL;
	const json_t *device;
	json_t *parameters;
	int r;

	r = writer_new(device_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	parameters = json_pack("{s:o*}", "device", argument ? json_text(argument) : NULL);
	r = client_call(options, "ListDevices", parameters, "devices", JSON_ARRAY, &devices);
	if (r < 0)
		return exit_code_of(r);
	if (!argument)
		return exit_code_of(writer_list(writer, devices, NULL, NULL));

	device = json_array_get(devices, 0);
	if (!json_is_object(device)) {
		warnx("%s: the daemon knows nothing of it", argument);
		return EXIT_FAILED;
	}
	/* Columns are for scripts; people get the features, too. */
	if (options->json || options->output)
		return exit_code_of(writer_object(writer, device));
	return exit_code_of(print_details(options, device));
}

enum exit_code verb_vectors(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *vectors = NULL;
	json_t *parameters;
	int r;

	(void)argument;
	r = writer_new(vector_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	parameters = json_pack("{s:o*, s:o*}", "device",
			       options->device ? json_text(options->device) : NULL, "irq",
			       options->irq >= 0 ? json_integer(options->irq) : NULL);
	r = client_call(options, "ListVectors", parameters, "vectors", JSON_ARRAY, &vectors);
	if (r == 0)
		r = writer_list(writer, vectors, NULL, NULL);
	return exit_code_of(r);
}
