// SPDX-License-Identifier: GPL-2.0-or-later
// The page's frame: which part of it is shown for an address, navigation, theme, keys, and the state of the sign-in.
import { h, icon, replace, setAttribute, setText } from "./dom.js";
import { look, signedOut, signOut } from "./api.js";
import { checkbox, emptyBox, openDialog } from "./dialog.js";
import { keep, kept } from "./keeping.js";
import { heading } from "./parts.js";
import { mayAll, setRights, whyNot } from "./rights.js";
import { showSignIn } from "./sign_in.js";
import { changed, followEvents, followFigures, refresh, stopEvents, store } from "./store.js";
import { showMachines } from "./machines.js";
import { showMachine } from "./machine.js";
import { showNew } from "./new.js";
import { showDoctor, showNetworks, showPools } from "./host.js";

const main = document.getElementById("main"), nav = document.getElementById("nav"), link = document.getElementById("link");
const pages = [
	["machines", "Machines", "machines"], ["pools", "Pools", "pools"], ["networks", "Networks", "networks"], ["doctor", "Doctor", "doctor"],
];
let shown = null, out = false;

// ---- Pages

function showNothing(room, words) {
	room.append(heading("There is no such page"), emptyBox(words, h("p", {}, h("a", { href: "#/machines" }, "All machines"))));
	return { title: "Not found" };
}

function showNotAllowed(room) {
	room.append(heading("Not for you"), emptyBox(whyNot("all"), h("p", {}, h("a", { href: "#/machines" }, "Your machines"))));
	return { title: "Not for you" };
}

function pageOf(parts) {
	const [first = "machines", second, third, ...rest] = parts;
	if (out)
		return showSignIn;
	if (first === "machines" && second)
		return (room) => showMachine(room, second, third, rest);
	const known = { machines: showMachines, new: showNew, pools: showPools, networks: showNetworks, doctor: showDoctor }[first];
	if (known && known !== showMachines && !second && !mayAll())
		return showNotAllowed;
	return known && !second ? known : (room) => showNothing(room, `"${parts.join("/")}" leads nowhere.`);
}

function partsOf(hash) {
	try {
		return hash.replace(/^#?\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
	} catch {
		return ["?"];
	}
}

function show(moved) {
	const parts = partsOf(location.hash);
	shown?.close?.();
	main.className = "";
	replace(main);
	shown = pageOf(parts)(main);
	document.title = `${shown.title} · berth`;
	for (const item of nav.children)
		setAttribute(item, "aria-current", item.dataset.page === (parts[0] ?? "machines") ? "page" : null);
	// Who follows a link with a screen reader hears where it has led.
	if (moved)
		(main.querySelector("h1") ?? main).focus();
}

// ---- Theme

const themes = ["auto", "light", "dark"];

function setTheme(button, theme) {
	setAttribute(document.documentElement, "data-theme", theme === "auto" ? null : theme);
	replace(button, h("span", { class: "label" }, "Theme: "), theme);
	keep("berth.theme", theme);
}

function themeButton() {
	const button = document.getElementById("theme");
	let theme = themes.includes(kept("berth.theme")) ? kept("berth.theme") : "auto";
	setTheme(button, theme);
	button.addEventListener("click", () => {
		theme = themes[(themes.indexOf(theme) + 1) % themes.length];
		setTheme(button, theme);
	});
}

// ---- Keys

const keys = [
	["/", "Go to the filter"], ["n", "New machine"], ["m", "All machines"], ["?", "This list"],
	["↑ ↓", "From machine to machine; Home, End and Page keys as well"], ["Enter", "Open a machine"], ["Tab", "Go through the buttons of a machine"],
	["Esc", "Close a dialog or a menu; cancel"], ["Ctrl + F6", "Leave the terminal"],
];

function showKeys() {
	const single = checkbox("Keys of one letter", kept("berth.keys", "yes") === "yes", (on) => keep("berth.keys", on ? "yes" : "no"));
	const reader = checkbox("Terminal for screen readers", kept("berth.reader", "no") === "yes", (on) => keep("berth.reader", on ? "yes" : "no"));
	const dialog = openDialog("Keys", h("dl", { class: "keys" }, keys.map(([key, words]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)))),
		single.box, reader.box, h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close")));
}

function pressed(event) {
	const field = event.target.closest?.("input, textarea, select, [contenteditable], dialog, [role=menu]");
	if (field || event.ctrlKey || event.altKey || event.metaKey || kept("berth.keys", "yes") !== "yes")
		return;
	const acts = {
		"/": () => (main.querySelector("input[type=search]") ?? main).focus(),
		n: () => (location.hash = "#/new"),
		m: () => (location.hash = "#/machines"),
		"?": showKeys,
	};
	if (event.key in acts) {
		event.preventDefault();
		acts[event.key]();
	}
}

// ---- The host and the connection

async function showHost() {
	try {
		const api = await look("");
		setRights(api.rights);
		for (const item of nav.children)
			item.hidden = item.dataset.page !== "machines" && !mayAll();
		replace(document.getElementById("host"), h("strong", {}, api.user ?? "root"), " on ", h("strong", {}, api.host?.name ?? location.hostname), h("br"), `berth ${api.version ?? ""}`);
	} catch (failure) {
		// Who may do nothing is told so, in place of everything.
		if (failure.status === 403) {
			out = true;
			shown?.close?.();
			replace(main, heading("Not for you"), emptyBox(failure.message));
		}
	}
}

let lost = 0;

function showLink() {
	clearTimeout(lost);
	if (store.live) {
		link.hidden = true;
		setText(link, "");
		return;
	}
	// A server that is started again is back before anybody has read it.
	lost = setTimeout(() => {
		link.hidden = out;
		setText(link, "No connection to the server. What is shown may be old; it is tried again.");
	}, 2000);
}

signedOut.addEventListener("signed-out", () => {
	if (out)
		return;
	out = true;
	stopEvents();
	document.getElementById("sign-out").hidden = true;
	show(true);
});

async function begin() {
	nav.append(...pages.map(([name, words, picture]) => h("a", { href: `#/${name}`, "data-page": name }, icon(picture), words)));
	themeButton();
	document.getElementById("keys").addEventListener("click", showKeys);
	document.getElementById("sign-out").addEventListener("click", signOut);
	document.getElementById("skip").addEventListener("click", () => main.focus());
	document.addEventListener("keydown", pressed);
	addEventListener("hashchange", () => show(true));
	changed.addEventListener("link", showLink);
	await showHost();
	if (out)
		return;
	show(false);
	refresh();
	followEvents();
	followFigures();
}

begin();
