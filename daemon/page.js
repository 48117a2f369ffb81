// SPDX-License-Identifier: GPL-2.0-or-later
// Asks the daemon every few seconds, and changes only what has changed: nothing flickers, and who
// reads with a screen reader or has selected text is not disturbed. Names come from elsewhere: they
// become text, never markup.
"use strict";

const INTERVAL_MS = 5000;
const TIMEOUT_MS = 10000;

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const clock = (us) => new Date(us / 1000).toLocaleTimeString();
// With the date, unless that is today's
const moment = (us) => new Date(us / 1000).toDateString() === new Date().toDateString() ?
	clock(us) : new Date(us / 1000).toLocaleString();

let before = null;	// the last state in which interrupts had been counted again
let rates = new Map();
let rows = [];
let sortBy = { key: "provider", descending: false };
let timer = 0;
let asking = false;
let goneSince = 0;
let pictures = 0;	// that were asked for

function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

function setClass(node, name) {
	if (node.className !== name)
		node.className = name;
}

// Makes the children of @parent one for each item, in that order. Those that are there stay: what
// has the focus, or is selected, is left alone. No two items have the same key.
function keep(parent, items, keyOf, make, fill) {
	const wanted = new Set(items.map(keyOf));
	const old = new Map();
	for (const child of [...parent.children]) {
		if (wanted.has(child.dataset.key))
			old.set(child.dataset.key, child);
		else
			child.remove();
	}
	let at = parent.firstElementChild;
	for (const item of items) {
		const key = keyOf(item);
		const child = old.get(key) || make(item);
		child.dataset.key = key;
		fill(child, item);
		if (child === at)
			at = at.nextElementSibling;
		else
			parent.insertBefore(child, at);
	}
}

function element(name, className, ...children) {
	const node = document.createElement(name);
	if (className)
		node.className = className;
	node.append(...children);
	return node;
}

// ---- what it shows

function showHead(state) {
	const status = state.status;
	setText(byId("host"), state.host);
	document.title = `${state.violations.length ? `(${status.violations_open}) ` : ""}cxlirq ${state.host}`;
	setText(byId("about"), `cxlirqd ${status.version}, Linux ${status.kernel}, ${status.mode}`);
}

function showHealth(status) {
	const healthy = status.health === "healthy";
	setText(byId("health-word"), status.health);
	setClass(byId("health-word"), `badge ${healthy ? "healthy" : "degraded"}`);
	setText(byId("health-text"), healthy ? "Everything is seen, and nothing was lost." :
		"What is shown may not be everything:");
	keep(byId("reasons"), status.reasons, (reason) => reason, () => element("li"), setText);
	const lost = status.lost.reduce((sum, entry) => sum + entry.count, 0);
	const numbers = [
		["Vectors", status.vectors], ["Domains", status.domains], ["Devices", status.devices],
		["Events", status.events], ["Records", status.records], ["Lost", lost],
		["Hooks", `${status.hooks_attached} of ${status.hooks_total}`],
	];
	keep(byId("numbers"), numbers, ([name]) => name,
		([name]) => element("div", "", element("dt", "", name), element("dd")),
		(node, [, value]) => setText(node.lastElementChild,
			typeof value === "number" ? number.format(value) : value));
}

function whereOf(violation) {
	const parts = [];
	if (violation.device !== null)
		parts.push(violation.device);
	if (violation.irq !== null)
		parts.push(`irq ${violation.irq}`);
	if (violation.index !== null)
		parts.push(`index ${violation.index}`);
	parts.push(violation.count === 1 ? "once" : `${number.format(violation.count)} times`,
		`last at ${moment(violation.last_us)}`);
	const cause = violation.cause;
	if (cause && cause.kind !== "unknown")
		parts.push(`by ${cause.kind}${cause.comm ? ` of ${cause.comm}` : ""}`);
	return parts.join(", ");
}

function showViolations(state) {
	const open = state.status.violations_open;
	setText(byId("violations-count"), open ? number.format(open) : "");
	byId("violations-none").hidden = open > 0;
	keep(byId("violations"), state.violations, (violation) => String(violation.id),
		() => element("li", "", element("p", "", element("strong"), " ", element("span")),
			element("p", "where"), element("p")),
		(node, violation) => {
			const [head, where, text] = node.children;
			setClass(node, violation.severity);
			setText(head.firstElementChild, violation.rule);
			setText(head.lastElementChild, `${violation.severity}, id ${violation.id}`);
			setText(where, whereOf(violation));
			setText(text, violation.explanation || "");
		});
	showLeft("violations-left", state.violations_left,
		"more: cxlirqctl violations lists all.");
}

function showLeft(id, left, what) {
	byId(id).hidden = !left;
	setText(byId(id), left ? `${number.format(left)} ${what}` : "");
}

const rowKey = (row) => JSON.stringify([row.provider, row.owner, row.relation]);

// Interrupts per second since the state before; not across a restart, nor over no time.
function countRates(state) {
	const same = before && before.status.started_us === state.status.started_us;
	if (same && before.counted_us === state.counted_us)
		return;
	const seconds = same ? (state.counted_us - before.counted_us) / 1e6 : 0;
	const old = new Map(seconds > 0 ? before.vectors.map((row) => [rowKey(row), row.interrupts]) : []);
	rates = new Map();
	for (const row of state.vectors) {
		const was = old.get(rowKey(row));
		if (was !== undefined && row.interrupts >= was)
			rates.set(rowKey(row), (row.interrupts - was) / seconds);
	}
	before = state;
}

