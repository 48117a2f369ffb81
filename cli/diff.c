// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * diff: what is not as it was, between two saved states or between one and now. A state comes from
 * another day, kernel or machine, so what a file holds is believed only after it was looked at.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"
#include "column.h"
#include "difference.h"
#include "writer.h"

/* A state of the largest host that the daemon takes has a quarter of it. */
#define STATE_MAX (64 << 20)

/* What compares two states must not guess at their parts. */
static const char *const lists[] = { "domains", "vectors", "devices" };

static const char *color_change(const json_t *value)
{
	const char *change = json_string_value(value) ?: "";

	if (strcmp(change, "removed") == 0)
		return "red";
	return strcmp(change, "added") == 0 ? "green" : NULL;
}

static char *text_value(const json_t *value, const char *member)
{
	if (json_object_get(value, "address"))
		return text_message(value, member);
	if (json_object_get(value, "max"))
		return text_span(value, member);
	return text_plain(value, member);
}

const struct column difference_columns[] = {
	{ .name = "KIND", .key = "kind", .flags = COLUMN_DEFAULT },
	{ .name = "CHANGE", .key = "change", .flags = COLUMN_DEFAULT, .color = color_change },
	{ .name = "THING", .key = "thing", .flags = COLUMN_DEFAULT },
	{ .name = "FIELD", .key = "field", .flags = COLUMN_DEFAULT },
	{ .name = "OLD", .key = "old", .text = text_value, .flags = COLUMN_DEFAULT },
	{ .name = "NEW", .key = "new", .text = text_value, .flags = COLUMN_DEFAULT },
	{}
};

struct input {
	FILE *file;
	size_t size; /* so far */
};

/* Bounded here, for a pipe does not tell how much will come. */
static size_t read_piece(void *buffer, size_t size, void *userdata)
{
	struct input *input = userdata;
	size_t n = input->size > STATE_MAX ? 0 : fread(buffer, 1, size, input->file);

	input->size += n;
	return n;
}

static const char *missing_part(const json_t *state)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!json_is_array(json_object_get(state, lists[i])))
			return lists[i];
	return NULL;
}

static int check_state(const json_t *state, const char *name)
{
	const json_t *version = json_object_get(state, "version");
	const char *missing;

	if (!json_is_integer(version)) {
		warnx("%s: is no state that \"snapshot --json\" printed", name);
		return -EBADMSG;
	}
	if (json_integer_value(version) != STATE_VERSION) {
		warnx("%s: a state of version %lld, and this program knows version %d", name,
		      (long long)json_integer_value(version), STATE_VERSION);
		return -EBADMSG;
	}
	missing = missing_part(state);
	if (missing) {
		warnx("%s: is no whole state, it has no %s", name, missing);
		return -EBADMSG;
	}
	return 0;
}

/* Why it is none. What the parser says quotes the file, which may be anything. */
static void tell_broken(const char *name, const struct input *input, const json_error_t *error)
{
	struct stat stat;

	if (fstat(fileno(input->file), &stat) == 0 && S_ISDIR(stat.st_mode))
		warnx("%s: %s", name, strerror(EISDIR));
	else if (ferror(input->file))
		warnx("%s: cannot be read", name);
	else if (input->size > STATE_MAX)
		warnx("%s: is larger than any state, which has %d MiB at most", name,
		      STATE_MAX >> 20);
	else if (input->size == 0)
		warnx("%s: is empty", name);
	else
		warnx("%s: is no state, or not all of one: line %d is no JSON", name, error->line);
}

static int load_state(const char *name, json_t **ret)
{
	_cleanup_fclose_ FILE *file = fopen(name, "re");
	struct input input = { .file = file };
	json_auto_t *state = NULL;
	json_error_t error;
	int r;

	if (!file) {
		warn("%s", name);
		return -EBADMSG;
	}
	state = json_load_callback(read_piece, &input, 0, &error);
	if (!state) {
		tell_broken(name, &input, &error);
		return -EBADMSG;
	}
	r = check_state(state, name);
	if (r == 0)
		*ret = TAKE_PTR(state);
	return r;
}

static int ask_state(const struct options *options, json_t **ret)
{
	json_auto_t *state = NULL;
	int r;

	r = client_call(options, "Snapshot", json_object(), "snapshot", JSON_OBJECT, &state);
	if (r == 0)
		r = check_state(state, options->socket);
	if (r == 0)
		*ret = TAKE_PTR(state);
	return r;
}

enum exit_code verb_diff(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *old = NULL, *new = NULL, *differences = NULL;
	int r;

	if (!argument) {
		warnx("diff: needs a state that \"snapshot --json\" printed");
		return EXIT_USAGE;
	}
	r = writer_new(difference_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	r = load_state(argument, &old);
	if (r == 0 && options->arguments[1])
		r = load_state(options->arguments[1], &new);
	else if (r == 0)
		r = ask_state(options, &new);
	if (r < 0)
		return exit_code_of(r);
	differences = difference_find(old, new, options->all);
	if (!differences) {
		warnx("diff: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (json_array_size(differences) == 0)
		warnx("diff: nothing differs");
	return exit_code_of(writer_list(writer, differences, NULL, NULL));
}
