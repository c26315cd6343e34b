// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a machine: what it is, and its parts, each under an address of its own.
import { h, icon, iconButton, replace, setText } from "./dom.js";
import { look } from "./api.js";
import { ago, date, percent, size, span } from "./format.js";
import { faultBox } from "./dialog.js";
import { card, facts, labelChips, sparkline, stateBadge } from "./parts.js";
import { actionsFor } from "./actions.js";
import { openMenu } from "./menu.js";
import { changed, store } from "./store.js";
import { showSnapshots } from "./snapshots.js";
import { showFiles } from "./files.js";
import { showLogs } from "./logs.js";
import { showSettings } from "./settings.js";
import { showTerminal } from "./terminal_tab.js";
import { showDesktop } from "./desktop_tab.js";

const tabs = [
	["", "Overview", showOverview], ["terminal", "Terminal", showTerminal], ["desktop", "Desktop", showDesktop], ["snapshots", "Snapshots", showSnapshots],
	["files", "Files", showFiles], ["logs", "Logs", showLogs], ["settings", "Settings", showSettings],
];

// ---- Overview

function graphCard(title, label) {
	const line = sparkline(label), words = h("p", { class: "big" });
	const box = card(title, words, line);
	box.classList.add("graph");
	box.show = (values, top, text) => {
		line.show(values, top);
		setText(words, text);
	};
	return box;
}

function networkCard(machine) {
	const rows = (machine.nics ?? []).map((nic) => {
		const traffic = (machine.traffic ?? []).find((one) => one.nic === nic.name);
		return h("tr", {}, h("th", { scope: "row" }, nic.name), h("td", {}, nic.network ?? ""),
			h("td", {}, [nic.address, nic.address6].filter(Boolean).map((address) => h("div", { class: "address" }, address))),
			h("td", {}, traffic ? `${size(traffic.received_bytes)} in, ${size(traffic.sent_bytes)} out` : ""));
	});
	const forwards = (machine.forwards ?? []).map((forward) => h("li", {}, h("code", {}, [forward.name, forward.listen, `${forward.port}/${forward.protocol} to ${forward.target}`, forward.on_demand ? "on demand" : ""].filter(Boolean).join("  "))));
	return card("Network", rows.length ? h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Interfaces" },
		h("table", {}, h("thead", {}, h("tr", {}, ["Interface", "Network", "Addresses", "Traffic"].map((words) => h("th", { scope: "col" }, words)))),
			h("tbody", {}, rows))) : h("p", { class: "hint" }, "It has no network."),
	forwards.length ? [h("h3", {}, "Forwards"), h("ul", {}, forwards)] : null);
}

function storageCard(machine) {
	const mounts = (machine.mounts ?? []).map((mount) => h("li", {}, h("code", {}, mount.source), " at ", h("code", {}, mount.target), mount.readonly ? ", read-only" : ""));
	const volumes = (machine.volumes ?? []).map((volume) => h("li", {}, h("strong", {}, volume.name), " at ", h("code", {}, volume.target), volume.readonly ? ", read-only" : ""));
	const volume = machine.volume ?? {};
	return card("Storage", facts([
		["Pool", volume.pool && h("a", { href: "#/pools" }, volume.pool)],
		["Used", volume.used ? size(volume.used) : null], ["Limit", volume.size ? size(volume.size) : null],
		["Snapshots", machine.snapshots === null ? null : h("a", { href: `#/machines/${machine.name}/snapshots` }, String(machine.snapshots))],
		["Last backup", machine.backup?.last ? `${date(machine.backup.last)}, ${ago(machine.backup.last)}` : null],
	]), volumes.length ? [h("h3", {}, "Volumes"), h("ul", {}, volumes)] : null, mounts.length ? [h("h3", {}, "Folders of the host"), h("ul", {}, mounts)] : null);
}

function aboutCard(machine) {
	const chips = labelChips(machine.labels);
	return card("About", machine.description ? h("p", {}, machine.description) : null, facts([
		["Made from", machine.template], ["Created", date(machine.created)],
		["Up for", machine.started ? span(Math.max(0, Math.floor(Date.now() / 1000) - machine.started)) : null],
		["Last end", machine.ended], ["Held, because", machine.held],
		["Labels", chips.length ? h("span", { class: "chips" }, chips) : null],
		["Limits", Object.entries(machine.limits ?? {}).map(([key, value]) => `${key} ${value}`).join(", ")],
		["Walls", [machine.privileged && "privileged", machine.nesting && "nesting"].filter(Boolean).join(", ") || "all of them"],
		["Architecture", machine.arch], ["UUID", h("code", {}, machine.uuid ?? "")],
	]));
}