function valueOf(row, key) {
	return key === "rate" ? rates.get(rowKey(row)) : row[key];
}

function compare(a, b) {
	const one = valueOf(a, sortBy.key), other = valueOf(b, sortBy.key);
	let order = 0;
	// what is not there stands last, whichever way the others go
	if (one === null || one === undefined || other === null || other === undefined)
		return (one === null || one === undefined) - (other === null || other === undefined);
	if (one !== other)
		order = one < other ? -1 : 1;
	return sortBy.descending ? -order : order;
}

function formatRate(rate) {
	if (rate === undefined)
		return "";
	return number.format(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate));
}

function showRows() {
	const sorted = [...rows].sort(compare);
	keep(byId("vectors"), sorted, rowKey,
		() => {
			const row = element("tr");
			for (let i = 0; i < 9; i++)
				row.append(element("td", i === 4 || i > 5 ? "number" : ""));
			return row;
		},
		(node, row) => {
			const irqs = row.first_irq === row.last_irq ? `${row.first_irq}` :
				row.last_irq - row.first_irq === row.vectors - 1 ?
				`${row.first_irq}-${row.last_irq}` : `${row.first_irq} \u2026 ${row.last_irq}`;
			const texts = [row.provider || "no device", row.owner || (row.relation ? "unknown" : "no handler"),
				row.relation || "", row.driver || "", number.format(row.vectors), irqs,
				number.format(row.interrupts), formatRate(rates.get(rowKey(row))),
				number.format(row.message_changes)];
			texts.forEach((text, i) => setText(node.children[i], text));
			setClass(node.children[0], row.provider ? "" : "unknown");
			setClass(node.children[1], row.owner ? "" : "unknown");
			setClass(node.children[2], row.relation || "");
		});
}

function showDevices() {
	const names = new Set();
	for (const row of rows)
		for (const name of [row.provider, row.owner])
			if (name !== null)
				names.add(name);
	const select = byId("device");
	const options = ["", ...[...names].sort()];
	// what was chosen stays, also while the device is away
	if (!options.includes(select.value))
		options.push(select.value);
	keep(select, options, (name) => name, () => element("option"),
		(option, name) => {
			option.value = name;
			setText(option, name || "all devices");
		});
}

function showVectors(state) {
	countRates(state);
	rows = state.vectors;
	setText(byId("vectors-count"), number.format(state.status.vectors));
	showRows();
	showDevices();
	showLeft("vectors-left", state.vectors_left,
		"more rows with fewer interrupts are left out: cxlirqctl vectors lists all.");
}

// An image: whatever names are in it, nothing in it is ever run. The one that is shown stays until
// the next one is complete.
async function showPicture() {
	const shown = byId("picture");
	const next = new Image();
	const number = ++pictures;
	next.src = `/picture.svg?device=${encodeURIComponent(byId("device").value)}&number=${number}`;
	try {
		await next.decode();
	} catch (error) {
		return;		// the daemon is gone: the next state tells
	}
	if (number !== pictures)
		return;		// another one was asked for meanwhile
	next.id = shown.id;
	next.alt = shown.alt;
	shown.replaceWith(next);
}

// ---- when it asks

function tellLive(gone, text) {
	document.body.classList.toggle("gone", gone);
	setClass(byId("live"), gone ? "gone" : "");
	setText(byId("live"), text);
}

async function refresh() {
	clearTimeout(timer);
	if (asking)
		return;
	asking = true;
	try {
		const response = await fetch("/state.json",
			{ cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
		if (!response.ok)
			throw new Error(`HTTP status ${response.status}`);
		const state = await response.json();
		showHead(state);
		showHealth(state.status);
		showViolations(state);
		showVectors(state);
		showPicture();
		tellLive(false, `As of ${clock(state.time_us)}, every ${INTERVAL_MS / 1000} s`);
		if (goneSince)
			setText(byId("announcement"), "The daemon answers again.");
		goneSince = 0;
	} catch (error) {
		goneSince = goneSince || Date.now();
		tellLive(true, `The daemon has not answered since ${clock(goneSince * 1000)}; ` +
			"this is what it said last.");
		setText(byId("announcement"), "The daemon does not answer.");
	}
	asking = false;
	if (!document.hidden)
		timer = setTimeout(refresh, INTERVAL_MS);
}

document.addEventListener("visibilitychange", () => {
	if (document.hidden)
		clearTimeout(timer);
	else
		refresh();
});

byId("device").addEventListener("change", showPicture);

for (const button of document.querySelectorAll("button[data-sort]"))
	button.addEventListener("click", () => {
		const key = button.dataset.sort;
		const again = sortBy.key === key;
		// who sorts by a number wants to see the greatest
		sortBy = { key, descending: again ? !sortBy.descending :
			button.parentElement.classList.contains("number") };
		for (const head of document.querySelectorAll("th[aria-sort]"))
			head.removeAttribute("aria-sort");
		button.parentElement.setAttribute("aria-sort",
			sortBy.descending ? "descending" : "ascending");
		showRows();
	});

refresh();
