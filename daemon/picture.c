// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The graph. A vector has an edge from each device that has a handler on it, one from its provider if
 * that is none of them, and one to its domain; domains have theirs to their parents. Which vectors
 * there are decides what else is in it.
 */
#define HASH_NONFATAL_OOM 1
#include "picture-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/json.h>

/* Domains above a vector's own; the kernel has less than ten. */
#define DEPTH_MAX 32

const char *const picture_kinds[] = { "device", "vector", "domain" };
const char *const picture_relations[] = { "own",      "borrowed", "delegated", "unknown",
					  "provides", "in",	  "parent" };

/* ---- what the lists say ---------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool vector_has_device(const json_t *vector)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	size_t i;

	if (*text_of(vector, "provider"))
		return true;
	json_array_foreach(owners, i, owner)
		if (*text_of(owner, "device"))
			return true;
	return false;
}

static bool vector_is_of(const json_t *vector, const char *device)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	size_t i;

	if (!strcmp(text_of(vector, "provider"), device))
		return true;
	json_array_foreach(owners, i, owner)
		if (!strcmp(text_of(owner, "device"), device))
			return true;
	return false;
}

/* Somebody else than its provider has a handler on it. */
static bool vector_is_lent(const json_t *vector)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	size_t i;

	json_array_foreach(owners, i, owner)
		if (strcmp(text_of(owner, "relation"), "own") != 0)
			return true;
	return false;
}

static int compare_weight(const void *a, const void *b)
{
	const json_t *one = *(const json_t *const *)a, *other = *(const json_t *const *)b;
	json_int_t n = number_of(one, "interrupts"), m = number_of(other, "interrupts");
	int lent = vector_is_lent(other) - vector_is_lent(one);

	if (lent)
		return lent;
	return n > m ? -1 : n < m ? 1 : 0;
}

static int compare_place(const void *a, const void *b)
{
	const json_t *one = *(const json_t *const *)a, *other = *(const json_t *const *)b;
	int r = strcmp(text_of(one, "provider"), text_of(other, "provider"));
	json_int_t n = number_of(one, "irq"), m = number_of(other, "irq");

	return r ? r : n < m ? -1 : n > m;
}

/* ---- nodes and edges ------------------------------------------------------------------------- */

static struct picture_node *node_free(struct picture_node *node)
{
	if (!node)
		return NULL;
	free(node->id);
	free(node->label);
	free(node->detail);
	free(node);
	return NULL;
}
DEFINE_CLEANUP(struct picture_node *, node_free);

static struct picture_node *find_node(const struct picture *picture, const char *id)
{
	struct picture_node *node;

	HASH_FIND_STR(picture->nodes, id, node);
	return node;
}

/* The caller's id, label and detail are copied. NULL: no memory. */
static struct picture_node *add_node(struct picture *picture, enum picture_kind kind,
				     const char *id, const char *label, const char *detail,
				     const char *class)
{
	_cleanup_(node_freep) struct picture_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->class = class;
	node->id = strdup(id);
	node->label = strdup(label);
	node->detail = strdup(detail);
	if (!node->id || !node->label || !node->detail)
		return NULL;
	HASH_ADD_KEYPTR(hh, picture->nodes, node->id, strlen(node->id), node);
	if (!node->hh.tbl)
		return NULL;
	node->place = picture->n[kind]++;
	return TAKE_PTR(node);
}

static int add_edge(struct picture *picture, const struct picture_node *from,
		    const struct picture_node *to, enum picture_relation relation)
{
	struct picture_edge *edges = picture->edges;

	if (!from || !to)
		return -ENOMEM;
	/* one device, several handlers; edges to one node come one after the other */
	for (size_t i = picture->n_edges; i && edges[i - 1].to == to; i--)
		if (edges[i - 1].from == from)
			return 0;
	if (picture->n_edges == picture->edges_size) {
		size_t size = picture->edges_size ? 2 * picture->edges_size : 64;

		edges = reallocarray(edges, size, sizeof(*edges));
		if (!edges)
			return -ENOMEM;
		picture->edges = edges;
		picture->edges_size = size;
	}
	edges[picture->n_edges++] = (struct picture_edge){ from, to, relation };
	return 0;
}

/* What goes into it: the objects by name, for those that vectors refer to */
struct making {
	struct picture *picture;
	json_t *devices, *domains; /* objects with borrowed values */
	size_t group;
};

static struct picture_node *add_device(struct making *making, const char *name)
{
	const json_t *device = json_object_get(making->devices, name);
	const char *driver = text_of(device, "driver");
	struct picture_node *node;
	char id[128], detail[160] = "";

