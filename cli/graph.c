// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * graph: device -> vector -> domain as a picture. The drawing is the daemon's page's own; here, the
 * lists for it come over the socket.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "cxlirqd/json.h"
#include "daemon/picture.h"

#include "client.h"
#include "verb.h"
#include "writer.h"

/* More makes no picture that anybody could read, and with more dot(1) takes minutes. */
#define SVG_VECTORS_MAX 500
#define DOT_VECTORS_MAX 2000

static int ask(const struct options *options, json_t *ret[static 3])
{
	static const struct {
		const char *method, *key;
	} lists[] = { { "ListDevices", "devices" },
		      { "ListVectors", "vectors" },
		      { "ListDomains", "domains" } };
	int r = 0;

	for (size_t i = 0; i < 3 && r >= 0; i++) {
		json_t *parameters = json_object();

		if (i == 1 && options->device)
			json_put(&parameters, "device", json_text(options->device));
		r = client_call(options, lists[i].method, parameters, lists[i].key, JSON_ARRAY,
				&ret[i]);
	}
	return r;
}

static int print_picture(const struct options *options, const struct picture *picture)
{
	bool svg = options->format && !strcmp(options->format, "svg");
	_cleanup_free_ char *text = NULL;
	json_auto_t *json = NULL;
	size_t size;
	int r;

	if (*picture_note(picture))
		warnx("%s", picture_note(picture));
	if (options->json) {
		json = picture_to_json(picture);
		if (json)
			return writer_json(json);
		r = -ENOMEM;
	} else {
		r = svg ? picture_to_svg(picture, &text, &size) :
			  picture_to_dot(picture, &text, &size);
	}
	if (r < 0) {
		warnx("%s", strerror(-r));
		return r;
	}
	fwrite(text, 1, size, stdout);
	writer_flush();
	return 0;
}

enum exit_code verb_graph(const struct options *options, const char *argument)
{
	_cleanup_(picture_freep) struct picture *picture = NULL;
	bool svg = !options->json && options->format && !strcmp(options->format, "svg");
	json_t *lists[3] = {};
	int r = ask(options, lists);

	(void)argument;
	if (r >= 0) {
		struct picture_source source = { .devices = lists[0],
						 .vectors = lists[1],
						 .domains = lists[2] };

		r = picture_new(&source, options->device, svg ? SVG_VECTORS_MAX : DOT_VECTORS_MAX,
				&picture);
		if (r < 0)
			warnx("%s", strerror(-r));
	}
	for (size_t i = 0; i < 3; i++)
		json_decref(lists[i]);
	if (r >= 0)
		r = print_picture(options, picture);
	return exit_code_of(r);
}
