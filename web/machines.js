// SPDX-License-Identifier: GPL-2.0-or-later
// The list of machines. Only the rows that can be seen are in the document, however many machines there are.
import { mayAll, whyNot } from "./rights.js";
import { h, icon, replace, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { emptyBox, faultBox, withReason } from "./dialog.js";
import { changed, refresh, store } from "./store.js";
import { heading } from "./parts.js";
import { makeRow } from "./machine_row.js";
import { pictureSwitch } from "./pictures.js";

const BEYOND = 6;
const columns = [
	["name", "Name"], ["state", "State"], ["address", "Address"], ["cpu", "Processor"], ["memory", "Memory"],
	["uptime", "Up for"], ["labels", "Labels"],
];
const kinds = [["all", "All"], ["running", "Running"], ["stopped", "Stopped"], ["care", "Need care"]];

// What was chosen stays while other pages are shown.
const view = { filter: "", kind: "all", sort: "name", down: false, active: null, scroll: 0 };

const needsCare = (machine) => ["failed", "broken", "held"].includes(machine.state);
const isOfKind = {
	all: () => true,
	running: (machine) => machine.state === "running" || machine.state === "starting",
	stopped: (machine) => machine.state === "stopped",
	care: needsCare,
};

function matches(machine, words) {
	const text = [machine.name, machine.state, machine.template, machine.network, machine.pool, ...(machine.addresses ?? []),
		...Object.entries(machine.labels ?? {}).map(([name, value]) => `${name}=${value}`)].join(" ").toLowerCase();
	return words.every((word) => text.includes(word));
}

const latest = (list) => list?.at(-1) ?? -1;
const keysOf = {
	name: (machine) => machine.name,
	state: (machine) => `${needsCare(machine) ? 0 : 1}${machine.state}`,
	address: (machine) => (machine.address ?? "~").split(".").map((part) => part.padStart(3, "0")).join("."),
	cpu: (machine) => -latest(store.figures.get(machine.name)?.cpu),
	memory: (machine) => -(store.figures.get(machine.name)?.used ?? -1),
	uptime: (machine) => machine.started ?? Infinity,
	labels: (machine) => Object.keys(machine.labels ?? {}).join(" ") || "~",
};
const names = new Intl.Collator("en", { numeric: true });

function chosen() {
	const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean), key = keysOf[view.sort];
	const list = [...store.machines.values()].filter((machine) => isOfKind[view.kind](machine) && matches(machine, words));
	const keyed = list.map((machine) => [key(machine), machine]);
	keyed.sort(([a, one], [b, other]) =>
		(typeof a === "number" ? a - b || 0 : names.compare(a, b)) || names.compare(one.name, other.name));
	if (view.down)
		keyed.reverse();
	return keyed.map(([, machine]) => machine);
}

/** The table: rows at their places in a body as high as all of them. */
class Table {
	constructor() {
		this.list = [];
		this.rows = new Map();
		this.heads = columns.map(([name, words]) => {
			const button = h("button", { type: "button", onclick: () => this.sortBy(name) }, words,
				h("span", { class: "arrow", "aria-hidden": "true" }));
			const head = h("div", { role: "columnheader", class: `c-${name}` }, button);
			head.key = name;
			return head;
		});
		this.body = h("div", { role: "rowgroup", class: "rows" });
		this.scroller = h("div", { class: "scroller", onscroll: () => this.draw() },
			h("div", { role: "table", "aria-label": "Machines", class: "machines", onkeydown: (event) => this.pressed(event) },
				h("div", { role: "rowgroup", class: "head-group" },
					h("div", { role: "row", class: "row head" }, this.heads,
						h("div", { role: "columnheader", class: "c-actions" }, h("span", { class: "unseen" }, "Actions")))),
				this.body));
		this.table = this.scroller.firstChild;
		this.body.addEventListener("focusin", (event) => {
			const row = event.target.closest("[role=row]");
			if (row)
				this.setActive(row.name);
		});
		this.observer = new ResizeObserver(() => this.draw());
		this.observer.observe(this.scroller);
	}

	sortBy(name) {
		view.down = view.sort === name && !view.down;
		view.sort = name;
		this.update();
	}

	update() {
		this.list = chosen();
		this.places = new Map(this.list.map((machine, i) => [machine.name, i]));
		if (!this.places.has(view.active))
			view.active = this.list[0]?.name ?? null;
		for (const head of this.heads)
			setAttribute(head, "aria-sort", head.key === view.sort ? (view.down ? "descending" : "ascending") : null);
		setAttribute(this.table, "aria-rowcount", this.list.length + 1);
		for (const row of this.rows.values())
			row.stale = true;
		this.draw();
	}

	get height() {
		return matchMedia("(max-width: 48rem)").matches ? 92 : 52;
	}

	/** The rows that can be seen, some beyond them, and the one that has the focus. */
	draw() {
		const height = this.height, top = this.scroller.scrollTop;
		view.scroll = top;
		this.body.style.height = `${this.list.length * height}px`;
		const first = Math.max(0, Math.floor(top / height) - BEYOND);
		const last = Math.min(this.list.length, Math.ceil((top + this.scroller.clientHeight) / height) + BEYOND);
		const wanted = new Set(this.list.slice(first, last).map((machine) => machine.name));
		const focused = this.body.contains(document.activeElement) ? view.active : null;
		if (focused && this.places.has(focused))
			wanted.add(focused);
		for (const [name, row] of this.rows) {
			if (!wanted.has(name)) {
				row.remove();
				this.rows.delete(name);
			}
		}
		const order = [...wanted].sort((a, b) => this.places.get(a) - this.places.get(b));
		let before = this.body.firstChild;
		for (const name of order) {
			const row = this.rowOf(name, height);
			if (row === before)
				before = before.nextSibling;
			else
				this.body.insertBefore(row, before);
		}
	}

