// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line so far is read like getopt reads it, but without complaint, up to the word at
 * the cursor. What that can be is said by the tables: an option, the argument of one, a verb, or an
 * argument of it. Names are asked of the daemon, in a time that nobody waits for in vain.
 *
 * Names may hold anything, and end up in a shell's command line: one with a control character is
 * left out, and the shells' functions quote the others.
 */
#include "completion.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/cleanup.h"
#include "violation.h"

#include "client.h"
#include "completion-files.h"
#include "event.h"

#define ANSWER_TIMEOUT_US (UINT64_C(500000))
#define NAME_MAX_CELLS 200

struct completion {
	const struct verb *verbs;
	const struct verb *verb; /* NULL: none yet */
	int n_arguments; /* behind the verb */
	const struct known_option *waiting; /* takes the word at the cursor for its argument */
	bool only_arguments; /* after "--" */
	const char *socket;
	const char *word; /* at the cursor */
	/* what was typed before it and stands in front of each answer: "--color=", "ID,NAME," */
	const char *before;
	size_t before_size;
};

int completion_print_script(const char *shell)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", completion_bash },
			{ "zsh", completion_zsh },
			{ "fish", completion_fish } };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(scripts[i].shell, shell) == 0) {
			fputs(scripts[i].script, stdout);
			return 0;
		}
	warnx("--completion: '%s' is not bash, zsh or fish", shell);
	return -EINVAL;
}

/* ---- Answers ----------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
	if (!*text || strlen(text) > NAME_MAX_CELLS)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static void offer(const struct completion *completion, const char *word, const char *what)
{
	if (!is_plain(word) || strncasecmp(word, completion->word, strlen(completion->word)) != 0)
		return;
	printf("%.*s%s", (int)completion->before_size, completion->before ?: "", word);
	if (what && is_plain(what))
		printf("\t%s", what);
	putchar('\n');
}

/* Each of @words, which have blanks between them. */
static void offer_words(const struct completion *completion, const char *words)
{
	_cleanup_free_ char *copy = strdup(words);
	char *rest = copy, *word;

	while ((word = strsep(&rest, " ")))
		offer(completion, word, NULL);
}

/* ---- Names that the daemon knows --------------------------------------------------------------- */

/* The whole reply; NULL: there is no daemon, or it is too slow. */
static json_t *ask(const struct completion *completion, const char *method)
{
	struct options options = { .socket = completion->socket, .timeout_us = ANSWER_TIMEOUT_US };
	json_auto_t *parameters = json_object();
	_cleanup_free_ char *failure = NULL;
	json_t *reply = NULL;

	if (client_ask(&options, method, parameters, &reply, &failure) < 0)
		return NULL;
	return reply;
}

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static void offer_devices(const struct completion *completion)
{
	json_auto_t *reply = ask(completion, "ListDevices");
	const json_t *devices = json_object_get(reply, "devices");

	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *device = json_array_get(devices, i);

		offer(completion, string_of(device, "device"), string_of(device, "driver"));
	}
}

static void offer_irqs(const struct completion *completion)
{
	json_auto_t *reply = ask(completion, "ListVectors");
	const json_t *vectors = json_object_get(reply, "vectors");
	char number[32];

	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		const json_t *owner = json_array_get(json_object_get(vector, "owners"), 0);
		const char *device = string_of(owner, "device");

		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(json_object_get(vector, "irq")));
		offer(completion, number, *device ? device : string_of(owner, "action"));
	}
}

static void offer_violations(const struct completion *completion)
{
	json_auto_t *reply = ask(completion, "ListViolations");
	const json_t *violations = json_object_get(reply, "violations");
	char number[32], what[256];

	for (size_t i = 0; i < json_array_size(violations); i++) {
		const json_t *violation = json_array_get(violations, i);

		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(json_object_get(violation, "id")));
		snprintf(what, sizeof(what), "%s %s", string_of(violation, "rule"),
			 string_of(violation, "device"));
		offer(completion, number, what);
	}
}

static void offer_pmus(const struct completion *completion)
{
	json_auto_t *reply = ask(completion, "ListCounters");
	const json_t *pmus = json_object_get(reply, "pmus");

	for (size_t i = 0; i < json_array_size(pmus); i++) {
		const json_t *pmu = json_array_get(pmus, i);

		offer(completion, string_of(pmu, "name"), string_of(pmu, "device"));
	}
}