function eventsCard(name) {
	const list = h("ol", { class: "events" }), box = card("What happened", list);
	box.show = () => {
		const events = store.events.filter((event) => event.machine === name).slice(-8).reverse();
		replace(list, events.length ? events.map((event) => h("li", {}, h("time", {}, ago(event.time)), " ", h("span", {}, event.event),
			event.cause ? `: ${event.cause}` : event.snapshot ? `: ${event.snapshot}` : "")) : h("li", { class: "hint" }, "Nothing since this page was opened."));
	};
	box.show();
	return box;
}

function showOverview(room, page) {
	const cpu = graphCard("Processor", "Processor"), memory = graphCard("Memory", "Memory"), events = eventsCard(page.name);
	const rest = h("div", { class: "columns" });
	const figures = () => {
		const now = store.figures.get(page.name);
		cpu.show(now?.cpu ?? [], 1, now?.cpu.length ? `${percent(now.cpu.at(-1))} of a processor` : "No figures");
		memory.show(now?.memory ?? [], now?.limit ?? 0, now?.used ? `${size(now.used)}${now.limit ? ` of ${size(now.limit)}` : ""}` : "No figures");
	};
	const update = () => replace(rest, h("div", {}, aboutCard(page.machine), events), h("div", {}, networkCard(page.machine), storageCard(page.machine)));
	room.append(h("div", { class: "cards graphs" }, cpu, memory), rest);
	figures();
	update();
	changed.addEventListener("figures", figures);
	changed.addEventListener("event", events.show);
	return {
		update,
		close() {
			changed.removeEventListener("figures", figures);
			changed.removeEventListener("event", events.show);
		},
	};
}

// ---- The page

function header(page) {
	const badge = stateBadge("stopped"), buttons = h("div", { class: "actions" }), sub = h("p", { class: "sub" });
	const box = h("div", { class: "machine-head" },
		h("p", { class: "crumbs" }, h("a", { href: "#/machines" }, "Machines")),
		h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, page.name), badge, buttons), sub);
	let shown = "";
	box.show = (machine) => {
		badge.show(machine.state);
		setText(sub, [machine.network?.address ?? machine.address, machine.template && `made from ${machine.template}`].filter(Boolean).join(" · "));
		if (machine.state === shown)
			return;
		const focused = buttons.contains(document.activeElement);
		shown = machine.state;
		const actions = actionsFor(machine), front = actions.filter((action) => ["start", "stop", "restart", "resume"].includes(action.what));
		const pictures = { start: "play", stop: "stop", restart: "restart", resume: "play" };
		const more = h("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false" }, "More", icon("more"));
		more.addEventListener("click", () => openMenu(more, `More actions for ${page.name}`, actions.filter((action) => !front.includes(action))));
		replace(buttons, front.map((action, i) => iconButton(pictures[action.what], action.words, { class: i === 0 && action.what !== "stop" && !action.reason ? "primary" : null, onclick: action.act, "aria-disabled": action.reason ? "true" : null, title: action.reason })), more);
		if (focused)
			buttons.querySelector("button")?.focus();
	};
	return box;
}

/** A machine's page; tab: a word of the address; rest: those behind it. */
export function showMachine(main, name, tab = "", rest = []) {
	const chosen = tabs.find(([word]) => word === tab) ?? tabs[0];
	const page = { name, machine: null, rest };
	const head = header(page), room = h("div", { class: "tab-room" });
	const nav = h("nav", { class: "tabs", "aria-label": `Parts of ${name}` }, tabs.map(([word, words]) =>
		h("a", { href: `#/machines/${encodeURIComponent(name)}${word && `/${word}`}`, "aria-current": word === chosen[0] ? "page" : null }, words)));
	const ending = new AbortController();
	let shown = null;
	const load = async () => {
		try {
			page.machine = await look(`/machines/${encodeURIComponent(name)}`, ending.signal);
		} catch (failure) {
			if (failure.name === "AbortError")
				return;
			shown?.close?.();
			shown = null;
			replace(room, faultBox(failure, load), h("p", {}, h("a", { href: "#/machines" }, "Back to all machines")));
			return;
		}
		head.show(page.machine);
		if (!shown) {
			replace(room);
			shown = chosen[2](room, page, ending.signal) ?? {};
		} else {
			shown.update?.();
		}
	};
	const event = (happened) => happened.detail.machine === name && load();
	const list = () => store.loaded && store.machines.has(name) && store.machines.get(name).state !== page.machine?.state && load();
	main.append(head, nav, room);
	nav.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
	replace(room, h("p", { class: "wait" }, "Looking at the machine …"));
	load();
	changed.addEventListener("event", event);
	changed.addEventListener("machines", list);
	return {
		title: chosen[0] ? `${name}: ${chosen[1]}` : name,
		close() {
			ending.abort();
			shown?.close?.();
			changed.removeEventListener("event", event);
			changed.removeEventListener("machines", list);
		},
	};
}
