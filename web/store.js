// SPDX-License-Identifier: GPL-2.0-or-later
// What the page knows of the machines: looked up once, and again when an event tells of a change. Figures for the graphs
// are read every few seconds, while somebody looks.
import { look, open, Failure } from "./api.js";
import { mayAll, setRights } from "./rights.js";

const SAMPLES = 60, EVERY = 5000, LEAST_PAUSE = 400;

export const changed = new EventTarget();

/** machines: Map of names; loaded: at least once; fault: why not. */
export const store = { machines: new Map(), loaded: false, fault: "", figures: new Map(), live: false, events: [] };

const tell = (name, detail) => changed.dispatchEvent(new CustomEvent(name, { detail }));

let loading = null, again = false, last = 0;

async function load() {
	try {
		// Rights may be given and taken at any time.
		if (!mayAll())
			setRights((await look("")).rights);
		const list = await look("/machines?recursion=1");
		store.machines = new Map(list.map((machine) => [machine.name, machine]));
		store.loaded = true;
		store.fault = "";
	} catch (failure) {
		store.fault = failure.message;
		if (!(failure instanceof Failure))
			throw failure;
	}
	last = Date.now();
	tell("machines");
}

/** Looks again; calls that come meanwhile become one more look. */
export function refresh() {
	if (loading) {
		again = true;
		return loading;
	}
	const pause = Math.max(0, last + LEAST_PAUSE - Date.now());
	loading = new Promise((resume) => setTimeout(resume, pause)).then(load).finally(() => {
		loading = null;
		if (again) {
			again = false;
			refresh();
		}
	});
	return loading;
}

// ---- Events

const KEPT = 200;
let source = null;

function take(message) {
	let event;
	try {
		event = JSON.parse(message.data);
	} catch {
		return;
	}
	store.events.push(event);
	if (store.events.length > KEPT)
		store.events.shift();
	tell("event", event);
	refresh();
}

/** Follows the events. The browser connects again by itself, and asks for those that it has missed. */
export function followEvents() {
	source?.close();
	source = new EventSource("/1.0/events");
	source.onmessage = take;
	source.onopen = () => {
		const was = store.live;
		store.live = true;
		tell("link");
		if (!was)
			refresh();
	};
	source.onerror = () => {
		store.live = false;
		tell("link");
		// A refusal ends the connection for good.
		if (source.readyState === EventSource.CLOSED)
			setTimeout(followEvents, 3000);
	};
}

export function stopEvents() {
	source?.close();
	source = null;
}

// ---- Figures

const line = /^berth_(cpu_seconds_total|memory_used_bytes|memory_limit_bytes|procs)\{machine="([^"]+)"\} (\S+)$/gm;
let when = 0, timer = 0, without = false;

function readFigures(text, now) {
	const seen = new Map();
	for (const [, what, name, value] of text.matchAll(line)) {
		if (!seen.has(name))
			seen.set(name, {});
		seen.get(name)[what] = Number(value);
	}
	const seconds = when ? (now - when) / 1000 : 0;
	when = now;
	for (const name of store.figures.keys()) {
		if (!seen.has(name))
			store.figures.delete(name);
	}
	for (const [name, sample] of seen)
		takeSample(name, sample, seconds);
}

function push(list, value) {
	list.push(value);
	if (list.length > SAMPLES)
		list.shift();
}

function takeSample(name, sample, seconds) {
	const had = store.figures.get(name);
	const figures = had ?? { cpu: [], memory: [], used: null, limit: null, procs: null, total: null };
	const total = sample.cpu_seconds_total;
	if (had && seconds > 0 && total !== undefined && figures.total !== null && total >= figures.total)
		push(figures.cpu, (total - figures.total) / seconds);
	figures.total = total ?? null;
	figures.used = sample.memory_used_bytes ?? null;
	figures.limit = sample.memory_limit_bytes ?? null;
	figures.procs = sample.procs ?? null;
	if (figures.used !== null)
		push(figures.memory, figures.used);
	store.figures.set(name, figures);
}

async function lookAtFigures() {
	if (document.hidden || without || !mayAll())
		return;
	try {
		const text = await (await open("/metrics")).text();
		readFigures(text, performance.now());
		tell("figures");
	} catch (failure) {
		without = failure.status === 404;
	}
}

export function followFigures() {
	clearInterval(timer);
	timer = setInterval(lookAtFigures, EVERY);
	lookAtFigures();
	// The second look gives the first rate, the third one a line.
	setTimeout(lookAtFigures, 1000);
	setTimeout(lookAtFigures, 2500);
}

document.addEventListener("visibilitychange", () => {
	if (!document.hidden && store.loaded) {
		refresh();
		lookAtFigures();
	}
});