	snprintf(id, sizeof(id), "device:%s", name);
	node = find_node(making->picture, id);
	if (node)
		return node;
	if (device && number_of(device, "granted"))
		snprintf(detail, sizeof(detail), "%.64s%s%lld of %lld vectors used", driver,
			 *driver ? ", " : "", (long long)number_of(device, "used"),
			 (long long)number_of(device, "granted"));
	else if (device)
		snprintf(detail, sizeof(detail), "%.64s", driver);
	node = add_node(making->picture, PICTURE_DEVICE, id, name, detail,
			device && !strcmp(text_of(device, "bus"), "pci") ? "function" : "other");
	if (node)
		node->group = making->group;
	return node;
}

static const char *immutability_class(const char *immutability)
{
	static const char *const names[] = { "declared", "observed", "mutable" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(immutability, names[i]))
			return names[i];
	return "unknown";
}

/* The domain and those above it. @ret: NULL = the list does not have it. */
static int add_domains(struct making *making, const json_t *id, struct picture_node **ret)
{
	struct picture_node *below = NULL, *node;
	char key[48], detail[160];
	const json_t *domain;
	int r;

	*ret = NULL;
	for (unsigned int depth = 0; depth < DEPTH_MAX && json_is_integer(id); depth++) {
		bool is_new = false;

		snprintf(key, sizeof(key), "domain:%lld", (long long)json_integer_value(id));
		domain = json_object_get(making->domains, key);
		if (!domain)
			return 0;
		node = find_node(making->picture, key);
		if (!node) {
			is_new = true;
			snprintf(detail, sizeof(detail), "%.64s, %.32s",
				 text_of(domain, "bus_token"), text_of(domain, "immutability"));
			node = add_node(making->picture, PICTURE_DOMAIN, key,
					text_of(domain, "name"), detail,
					immutability_class(text_of(domain, "immutability")));
		}
		if (!node)
			return -ENOMEM;
		if (below) {
			r = add_edge(making->picture, below, node, PICTURE_PARENT);
			if (r < 0)
				return r;
		} else {
			*ret = node;
		}
		if (!is_new)
			return 0;
		below = node;
		id = json_object_get(domain, "parent");
	}
	return 0;
}

static enum picture_relation relation_of(const json_t *owner)
{
	const char *name = text_of(owner, "relation");

	for (enum picture_relation r = PICTURE_OWN; r < PICTURE_UNKNOWN; r++)
		if (!strcmp(name, picture_relations[r]))
			return r;
	return PICTURE_UNKNOWN;
}

static int add_owners(struct making *making, const json_t *vector, const struct picture_node *node)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	const char *provider = text_of(vector, "provider");
	bool has_provider = !*provider;
	size_t i;
	int r;

	/* first, so that it stands above those that borrow of it */
	if (*provider && !add_device(making, provider))
		return -ENOMEM;
	json_array_foreach(owners, i, owner) {
		const char *name = text_of(owner, "device");

		if (!*name)
			continue;
		r = add_edge(making->picture, add_device(making, name), node, relation_of(owner));
		if (r < 0)
			return r;
		has_provider = has_provider || !strcmp(name, provider);
	}
	if (has_provider)
		return 0;
	return add_edge(making->picture, add_device(making, provider), node, PICTURE_PROVIDES);
}

static struct picture_node *add_vector_node(struct making *making, const json_t *vector)
{
	const char *cpus = text_of(vector, "effective_affinity"), *state = text_of(vector, "state");
	const json_t *index = json_object_get(vector, "index");
	char id[32], label[64], detail[160];
	int n = 0;

	snprintf(id, sizeof(id), "vector:%lld", (long long)number_of(vector, "irq"));
	snprintf(label, sizeof(label), "irq %lld", (long long)number_of(vector, "irq"));
	detail[0] = '\0';
	if (json_is_integer(index))
		n = snprintf(detail, sizeof(detail), "index %lld",
			     (long long)json_integer_value(index));
	if (*cpus)
		n += snprintf(detail + n, sizeof(detail) - (size_t)n, "%sCPU %.24s", n ? ", " : "",
			      cpus);
	if (strcmp(state, "requested") != 0)
		snprintf(detail + n, sizeof(detail) - (size_t)n, "%s%.24s", n ? ", " : "", state);
	return add_node(making->picture, PICTURE_VECTOR, id, label, detail,
			!strcmp(state, "requested") ? "requested" :
			!strcmp(state, "orphaned")  ? "orphaned" :
						      "allocated");
}