static void offer_pmu_events(const struct completion *completion)
{
	json_auto_t *reply = ask(completion, "ListCounters");
	const json_t *pmus = json_object_get(reply, "pmus"), *events;
	char word[256];

	for (size_t i = 0; i < json_array_size(pmus); i++) {
		events = json_object_get(json_array_get(pmus, i), "events");
		for (size_t j = 0; j < json_array_size(events); j++) {
			const json_t *event = json_array_get(events, j);

			snprintf(word, sizeof(word), "%s/%s/",
				 string_of(json_array_get(pmus, i), "name"),
				 string_of(event, "event"));
			offer(completion, word, string_of(event, "terms"));
		}
	}
}

static void offer_rules(const struct completion *completion)
{
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++)
		offer(completion, rule_text(rule)->name, "rule");
}

static void offer_types(const struct completion *completion)
{
	const char *type;

	for (size_t i = 0; (type = event_type(i)); i++)
		offer(completion, type, NULL);
}

static void offer_subjects(const struct completion *completion)
{
	offer_irqs(completion);
	offer_devices(completion);
	offer_rules(completion);
}

/* ---- What the tables say ----------------------------------------------------------------------- */

/* So much of the word stays, and goes before each answer. */
static void keep_before(struct completion *completion, size_t size)
{
	if (!completion->before)
		completion->before = completion->word;
	completion->before_size += size;
	completion->word += size;
}

static void forget_before(struct completion *completion)
{
	completion->before = NULL;
	completion->before_size = 0;
}

/* What is before the last of @separators in the word stays. */
static void split_list(struct completion *completion, const char *separators)
{
	size_t size = 0;

	for (size_t i = 0; completion->word[i]; i++)
		if (strchr(separators, completion->word[i]))
			size = i + 1;
	keep_before(completion, size);
}

/* A column that was typed in small letters goes on in small letters. */
static void offer_column(const struct completion *completion, const char *name)
{
	char word[64];
	bool small = islower((unsigned char)completion->word[0]);

	for (size_t i = 0; i < sizeof(word); i++) {
		word[i] = (char)(small ? tolower((unsigned char)name[i]) : name[i]);
		if (!word[i]) {
			offer(completion, word, NULL);
			return;
		}
	}
}

static bool is_earlier(const struct column_table *tables, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		for (const struct column *column = tables[i].columns; column->name; column++)
			if (strcmp(column->name, name) == 0)
				return true;
	return false;
}

static void offer_columns(struct completion *completion)
{
	const struct column_table *tables = completion->verb ? completion->verb->tables : NULL;

	if (!tables || !tables[0].columns) {
		puts(":files");
		return;
	}
	puts(":nospace");
	split_list(completion, ",+");
	for (size_t i = 0; i < COLUMN_TABLES_MAX && tables[i].columns; i++)
		for (const struct column *column = tables[i].columns; column->name; column++)
			if (!is_earlier(tables, i, column->name))
				offer_column(completion, column->name);
	offer(completion, "help", NULL);
	forget_before(completion);
}

static void offer_event_list(struct completion *completion)
{
	puts(":nospace");
	split_list(completion, ",{");
	offer_pmu_events(completion);
	forget_before(completion);
}

static void offer_files(struct completion *completion)
{
	(void)completion;
	puts(":files");
}

static void offer_formats(struct completion *completion)
{
	if (completion->verb && completion->verb->formats)
		offer_words(completion, completion->verb->formats);
}

