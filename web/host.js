// SPDX-License-Identifier: GPL-2.0-or-later
// The pages of the host: pools, networks, and what doctor finds.
import { h, replace } from "./dom.js";
import { look } from "./api.js";
import { count, percent, size } from "./format.js";
import { emptyBox, faultBox, commandBox } from "./dialog.js";
import { card, facts, fill, heading } from "./parts.js";

/** A page that looks at something once, and again on a button. */
function page(main, title, show) {
	const room = h("div", { class: "cards" }), ending = new AbortController();
	const load = async () => {
		room.setAttribute("aria-busy", "true");
		try {
			const content = await show(ending.signal);
			replace(room, content);
		} catch (failure) {
			if (failure.name !== "AbortError")
				replace(room, faultBox(failure, load));
		}
		room.removeAttribute("aria-busy");
	};
	main.append(heading(title, h("button", { type: "button", onclick: load }, "Look again")), room);
	replace(room, h("p", { class: "wait" }, "Looking …"));
	load();
	return { title, close: () => ending.abort() };
}

/** The objects of a list, each looked at by itself: one that cannot be read does not hide the others. */
async function each(what, signal) {
	const list = await look(`/${what}?recursion=1`, signal);
	return Promise.all(list.map(async (one) => {
		try {
			return { ...one, ...(await look(`/${what}/${encodeURIComponent(one.name)}`, signal)) };
		} catch (failure) {
			if (failure.name === "AbortError")
				throw failure;
			return { ...one, failure };
		}
	}));
}

// ---- Pools

function poolCard(pool) {
	if (pool.failure)
		return card(pool.name, faultBox(pool.failure));
	const free = Math.max(0, (pool.total ?? 0) - (pool.used ?? 0));
	return card(pool.name,
		fill(`Space of pool ${pool.name}`, pool.used, pool.total, `${size(pool.used)} of ${size(pool.total)}, ${percent(pool.total ? pool.used / pool.total : 0)}; ${size(free)} free`),
		pool.metadata_total ? fill(`Metadata of pool ${pool.name}`, pool.metadata_used, pool.metadata_total, `metadata ${percent(pool.metadata_used / pool.metadata_total)}`) : null,
		facts([
			["Driver", pool.driver], ["Volumes", pool.volumes], ["State", pool.state],
			["Clones", pool.fast_clone === undefined ? null : pool.fast_clone ? "share data, in milliseconds" : "are copied"],
			["Promised", pool.promised ? `${size(pool.promised)}, ${pool.overcommit.toFixed(2)} times its space` : null],
			["Giving back", pool.freeing ? count(pool.freeing, "removed volume", "removed volumes") : null],
			["Source", pool.source && h("code", {}, pool.source)],
		]),
		pool.refused && h("p", { class: "warn" }, `It takes no changes: ${pool.refused}`), pool.backup_fault && h("p", { class: "warn" }, pool.backup_fault));
}

export const showPools = (main) => page(main, "Pools", async (signal) => {
	const pools = await each("pools", signal);
	return pools.length ? pools.map(poolCard) : emptyBox("No pools yet. The first machine makes one.");
});

// ---- Networks

function leases(network) {
	const rows = (network.leases ?? []).map((lease) => h("tr", {},
		h("th", { scope: "row" }, h("a", { href: `#/machines/${encodeURIComponent(lease.machine)}` }, lease.machine)),
		h("td", {}, [lease.address, lease.address6].filter(Boolean).map((address) => h("div", { class: "address" }, address))),
		h("td", {}, lease.traffic ? `${size(lease.traffic.received_bytes)} in, ${size(lease.traffic.sent_bytes)} out` : "")));
	return rows.length ? h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": `Machines on ${network.name}` },
		h("table", {}, h("thead", {}, h("tr", {}, ["Machine", "Addresses", "Traffic"].map((words) => h("th", { scope: "col" }, words)))), h("tbody", {}, rows)))
		: h("p", { class: "hint" }, "No machine has an address here.");
}

function networkCard(network) {
	if (network.failure)
		return card(network.name, faultBox(network.failure));
	return card(network.name, facts([
		["State", network.up ? "up" : "down"], ["Kind", network.kind], ["Bridge", network.bridge], ["Parent", network.parent],
		["Subnet", [network.subnet, network.subnet6].filter(Boolean).join(", ")], ["Domain", network.domain],
		["Services", [network.dns && "DHCP and DNS", network.nat && "NAT", network.nat6 && "NAT for IPv6", network.isolated && "machines are isolated"].filter(Boolean).join(", ")],
		["Interfaces", network.ports],
	]), [network.fault, network.dns_fault, network.dropped_by && `Forwarded packets are dropped by ${network.dropped_by}.`].filter(Boolean).map((words) => h("p", { class: "warn" }, words)),
	leases(network));
}

export const showNetworks = (main) => page(main, "Networks", async (signal) => {
	const networks = await each("networks", signal);
	return networks.length ? networks.map(networkCard) : emptyBox("No networks yet. The first machine makes one.");
});

// ---- Doctor

const verdicts = [
	["problem", "Problems", "✕"], ["note", "Notes", "!"], ["ok", "Fine", "✓"],
];

function finding(line, mark) {
	return h("li", { class: `finding finding-${line.verdict}` }, h("span", { class: "mark", "aria-hidden": "true" }, mark),
		h("div", {}, h("strong", {}, line.check), " ", h("span", {}, line.text), line.remedy && h("p", { class: "remedy" }, h("span", {}, "Remedy: "), line.remedy)));
}

export const showDoctor = (main) => page(main, "Doctor", async (signal) => {
	const lines = await look("/doctor", signal);
	const groups = verdicts.map(([verdict, title, mark]) => [title, mark, lines.filter((line) => line.verdict === verdict)]);
	return [...groups.filter(([, , list]) => list.length).map(([title, mark, list]) =>
		card(`${title}: ${list.length}`, h("ul", { class: "findings" }, list.map((line) => finding(line, mark))))),
	card("On the command line", commandBox(["berth", "doctor"]))];
});