static int add_vector(struct making *making, const json_t *vector)
{
	struct picture_node *node = add_vector_node(making, vector), *domain;
	int r;

	if (!node)
		return -ENOMEM;
	node->group = making->group;
	r = add_owners(making, vector, node);
	if (r < 0)
		return r;
	r = add_domains(making, json_object_get(vector, "domain"), &domain);
	if (r < 0 || !domain)
		return r;
	return add_edge(making->picture, node, domain, PICTURE_IN);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Objects of @array by @field, under "@prefix:VALUE" if there is a prefix. NULL: no memory. */
static json_t *index_by(const json_t *array, const char *field, const char *prefix)
{
	json_t *by = json_object(), *object;
	char key[48];
	size_t i;

	json_array_foreach(array, i, object) {
		const json_t *value = json_object_get(object, field);

		snprintf(key, sizeof(key), "%s:%lld", prefix, (long long)json_integer_value(value));
		if (json_object_set(by,
				    *prefix		     ? key :
				    json_string_value(value) ?:
							       "",
				    object) < 0) {
			json_decref(by);
			return NULL;
		}
	}
	return by;
}

/* Those that are to be shown, in order. */
static const json_t **choose_vectors(struct picture *picture, const struct picture_source *source,
				     const char *device, size_t max, size_t *ret_n)
{
	size_t n = 0, i, size = json_array_size(source->vectors);
	const json_t **chosen = calloc(size + 1, sizeof(*chosen));
	json_t *vector;

	if (!chosen)
		return NULL;
	json_array_foreach(source->vectors, i, vector) {
		if (device && !vector_is_of(vector, device))
			continue;
		if (vector_has_device(vector))
			chosen[n++] = vector;
		else
			picture->without_device++;
	}
	picture->left_out = source->vectors_left_out;
	if (n > max) {
		qsort(chosen, n, sizeof(*chosen), compare_weight);
		picture->left_out += n - max;
		n = max;
	}
	qsort(chosen, n, sizeof(*chosen), compare_place);
	*ret_n = n;
	return chosen;
}

static void write_note(struct picture *picture)
{
	char *at = picture->note;
	size_t size = sizeof(picture->note);
	int n = 0;

	if (!picture->n[PICTURE_VECTOR])
		n = snprintf(at, size, "No vector of a device is known.%s",
			     picture->without_device ? " " : "");
	else if (picture->left_out)
		n = snprintf(at, size, "%zu more vectors are left out: choose a device.%s",
			     picture->left_out, picture->without_device ? " " : "");
	if (picture->without_device)
		snprintf(at + n, size - (size_t)n, "%zu interrupts belong to no known device.",
			 picture->without_device);
}

static int fill(struct picture *picture, const struct picture_source *source, const char *device,
		size_t max)
{
	_cleanup_free_ const json_t **vectors = NULL;
	json_auto_t *devices = index_by(source->devices, "device", "");
	json_auto_t *domains = index_by(source->domains, "id", "domain");
	struct making making = { .picture = picture, .devices = devices, .domains = domains };
	size_t n;
	int r;

	vectors = choose_vectors(picture, source, device, max, &n);
	if (!vectors || !devices || !domains)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i && strcmp(text_of(vectors[i], "provider"),
				text_of(vectors[i - 1], "provider")) != 0)
			making.group++;
		r = add_vector(&making, vectors[i]);
		if (r < 0)
			return r;
	}
	picture->n_groups = making.group + 1;
	write_note(picture);
	return 0;
}

int picture_new(const struct picture_source *source, const char *device, size_t max_vectors,
		struct picture **ret)
{
	_cleanup_(picture_freep) struct picture *picture = calloc(1, sizeof(*picture));
	int r;

	if (!picture)
		return -ENOMEM;
	r = fill(picture, source, device, max_vectors);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(picture);
	return 0;
}

struct picture *picture_free(struct picture *picture)
{
	struct picture_node *node, *next;

	if (!picture)
		return NULL;
	HASH_ITER(hh, picture->nodes, node, next) {
		HASH_DEL(picture->nodes, node);
		node_free(node);
	}
	free(picture->edges);
	free(picture);
	return NULL;
}

size_t picture_vectors(const struct picture *picture)
{
	return picture->n[PICTURE_VECTOR];
}

const char *picture_note(const struct picture *picture)
{
	return picture->note;
}

json_t *picture_to_json(const struct picture *picture)
{
	json_t *nodes = json_array(), *edges = json_array();

	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next)
		json_add(&nodes, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", n->id, "kind",
					   picture_kinds[n->kind], "label", n->label, "detail",
					   n->detail, "class", n->class));
	for (size_t i = 0; i < picture->n_edges; i++)
		json_add(&edges, json_pack("{s:s, s:s, s:s}", "from", picture->edges[i].from->id,
					   "to", picture->edges[i].to->id, "relation",
					   picture_relations[picture->edges[i].relation]));
	return json_pack("{s:o, s:o, s:I, s:I}", "nodes", nodes, "edges", edges, "left_out",
			 (json_int_t)picture->left_out, "without_device",
			 (json_int_t)picture->without_device);
}