static void offer_kind(struct completion *completion, const char *words)
{
	static const struct {
		const char *kind;
		void (*offer)(const struct completion *completion);
	} asked[] = {
		{ WORDS_DEVICES, offer_devices }, { WORDS_IRQS, offer_irqs },
		{ WORDS_PMUS, offer_pmus },	  { WORDS_VIOLATIONS, offer_violations },
		{ WORDS_TYPES, offer_types },	  { WORDS_SUBJECTS, offer_subjects },
		{ WORDS_RULES, offer_rules },
	};
	static const struct {
		const char *kind;
		void (*offer)(struct completion *completion);
	} made[] = {
		{ WORDS_OUTPUT, offer_columns },
		{ WORDS_PMU_EVENTS, offer_event_list },
		{ WORDS_FILES, offer_files },
		{ WORDS_FORMATS, offer_formats },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (strcmp(asked[i].kind, words) == 0)
			asked[i].offer(completion);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (strcmp(made[i].kind, words) == 0)
			made[i].offer(completion);
	if (words[0] != '@')
		offer_words(completion, words);
}

static void offer_options(const struct completion *completion)
{
	const struct known_option *option;
	char word[64];

	for (option = known_options; option->name; option++) {
		if (option->takes &&
		    !(completion->verb && (completion->verb->takes & option->takes)))
			continue;
		snprintf(word, sizeof(word), "--%s", option->name);
		offer(completion, word, option->help);
		snprintf(word, sizeof(word), "-%c", option->value);
		/* letters are for who knows them: they are listed where nothing else was typed */
		if (option->value < OPTION_FIRST_LONG && completion->word[1] == '\0')
			offer(completion, word, option->help);
	}
}

/* ---- The command line so far ------------------------------------------------------------------- */

static const struct known_option *find_long(const char *name, size_t n)
{
	const struct known_option *option;

	for (option = known_options; option->name; option++)
		if (strlen(option->name) == n && strncmp(option->name, name, n) == 0)
			return option;
	return NULL;
}

static const struct known_option *find_letter(char letter)
{
	const struct known_option *option;

	for (option = known_options; option->name; option++)
		if (option->value == letter)
			return option;
	return NULL;
}

static void take_argument(struct completion *completion, const struct known_option *option,
			  const char *argument)
{
	if (option->value == 'S')
		completion->socket = argument;
}

static void read_long(struct completion *completion, const char *word)
{
	size_t n = strcspn(word, "=");
	const struct known_option *option = find_long(word, n);

	if (!option || !option->argument)
		return;
	if (word[n])
		take_argument(completion, option, word + n + 1);
	else
		completion->waiting = option;
}

/* "-jnS/path": letters up to one that takes the rest */
static void read_letters(struct completion *completion, const char *letters)
{
	for (; *letters; letters++) {
		const struct known_option *option = find_letter(*letters);

		if (!option || !option->argument)
			continue;
		if (letters[1])
			take_argument(completion, option, letters + 1);
		else
			completion->waiting = option;
		return;
	}
}

static void read_verb(struct completion *completion, const char *word)
{
	const struct verb *verb = completion->verbs;

	if (completion->verb) {
		completion->n_arguments++;
		return;
	}
	while (verb->name && strcmp(verb->name, word) != 0)
		verb++;
	/* the end of the table is a verb that takes nothing */
	completion->verb = verb;
}

static void read_word(struct completion *completion, const char *word)
{
	if (completion->waiting) {
		take_argument(completion, completion->waiting, word);
		completion->waiting = NULL;
	} else if (completion->only_arguments) {
		read_verb(completion, word);
	} else if (strcmp(word, "--") == 0) {
		completion->only_arguments = true;
	} else if (strncmp(word, "--", 2) == 0) {
		read_long(completion, word + 2);
	} else if (word[0] == '-' && word[1]) {
		read_letters(completion, word + 1);
	} else {
		read_verb(completion, word);
	}
}

static void answer_assignment(struct completion *completion, const char *word)
{
	size_t n = strcspn(word, "=");
	const struct known_option *option = find_long(word + 2, n - 2);

	completion->word = word;
	keep_before(completion, n + 1);
	if (option && option->words)
		offer_kind(completion, option->words);
	forget_before(completion);
}

static void answer_word(struct completion *completion, const char *word)
{
	const struct verb *verb = completion->verb;

	completion->word = word;
	if (completion->waiting) {
		if (completion->waiting->words)
			offer_kind(completion, completion->waiting->words);
	} else if (!completion->only_arguments && strncmp(word, "--", 2) == 0 &&
		   strchr(word, '=')) {
		answer_assignment(completion, word);
	} else if (!completion->only_arguments && word[0] == '-') {
		offer_options(completion);
	} else if (!verb) {
		for (verb = completion->verbs; verb->name; verb++)
			offer(completion, verb->name, verb->help);
	} else if (verb->words && completion->n_arguments < verb->max_arguments) {
		offer_kind(completion, verb->words);
	}
}

void completion_answer(const struct verb *verbs, int n_words, char *const words[])
{
	struct completion completion = {
		.verbs = verbs,
		.socket = request_default().options.socket,
	};

	for (int i = 0; i < n_words - 1; i++)
		read_word(&completion, words[i]);
	answer_word(&completion, n_words > 0 ? words[n_words - 1] : "");
}
