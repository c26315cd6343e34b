// SPDX-License-Identifier: GPL-2.0-or-later
// Parts that several pages show: states, graphs, labels, cards.
import { h, s, setAttribute, setText } from "./dom.js";

// The mark has another shape for each state, for those to whom its colour says nothing.
const marks = {
	running: "●", stopped: "○", failed: "✕", broken: "✕", paused: "‖", held: "!", starting: "◐", stopping: "◑",
};

export function stateBadge(state) {
	const badge = h("span", {}, h("span", { class: "mark", "aria-hidden": "true" }), h("span", { class: "word" }));
	badge.show = (to) => {
		setAttribute(badge, "class", `state state-${marks[to] ? to : "other"}`);
		setText(badge.firstChild, marks[to] ?? "?");
		setText(badge.lastChild, to);
	};
	badge.show(state);
	return badge;
}

const WIDE = 100, HIGH = 28;

/** A small graph. show(values, top): top is the value at the upper edge, at least. */
export function sparkline(label) {
	const area = s("path", { class: "area" }), line = s("polyline", { class: "line" });
	const drawing = s("svg", {
		viewBox: `0 0 ${WIDE} ${HIGH}`, class: "spark", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
	}, area, line);
	drawing.dataset.label = label;
	drawing.show = (values, top) => {
		// A graph that has just begun is not a dot at an edge.
		const most = Math.max(24, values.length);
		const high = Math.max(top, ...values, Number.MIN_VALUE), step = WIDE / (most - 1);
		const first = WIDE - (values.length - 1) * step;
		const points = values.map((value, i) =>
			`${(first + i * step).toFixed(1)},${(HIGH - 1 - (HIGH - 3) * value / high).toFixed(1)}`);
		line.setAttribute("points", points.length > 1 ? points.join(" ") : "");
		area.setAttribute("d", points.length > 1 ? `M${first.toFixed(1)},${HIGH} L${points.join(" L")} L${WIDE},${HIGH} Z` : "");
	};
	return drawing;
}

export function labelChips(labels) {
	return Object.entries(labels ?? {}).map(([name, value]) =>
		h("span", { class: "chip" }, h("span", { class: "chip-name" }, name), value ? ` ${value}` : ""));
}

/** A table of facts: [["Address", node or text], ...]; what is empty is left out. */
export function facts(rows) {
	return h("dl", { class: "facts" }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
		.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

let serial = 0;

export function card(title, ...content) {
	const id = `card-${++serial}`;
	return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), content);
}

/** A bar for a share, with words beside it, that does not tell by its colour alone. */
export function fill(label, used, total, words) {
	const share = total ? used / total : 0;
	const level = share >= 0.9 ? "full" : share >= 0.8 ? "filling" : "fine";
	return h("div", { class: "fill" }, h("div", {
		role: "meter", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": Math.round(100 * share),
	}, s("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", class: `bar ${level}`, "aria-hidden": "true", focusable: "false" },
		s("rect", { width: (100 * Math.min(1, share)).toFixed(2), height: "4" }))),
	h("span", { class: "fill-words" }, words, share >= 0.9 ? " — nearly full" : share >= 0.8 ? " — filling up" : ""));
}

export function heading(words, ...more) {
	return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, words), more);
}
