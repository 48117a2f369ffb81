// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard: what must stay where it is. A list, and the words that change it; what a pin asks for takes
 * the daemon a moment, and is waited for.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "writer.h"

/* What a daemon with [Guard] Persist=yes leaves behind */
#define PINNED "/sys/fs/bpf/cxlirqd/guard"
#define WAIT_NS 50000000L
#define WAITS 700 /* 35 s: who sets affinities may have to be started first */

#define SHOWN COLUMN_DEFAULT
#define SHOWN_NUMBER (COLUMN_DEFAULT | COLUMN_RIGHT)

/* ---- how it is shown --------------------------------------------------------------------------- */

static char *text_sum(const json_t *guard, const char *member)
{
	json_int_t sum = 0;
	json_t *vector;
	char *text;
	size_t i;

	json_array_foreach(json_object_get(guard, "vectors"), i, vector)
		sum += json_integer_value(json_object_get(vector, member));
	return asprintf(&text, "%" JSON_INTEGER_FORMAT, sum) < 0 ? NULL : text;
}

static char *text_by(const json_t *guard, const char *member)
{
	json_int_t uid = json_integer_value(json_object_get(guard, "uid"));
	char *text;

	(void)member;
	if (json_is_true(json_object_get(guard, "configured")))
		return strdup("settings");
	return asprintf(&text, "uid %" JSON_INTEGER_FORMAT, uid) < 0 ? NULL : text;
}

/* Why there is nothing to see of it, or what could not be set */
static char *text_trouble(const json_t *guard, const char *member)
{
	json_t *vector;
	size_t i;

	(void)member;
	json_array_foreach(json_object_get(guard, "vectors"), i, vector) {
		json_int_t error = json_integer_value(json_object_get(vector, "errno"));
		json_int_t irq = json_integer_value(json_object_get(vector, "irq"));
		char *text;

		if (error)
			return asprintf(&text, "interrupt %" JSON_INTEGER_FORMAT ": %s", irq,
					strerror((int)error)) < 0 ?
				       NULL :
				       text;
	}
	return text_plain(json_object_get(guard, "reason"), NULL);
}

static const char *color_trouble(const json_t *guard)
{
	_cleanup_free_ char *text = text_trouble(guard, NULL);

	return text ? "yellow" : NULL;
}

const struct column guard_columns[] = {
	{ .name = "GUARD", .key = "guard", .flags = SHOWN },
	{ .name = "IRQS", .key = "vectors", .text = text_plain, .member = "irq", .flags = SHOWN },
	{ .name = "CPUS",
	  .key = "vectors",
	  .text = text_plain,
	  .member = "target",
	  .flags = SHOWN },
	{ .name = "NOW",
	  .key = "vectors",
	  .text = text_plain,
	  .member = "affinity",
	  .flags = SHOWN },
	{ .name = "DENIED", .text = text_sum, .member = "denied", .flags = SHOWN_NUMBER },
	{ .name = "MOVED", .text = text_sum, .member = "moved", .flags = SHOWN_NUMBER },
	{ .name = "RESTORED", .text = text_sum, .member = "restored", .flags = SHOWN_NUMBER },
	{ .name = "BY", .text = text_by, .flags = SHOWN },
	{ .name = "TROUBLE", .text = text_trouble, .flags = SHOWN, .color = color_trouble },
	{ .name = "ID", .key = "id", .flags = COLUMN_RIGHT },
	{ .name = "KIND", .key = "kind" },
	{ .name = "DEVICE", .key = "device" },
	{ .name = "INDEX", .key = "index", .flags = COLUMN_RIGHT },
	{ .name = "RULE", .key = "rule" },
	{ .name = "PIN", .key = "cpus" },
	{ .name = "RESTORE", .key = "restore" },
	{ .name = "AUDITED", .text = text_sum, .member = "audited", .flags = COLUMN_RIGHT },
	{ .name = "SINCE", .key = "since_us", .text = text_time },
	{ .name = "PID", .key = "pid", .flags = COLUMN_RIGHT },
	{}
};

/* ---- asking ------------------------------------------------------------------------------------ */

/* @parameters is taken over; NULL is a failed json_pack(). An error has been printed. */
static int ask(const struct options *options, const char *method, json_t *parameters, json_t **ret)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *taken = parameters;
	const char *name = json_string_value(json_object_get(taken, "guard"));
	int r = client_ask(options, method, taken, ret, &text);

	if (r >= 0)
		return r;
	/* the daemon tells only which of the parameters it does not accept */
	if (text && name && strncmp(text, "guard:", 6) == 0)
		warnx("%s: is no device, DEVICE/INDEX or rule about where vectors are", name);
	else if (text && options->cpus && strncmp(text, "cpus:", 5) == 0)
		warnx("%s: is no list of CPUs", options->cpus);
	else {
		warnx("%s", text ?: strerror(-r));
		return r;
	}
	return -EINVAL;
}

