// SPDX-License-Identifier: GPL-2.0-or-later
// Settings of a machine, with the words of the manual. Changes are gathered, shown as a command line, and made together.
import { h, replace, setText } from "./dom.js";
import { lookWithTag } from "./api.js";
import { count, date, exactSize } from "./format.js";
import { askFor, checkbox, faultBox } from "./dialog.js";
import { requests } from "./requests.js";
import { mayAll, whyNot } from "./rights.js";

let known = null;

/** The keys as the program has them: a test holds the file against it. */
async function keys() {
	known ??= fetch("keys.json").then((response) => {
		if (!response.ok)
			throw new Error("the words of the manual cannot be read");
		return response.json();
	});
	return known;
}

/** A value as `berth get` prints it. */
function textOf(key, value) {
	if (value === null || value === undefined)
		return key?.default ?? "";
	if (typeof value === "boolean")
		return value ? "yes" : "no";
	if (key?.type === "size" && typeof value === "number")
		return exactSize(value);
	if (key?.type === "duration" && typeof value === "number")
		return `${value}s`;
	return String(value);
}

const isDefault = (key, text) => text === key.default || (key.type === "duration" && Number.parseInt(text, 10) === seconds(key.default)) ||
	(key.type === "cpus" && Number(text) === Number(key.default || 0)) || (key.type === "bool" && text === key.default);

function seconds(text) {
	const [, number, unit] = /^(\d+)([smhd]?)$/.exec(text) ?? [];
	return number === undefined ? NaN : Number(number) * { "": 1, s: 1, m: 60, h: 3600, d: 86400 }[unit];
}

function control(key, value, onchange) {
	let input;
	if (key.choices || key.type === "bool") {
		const words = key.choices ?? ["yes", "no"];
		input = h("select", {}, words.map((word) => h("option", { value: word, selected: word === value }, word)));
	} else {
		input = h("input", { type: "text", value, spellcheck: "false", autocomplete: "off", placeholder: key.default || "not set" });
	}
	input.addEventListener(input.tagName === "SELECT" ? "change" : "input", () => onchange(input.value.trim()));
	return input;
}

function settingRow(key, value, changes, update) {
	const id = `key-${key.name}`, box = h("div", { class: "setting" });
	if (key.fixed) {
		box.append(h("div", { class: "setting-words" }, h("h3", {}, key.name), h("p", { class: "hint" }, key.help)),
			h("code", {}, key.name === "created" ? date(Number(value)) : value || "—"));
		box.words = `${key.name} ${key.help}`.toLowerCase();
		return box;
	}
	const input = control(key, value, (now) => {
		if (now === value)
			changes.delete(key.name);
		else
			changes.set(key.name, now);
		box.classList.toggle("changed", changes.has(key.name));
		update();
	});
	input.id = id;
	input.setAttribute("aria-describedby", `${id}-help`);
	box.append(h("div", { class: "setting-words" }, h("label", { for: id }, key.name),
		h("p", { class: "hint", id: `${id}-help` }, key.help, key.live ? " (takes effect at once)" : "")), input);
	box.words = `${key.name} ${key.help}`.toLowerCase();
	box.plain = isDefault(key, value);
	return box;
}

const general = "general", fixed = "set by berth";

function groupsOf(list) {
	const groups = new Map();
	for (const key of list) {
		const group = key.fixed ? fixed : key.name.includes(".") ? key.name.split(".")[0] : general;
		groups.set(group, [...(groups.get(group) ?? []), key]);
	}
	const place = (group) => (group === general ? 0 : group === fixed ? 2 : 1);
	return [...groups].sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b));
}

function saveBar(page, changes, tag, then) {
	const words = h("span", {}), bar = h("div", { class: "save-bar", role: "region", "aria-label": "Changes", hidden: true });
	bar.update = () => {
		bar.hidden = !changes.size;
		setText(words, `${count(changes.size, "change", "changes")}, not yet made`);
	};
	bar.append(words, h("button", { type: "button", onclick: () => then() }, "Leave as it was"),
		h("button", {
			type: "button", class: "primary", onclick: () => askFor({
				title: `Change ${count(changes.size, "setting", "settings")} of ${page.name}?`,
				does: ["All of them are made, or none. What does not take effect at once counts from its next start on."],
				button: "Change",
				request: () => requests.set(page.name, Object.fromEntries(changes), tag),
				begun: () => `Change settings of ${page.name}`,
				done: () => `Settings of ${page.name} were changed`,
			}).then((done) => done && then()),
		}, "Change …"));
	return bar;
}

export function showSettings(room, page, signal) {
	const body = h("div", { class: "settings" }), changes = new Map();
	const filter = h("input", { type: "search", placeholder: "Find a setting …", "aria-label": "Find a setting" });
	const only = checkbox("Only those that differ from the default", false, () => update());
	let rows = [], groups = [], bar = h("div", {});
	const update = () => {
		const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		for (const row of rows)
			row.hidden = !words.every((word) => row.words.includes(word)) || (only.input.checked && row.plain && !row.classList.contains("changed"));
		for (const group of groups)
			group.hidden = ![...group.querySelectorAll(".setting")].some((row) => !row.hidden);
	};
	const load = async () => {
		try {
			const [list, { metadata, tag }] = await Promise.all([keys(), lookWithTag(`/machines/${encodeURIComponent(page.name)}`, signal)]);
			const config = metadata.config ?? {};
			changes.clear();
			const newBar = saveBar(page, changes, tag, load);
			groups = groupsOf(list).map(([group, members]) => h("section", { class: "card" }, h("h2", {}, group),
				members.map((key) => settingRow(key, textOf(key, config[key.name]), changes, newBar.update))));
			rows = groups.flatMap((group) => [...group.querySelectorAll(".setting")]);
			replace(body, groups);
			bar.replaceWith(newBar);
			bar = newBar;
			update();
			if (whyNot("manage", page.name))
				body.querySelectorAll("input, select, textarea").forEach((input) => (input.disabled = true));
		} catch (failure) {
			if (failure.name !== "AbortError")
				replace(body, faultBox(failure, load));
		}
	};
	filter.addEventListener("input", update);
	const reason = whyNot("manage", page.name) || (mayAll() ? "" : "Settings that open a wall, or give rights, are for root and the group of api.group; a change of them is refused.");
	room.append(h("div", { class: "toolbar" }, filter, only.box), reason ? h("p", { class: "warn" }, reason) : "", body, bar);
	load();
	return {};
}
