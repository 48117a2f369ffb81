// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to records to a model to rules to violations to JSON.
 *
 * What is no record is stepped over, word by word, so that one bad length does not hide all that
 * comes after it.
 */
#include "decode.h"
#include "fuzz.h"
#include "model.h"
#include "rule.h"
#include "violation.h"

struct chain {
	struct model *model;
	struct violations *violations;
	uint64_t n_findings;
};

static void on_finding(const struct finding *finding, void *userdata)
{
	const struct violation *violation;
	struct chain *chain = userdata;
	json_t *json;

	require(memchr(finding->explanation, 0, sizeof(finding->explanation)) &&
		finding->explanation[0]);
	violations_add(chain->violations, finding, 1, &violation);
	/* an acknowledged one gives way, or comes again */
	if (!violation || ++chain->n_findings % 3)
		return;
	require(violations_acknowledge(chain->violations, violation->id, &violation) >= 0);
	json = violation_to_event_json(violation);
	require(json_is_string(json_object_get(json, "explanation")));
	json_decref(json);
}

static void on_change(const struct change *change, void *userdata)
{
	static const struct rule_set all;
	struct chain *chain = userdata;
	json_t *event;

	rule_eval(&all, chain->model, change, on_finding, chain);
	if (!change_name(change->type))
		return;
	event = change_to_json(chain->model, change);
	require(json_is_string(json_object_get(event, "type")));
	json_decref(event);
}

/* Small: a table that is full is a state as good as any. */
static const struct model_limits limits = { { 8, 64, 32, 32, 16, 32, 8, 16, 6, 4, 4, 4, 12, 12, 2,
					      4, 8, 4 } };

static void on_saved(const struct record_header *record, void *userdata)
{
	struct model *model = userdata;
	struct event event;

	require(decode(record, record->size, &event) == (int)record->size);
	model_apply(model, &event);
}

/* What a daemon would leave to the next one: sound records, whatever the model is made of. */
static void fuzz_save(const struct model *model)
{
	struct model *next;

	if (model_is_walking(model))
		return;
	require(!model_new(&limits, NULL, NULL, &next));
	require(!model_save(model, 1, on_saved, next));
	model_free(next);
}

static void fuzz_records(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct chain chain = {};
	struct violation_totals totals;
	json_t *json;
	char *text;

	require(!model_new(&limits, on_change, &chain, &chain.model));
	require(!violations_new(8, &chain.violations));
	for (size_t at = 0; at < size;) {
		struct event event;
		int r = decode(copy + at, size - at, &event);

		if (r > 0) {
			require(r % 8 == 0 && (size_t)r <= size - at);
			model_apply(chain.model, &event);
			at += (size_t)r;
		} else {
			require(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP);
			at += 8;
		}
	}
	violations_totals(chain.violations, &totals);
	json = json_pack("[o, o]", model_to_json(chain.model),
			 violations_to_json(chain.violations, true));
	text = json_dumps(json, 0);
	require(text && totals.n_open <= json_array_size(json_array_get(json, 1)));
	free(text);
	json_decref(json);
	fuzz_save(chain.model);
	violations_free(chain.violations);
	model_free(chain.model);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_records(data, size);
	return 0;
}
