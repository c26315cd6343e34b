// SPDX-License-Identifier: GPL-2.0-or-later
// A row of the list of machines.
import { h, icon, iconButton, replace, setText } from "./dom.js";
import { percent, size, span } from "./format.js";
import { labelChips, sparkline, stateBadge } from "./parts.js";
import { actionsFor } from "./actions.js";
import { openMenu } from "./menu.js";
import { pictureOf } from "./pictures.js";
import { store } from "./store.js";

const icons = { start: "play", stop: "stop", resume: "play" };

function makeCells(name) {
	const cell = (key, ...content) => h("div", { role: "cell", class: `c-${key}` }, content);
	const parts = {
		link: h("a", { href: `#/machines/${encodeURIComponent(name)}`, class: "name" }, name),
		origin: h("span", { class: "origin" }),
		picture: pictureOf(name),
		badge: stateBadge("stopped"),
		address: h("span", { class: "address" }),
		cpu: sparkline("Processor"), cpuWords: h("span", { class: "figure" }),
		memory: sparkline("Memory"), memoryWords: h("span", { class: "figure" }),
		time: h("span", {}),
		labels: h("span", { class: "chips" }),
		main: h("span", { class: "main-action" }),
		more: h("button", { type: "button", class: "quiet round", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `More actions for ${name}` }, icon("more")),
	};
	parts.cells = [
		cell("name", parts.link, parts.origin, parts.picture), cell("state", parts.badge), cell("address", parts.address),
		cell("cpu", parts.cpu, parts.cpuWords), cell("memory", parts.memory, parts.memoryWords),
		cell("uptime", parts.time), cell("labels", parts.labels), cell("actions", parts.main, parts.more),
	];
	return parts;
}

/** A row for a machine of that name: show(machine, figures), showFigures, showTime, setReachable. */
export function makeRow(name) {
	const parts = makeCells(name), row = h("div", { role: "row", class: "row" }, parts.cells);
	let machine = null, reachable = false, mainOf = "";
	const controls = () => [parts.link, parts.more, parts.main.firstChild].filter(Boolean);
	row.name = name;
	row.link = parts.link;
	parts.more.addEventListener("click", () => openMenu(parts.more, `Actions for ${name}`, actionsFor(machine)));
	row.setReachable = (is) => {
		reachable = is;
		controls().forEach((control) => control.setAttribute("tabindex", is ? "0" : "-1"));
		row.classList.toggle("active", is);
	};
	const showMain = () => {
		const first = actionsFor(machine).find((action) => action.what in icons);
		const key = first?.what ?? "";
		if (key === mainOf)
			return;
		const focused = parts.main.contains(document.activeElement);
		mainOf = key;
		replace(parts.main, first && iconButton(icons[first.what], `${first.words} ${name}`, { class: "quiet round", onclick: first.act, ...(first.reason ? { "aria-disabled": "true", title: `${first.words} ${name}: ${first.reason}` } : {}) }, true));
		row.setReachable(reachable);
		if (focused)
			(parts.main.firstChild ?? parts.link).focus();
	};
	row.show = (now, figures) => {
		machine = now;
		parts.badge.show(machine.state);
		setText(parts.origin, machine.template ?? "");
		setText(parts.address, machine.address ?? "");
		parts.address.title = (machine.addresses ?? []).join("\n");
		replace(parts.labels, labelChips(machine.labels));
		parts.picture.show(machine.state === "running");
		showMain();
		row.showTime();
		row.showFigures(figures);
	};
	row.showTime = () => setText(parts.time, machine.started ? span(Math.max(0, Math.floor(Date.now() / 1000) - machine.started)) : "");
	row.showFigures = (figures = store.figures.get(name)) => {
		const cpu = figures?.cpu ?? [], memory = figures?.memory ?? [];
		parts.cpu.show(cpu, 1);
		parts.memory.show(memory, figures?.limit ?? 0);
		setText(parts.cpuWords, cpu.length ? percent(cpu.at(-1)) : "");
		setText(parts.memoryWords, memory.length ? size(memory.at(-1)) : "");
	};
	return row;
}