static void tell_reason(const json_t *reply)
{
	const char *reason = json_string_value(json_object_get(reply, "reason"));

	if (reason)
		warnx("%s", reason);
}

static int no_memory(void)
{
	warnx("guard: %s", strerror(ENOMEM));
	return -ENOMEM;
}

/* What the options name: exactly one thing. Whatever is wrong with it is told. */
static int selector(const struct options *options, json_t **ret)
{
	_cleanup_free_ char *rule = NULL;
	json_t *named;
	int n = (options->device != NULL) + (options->irq >= 0) + options->doorbells +
		(options->rule != NULL);

	if (n != 1) {
		warnx("guard %s: needs one of --device, --irq, --doorbells and --rule",
		      options->arguments[0]);
		return -EINVAL;
	}
	if (options->rule && asprintf(&rule, "rule:%s", options->rule) < 0) {
		rule = NULL;
		return no_memory();
	}
	if (options->irq >= 0)
		named = json_pack("{s:I}", "irq", (json_int_t)options->irq);
	else
		named = json_pack("{s:o}", "guard",
				  json_text(options->device    ? options->device :
					    options->doorbells ? "doorbells" :
								 rule));
	if (!named)
		return no_memory();
	*ret = named;
	return 0;
}

static int print_guard(const struct options *options, const json_t *guard)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	int r = writer_new(guard_columns, options, &writer);

	return r < 0 ? r : writer_object(writer, guard);
}

/* The policy as it is now, NULL: it is gone, or nobody answers. */
static json_t *find_guard(const struct options *options, json_int_t id)
{
	json_auto_t *reply = NULL;
	json_t *guard;
	size_t i;

	if (ask(options, "ListGuards", json_object(), &reply) < 0)
		return NULL;
	json_array_foreach(json_object_get(reply, "guards"), i, guard)
		if (json_integer_value(json_object_get(guard, "id")) == id)
			return json_incref(guard);
	return NULL;
}

static bool is_waiting(const json_t *guard)
{
	json_t *vector;
	size_t i;

	json_array_foreach(json_object_get(guard, "vectors"), i, vector)
		if (json_is_true(json_object_get(vector, "asked")))
			return true;
	return false;
}

static bool has_failed(const json_t *guard)
{
	json_t *vector;
	size_t i;

	json_array_foreach(json_object_get(guard, "vectors"), i, vector)
		if (json_is_integer(json_object_get(vector, "errno")))
			return true;
	return false;
}

/* Until all is where it was asked to be, or could not be brought there. */
static json_t *settled(const struct options *options, const json_t *guard)
{
	const struct timespec pause = { .tv_nsec = WAIT_NS };
	json_int_t id = json_integer_value(json_object_get(guard, "id"));
	json_t *now = find_guard(options, id);

	for (unsigned int i = 0; i < WAITS && now && is_waiting(now); i++) {
		nanosleep(&pause, NULL);
		json_decref(now);
		now = find_guard(options, id);
	}
	return now;
}

static enum exit_code add(const struct options *options, json_t *parameters)
{
	json_auto_t *reply = NULL, *now = NULL;
	int r;

	if (!parameters)
		return exit_code_of(no_memory());
	json_put(&parameters, "restore", json_boolean(options->restore));
	r = ask(options, "AddGuard", parameters, &reply);
	if (r < 0)
		return exit_code_of(r);
	now = settled(options, json_object_get(reply, "guard"));
	if (!now)
		return EXIT_FAILED;
	tell_reason(reply);
	r = print_guard(options, now);
	return r < 0 || has_failed(now) ? EXIT_FAILED : EXIT_DONE;
}

/* ---- words ------------------------------------------------------------------------------------- */

static enum exit_code guard_list(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *guards = NULL;
	int r = writer_new(guard_columns, options, &writer);

	(void)argument;
	if (r == 0)
		r = client_call(options, "ListGuards", json_object(), "guards", JSON_ARRAY,
				&guards);
	if (r == 0)
		r = writer_list(writer, guards, NULL, NULL);
	return exit_code_of(r);
}

static enum exit_code guard_add(const struct options *options, const char *argument)
{
	json_t *named;
	int r = selector(options, &named);

	(void)argument;
	return r < 0 ? exit_code_of(r) : add(options, named);
}

static enum exit_code remove_named(const struct options *options, json_t *parameters)
{
	json_auto_t *reply = NULL;
	int r;

	if (!parameters)
		return exit_code_of(no_memory());
	r = ask(options, "RemoveGuard", parameters, &reply);
	return exit_code_of(r == 0 && options->json ? writer_json(reply) : r);
}

static enum exit_code guard_remove(const struct options *options, const char *argument)
{
	json_t *named;
	int r = selector(options, &named);