	rowOf(name, height) {
		let row = this.rows.get(name);
		if (!row) {
			row = makeRow(name);
			this.rows.set(name, row);
		}
		const at = this.places.get(name);
		row.style.transform = `translateY(${at * height}px)`;
		row.style.height = `${height}px`;
		setAttribute(row, "aria-rowindex", at + 2);
		if (row.stale !== false) {
			row.show(store.machines.get(name), store.figures.get(name));
			row.stale = false;
		}
		row.setReachable(name === view.active);
		return row;
	}

	setActive(name) {
		if (name === view.active)
			return;
		const before = view.active;
		view.active = name;
		this.rows.get(before)?.setReachable(false);
		this.rows.get(name)?.setReachable(true);
	}

	/** Arrows go from machine to machine; tabulators through the buttons of one. */
	pressed(event) {
		if (!this.body.contains(event.target) || event.altKey || event.ctrlKey || event.metaKey)
			return;
		const at = this.places.get(view.active) ?? 0, page = Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 1);
		const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.list.length - 1 };
		if (!(event.key in steps))
			return;
		event.preventDefault();
		this.goTo(Math.max(0, Math.min(this.list.length - 1, steps[event.key])));
	}

	goTo(at) {
		const height = this.height, scroller = this.scroller, name = this.list[at]?.name;
		if (!name)
			return;
		const headHigh = this.table.firstChild.offsetHeight;
		if (at * height < scroller.scrollTop)
			scroller.scrollTop = at * height;
		else if ((at + 1) * height + headHigh > scroller.scrollTop + scroller.clientHeight)
			scroller.scrollTop = (at + 1) * height + headHigh - scroller.clientHeight;
		this.setActive(name);
		this.draw();
		this.rows.get(name)?.link.focus({ preventScroll: true });
	}

	figures() {
		if (view.sort === "cpu" || view.sort === "memory") {
			this.update();
			return;
		}
		for (const [name, row] of this.rows)
			row.showFigures(store.figures.get(name));
	}
}

function kindChooser(update) {
	const group = h("div", { class: "kinds", role: "group", "aria-label": "Which machines" });
	const buttons = kinds.map(([kind, words]) => {
		const number = h("span", { class: "number" });
		const button = h("button", {
			type: "button",
			onclick: () => {
				view.kind = kind;
				update();
			},
		}, words, " ", number);
		button.show = () => {
			setAttribute(button, "aria-pressed", view.kind === kind ? "true" : "false");
			setText(number, String([...store.machines.values()].filter(isOfKind[kind]).length));
		};
		return button;
	});
	group.append(...buttons);
	group.show = () => buttons.forEach((button) => button.show());
	return group;
}

export function showMachines(main) {
	const table = new Table(), room = h("div", { class: "list-room" });
	const summary = h("p", { class: "summary", role: "status" });
	const filter = h("input", { type: "search", id: "filter", placeholder: "Filter: name, address, label …", "aria-label": "Filter machines", value: view.filter });
	const update = () => {
		chooser.show();
		const all = store.machines.size;
		if (!store.loaded && store.fault)
			replace(room, faultBox(store.fault, refresh));
		else if (!store.loaded)
			replace(room, h("p", { class: "wait" }, "Looking at the machines …"));
		else if (!all)
			replace(room, emptyBox(mayAll() ? "No machines yet." : "No machine is yours to use.", mayAll() && h("p", {}, h("a", { class: "button primary", href: "#/new" }, "Make the first one"))));
		else if (room.firstChild !== table.scroller)
			replace(room, table.scroller);
		if (all)
			table.update();
		setText(summary, !store.loaded ? "" : table.list.length === all ? count(all, "machine", "machines")
			: `${table.list.length} of ${count(all, "machine", "machines")}`);
		summary.classList.toggle("none", all > 0 && table.list.length === 0);
	};
	const chooser = kindChooser(update);
	filter.addEventListener("input", () => {
		view.filter = filter.value;
		table.scroller.scrollTop = 0;
		update();
	});
	filter.addEventListener("keydown", (event) => {
		if (event.key === "ArrowDown") {
			event.preventDefault();
			table.goTo(0);
		}
	});
	const scroll = view.scroll;
	main.append(heading("Machines", summary, withReason(h("a", { class: "button primary", href: "#/new" }, icon("plus"), "New machine"), whyNot("all"))),
		h("div", { class: "toolbar" }, filter, chooser, pictureSwitch(update)), room);
	main.classList.add("wide");
	update();
	table.scroller.scrollTop = scroll;
	const figures = () => table.figures(), ticking = setInterval(() => table.rows.forEach((row) => row.showTime()), 15000);
	changed.addEventListener("machines", update);
	changed.addEventListener("figures", figures);
	return {
		title: "Machines",
		close() {
			changed.removeEventListener("machines", update);
			changed.removeEventListener("figures", figures);
			clearInterval(ticking);
			table.observer.disconnect();
			main.classList.remove("wide");
		},
	};
}