	(void)argument;
	return r < 0 ? exit_code_of(r) : remove_named(options, named);
}

static enum exit_code guard_pin(const struct options *options, const char *argument)
{
	if (!options->cpus) {
		warnx("guard pin: needs --cpus");
		return EXIT_USAGE;
	}
	return add(options, json_pack("{s:o, s:o}", "guard", json_text(argument), "cpus",
				      json_text(options->cpus)));
}

static enum exit_code guard_unpin(const struct options *options, const char *argument)
{
	return remove_named(options, json_pack("{s:o}", "guard", json_text(argument)));
}

/* There is no daemon that could: what one has left behind denies all the same. */
static enum exit_code release_pinned(const char *why)
{
	if (unlink(PINNED) == 0) {
		warnx("%s; removed what another daemon had pinned", why);
		return EXIT_DONE;
	}
	if (errno == ENOENT)
		warnx("%s", why);
	else
		warnx("%s, and %s cannot be removed: %s", why, PINNED, strerror(errno));
	return EXIT_FAILED;
}

static enum exit_code set_mode(const struct options *options, const char *mode)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *reply = NULL;
	json_auto_t *parameters = json_pack("{s:o}", "mode", json_text(mode));
	int r = client_ask(options, "SetGuardMode", parameters, &reply, &text);

	if ((r == -ENOENT || r == -ECONNREFUSED) && strcmp(mode, "off") == 0)
		return release_pinned(text ?: strerror(-r));
	if (r < 0) {
		warnx("%s", text ?: strerror(-r));
		return exit_code_of(r);
	}
	tell_reason(reply);
	return options->json ? exit_code_of(writer_json(json_object_get(reply, "state"))) :
			       EXIT_DONE;
}

static enum exit_code guard_mode(const struct options *options, const char *argument)
{
	static const char *const modes[] = { "off", "audit", "enforce" };
	json_auto_t *reply = NULL;
	json_t *state;
	int r;

	for (size_t i = 0; argument && i < sizeof(modes) / sizeof(*modes); i++)
		if (strcmp(argument, modes[i]) == 0)
			return set_mode(options, argument);
	if (argument) {
		warnx("%s: is not off, audit or enforce", argument);
		return EXIT_USAGE;
	}
	r = ask(options, "ListGuards", json_object(), &reply);
	if (r < 0)
		return exit_code_of(r);
	state = json_object_get(reply, "state");
	if (!json_is_object(state)) {
		tell_reason(reply);
		return EXIT_FAILED;
	}
	if (options->json)
		return exit_code_of(writer_json(state));
	puts(json_string_value(json_object_get(state, "mode")) ?: "");
	return EXIT_DONE;
}

static enum exit_code guard_off(const struct options *options, const char *argument)
{
	(void)argument;
	return set_mode(options, "off");
}

static const struct {
	const char *name;
	enum exit_code (*run)(const struct options *options, const char *argument);
	int min, max; /* arguments */
	bool selects; /* by --device, --irq, --doorbells or --rule */
	bool pins; /* takes --cpus */
	bool restores; /* takes --restore */
} words[] = {
	{ "list", guard_list, 0, 0, false, false, false },
	{ "add", guard_add, 0, 0, true, false, true },
	{ "remove", guard_remove, 0, 0, true, false, false },
	{ "mode", guard_mode, 0, 1, false, false, false },
	{ "off", guard_off, 0, 0, false, false, false },
	{ "pin", guard_pin, 1, 1, false, true, false },
	{ "unpin", guard_unpin, 1, 1, false, false, false },
};

/* What was said that the word does not take, or NULL */
static const char *too_much(const struct options *options, size_t word)
{
	bool selected = options->device || options->irq >= 0 || options->doorbells || options->rule;

	if (options->arguments[0] && options->arguments[1] && !words[word].max)
		return "argument";
	if (selected && !words[word].selects)
		return "--device, --irq, --doorbells or --rule";
	if (options->cpus && !words[word].pins)
		return words[word].selects ? "--cpus: guard pin does" : "--cpus";
	if (options->restore && !words[word].restores)
		return "--restore";
	return NULL;
}

enum exit_code verb_guard(const struct options *options, const char *argument)
{
	const char *word = argument ?: words[0].name, *more;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i].name) != 0)
			continue;
		more = too_much(options, i);
		if (more) {
			warnx("guard %s: takes no %s", word, more);
			return EXIT_USAGE;
		}
		if (words[i].min && !options->arguments[1]) {
			warnx("guard %s: needs a DEVICE", word);
			return EXIT_USAGE;
		}
		return words[i].run(options, argument ? options->arguments[1] : NULL);
	}
	warnx("guard %s: is not list, add, remove, mode, off, pin or unpin", word);
	return EXIT_USAGE;
}
