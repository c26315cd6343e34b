// SPDX-License-Identifier: GPL-2.0-or-later
// Files of a machine: a folder under an address of its own, downloads, and uploads by a button or by dropping.
import { h, icon, replace, setText } from "./dom.js";
import { open, upload } from "./api.js";
import { count, date, size } from "./format.js";
import { commandBox, emptyBox, faultBox, openDialog } from "./dialog.js";
import { announce, track } from "./operations.js";
import { facts } from "./parts.js";

const MOST = 1000;
const marks = { folder: "folder", file: "file", link: "link", fifo: "FIFO", socket: "socket", device: "device" };

const below = (folder, name) => `${folder === "/" ? "" : folder}/${name}`;
const address = (machine, path) => `#/machines/${encodeURIComponent(machine)}/files${path.split("/").map(encodeURIComponent).join("/")}`;
const query = (path) => `path=${encodeURIComponent(path)}`;
const place = (machine) => `/machines/${encodeURIComponent(machine)}/files`;
/** Characters that show nothing, or turn a line around, are shown as what they are not. */
const shownName = (name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
/** The API takes no control characters. A name that is no text is asked for by its bytes, which no address of the page has. */
const canBeAsked = (name) => !/[\u0000-\u001f\u007f]/.test(name);

function downloadLink(machine, path, name, words, properties) {
	return h("a", { href: `/1.0${place(machine)}?${query(path)}`, download: name, ...properties }, words);
}

function crumbs(machine, path) {
	const parts = path.split("/").filter(Boolean);
	return h("nav", { class: "path", "aria-label": "Folders above" }, h("ol", {},
		h("li", {}, h("a", { href: address(machine, "/"), "aria-label": `Root of ${machine}`, "aria-current": parts.length ? null : "page" }, "/")),
		parts.map((part, i) => h("li", {}, h("a", { href: address(machine, `/${parts.slice(0, i + 1).join("/")}`), "aria-current": i === parts.length - 1 ? "page" : null }, shownName(part))))));
}

function nameCell(machine, folder, entry) {
	const path = below(folder, entry.name), words = shownName(entry.name);
	if (entry.encoded && entry.type === "file")
		return h("a", { href: `/1.0${place(machine)}?${query(below(folder, ""))}${entry.encoded}`, download: entry.name, "aria-label": `Download ${words}` }, words);
	if (entry.encoded || !canBeAsked(entry.name) || !["folder", "file", "link"].includes(entry.type))
		return h("span", {}, words);
	if (entry.type === "file")
		return downloadLink(machine, path, entry.name, words, { "aria-label": `Download ${words}` });
	return [h("a", { href: address(machine, path) }, words, entry.type === "folder" ? "/" : ""), entry.target ? h("span", { class: "hint" }, ` → ${shownName(entry.target)}`) : null];
}

function rowOf(machine, folder, entry) {
	return h("tr", {}, h("th", { scope: "row" }, nameCell(machine, folder, entry)), h("td", {}, marks[entry.type] ?? entry.type),
		h("td", { class: "number" }, entry.type === "file" ? size(entry.size) : ""), h("td", {}, h("code", {}, entry.mode)),
		h("td", {}, `${entry.uid}:${entry.gid}`), h("td", {}, date(entry.modified)));
}

/** A table of entries, folders first. set(word): only names with it. */
function tableOf(machine, folder, entries) {
	const sorted = [...entries].sort((a, b) => (b.type === "folder") - (a.type === "folder") || (a.name < b.name ? -1 : 1));
	const rows = h("tbody", {}), note = h("p", { class: "hint", role: "status" });
	const table = h("table", { class: "files" }, h("thead", {}, h("tr", {}, ["Name", "Type", "Size", "Mode", "Owner", "Changed"].map((words) => h("th", { scope: "col" }, words)))), rows);
	const box = h("div", {}, h("div", { class: "card scroll-x", tabindex: "0", role: "region", "aria-label": `Files in ${shownName(folder)}` }, table), note);
	box.set = (word) => {
		const found = sorted.filter((entry) => entry.name.toLowerCase().includes(word.toLowerCase()));
		replace(rows, found.slice(0, MOST).map((entry) => rowOf(machine, folder, entry)));
		setText(note, found.length > MOST ? `${MOST} of ${count(found.length, "entry", "entries")}; a filter shows the others.` : count(found.length, "entry", "entries"));
	};
	box.set("");
	return box;
}

/** Asks before files are replaced. */
function mayReplace(names) {
	return new Promise((resolve) => {
		let yes = false;
		const go = h("button", { type: "submit", class: "primary danger" }, "Replace");
		const form = h("form", { method: "dialog" }, h("p", {}, "What is in them now is lost:"), h("ul", {}, names.slice(0, 20).map((name) => h("li", {}, shownName(name)))),
			names.length > 20 ? h("p", {}, `and ${names.length - 20} more`) : null,
			h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
		form.addEventListener("submit", () => (yes = true));
		const dialog = openDialog(names.length > 1 ? `Replace ${names.length} files?` : "Replace a file?", form);
		dialog.addEventListener("close", () => resolve(yes));
		go.focus();
	});
}

async function send(page, folder, files, entries, again) {
	const taken = new Set(entries.map((entry) => entry.name)), names = files.map((file) => file.name).filter((name) => taken.has(name));
	if (!files.length || (names.length && !(await mayReplace(names))))
		return;
	for (const file of files) {
		const path = below(folder, file.name), words = shownName(file.name);
		await track(`Upload ${words}`, `${words} is in ${page.name}`, (tell) =>
			upload(`${place(page.name)}?${query(path)}`, file, (share) => tell({ progress: { share, text: `${size(file.size * share)} of ${size(file.size)}` } })));
	}
	again();
}

/** Takes what is dropped; folders are told, for a browser gives them as no file. */
function takeDrops(room, take) {
	let depth = 0;
	const over = (event) => event.dataTransfer?.types.includes("Files");
	const mark = (step) => {
		depth = Math.max(0, depth + step);
		room.classList.toggle("dropping", depth > 0);
	};
	room.addEventListener("dragenter", (event) => over(event) && mark(1));
	room.addEventListener("dragleave", (event) => over(event) && mark(-1));
	room.addEventListener("dragover", (event) => over(event) && event.preventDefault());
	room.addEventListener("drop", (event) => {
		if (!over(event))
			return;
		event.preventDefault();
		mark(-depth);
		const folders = [...event.dataTransfer.items].filter((item) => item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.webkitGetAsEntry().name);
		if (folders.length)
			announce(`Folders are not uploaded: ${folders.join(", ")}`);
		take([...event.dataTransfer.files].filter((file) => !folders.includes(file.name)));
	});
}

function commands(machine, path) {
	return h("details", {}, h("summary", {}, "The same on the command line"), commandBox(["berth", "files", `${machine}:${path}`]),
		commandBox(["berth", "push", "FILE", `${machine}:${path}`]), commandBox(["berth", "pull", `${machine}:${below(path, "FILE")}`, "."]));
}

function showFolder(room, page, path, folder, again) {
	const input = h("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true" });
	const button = h("button", { type: "button", class: "primary", onclick: () => input.click() }, icon("plus"), "Upload …");
	const filter = h("input", { type: "search", placeholder: "Names with …", "aria-label": "Only names with this text" });
	const table = tableOf(page.name, path, folder.entries);
	const take = (files) => send(page, path, files, folder.entries, again);
	input.addEventListener("change", () => take([...input.files]).then(() => (input.value = "")));
	filter.addEventListener("input", () => table.set(filter.value));
	const box = h("div", { class: "drop-room" }, h("div", { class: "toolbar" }, button, input, filter, h("button", { type: "button", onclick: again }, "Read again"),
		h("p", { class: "hint" }, "Files can be dropped here.")), folder.more ? h("p", { class: "warn" }, `The folder has more than these ${folder.entries.length} entries.`) : null,
	folder.entries.length ? table : emptyBox("The folder is empty."), commands(page.name, path));
	takeDrops(box, take);
	replace(room, box);
}

function showFile(room, page, path, headers) {
	const name = path.split("/").at(-1), length = headers.get("Content-Length");
	replace(room, h("div", { class: "card" }, h("h2", {}, shownName(name)), facts([
		["Size", length ? size(Number(length)) : "not known"], ["Mode", headers.get("X-Berth-Mode")],
		["Owner", `${headers.get("X-Berth-Uid")}:${headers.get("X-Berth-Gid")}`], ["Changed", date(Number(headers.get("X-Berth-Modified")))],
	]), h("p", {}, downloadLink(page.name, path, name, "Download", { class: "button primary" })), commandBox(["berth", "pull", `${page.name}:${path}`, "."])));
}

export function showFiles(room, page, signal) {
	const path = `/${page.rest.join("/")}`, body = h("div", {});
	const load = async () => {
		const ending = new AbortController();
		try {
			const response = await open(`${place(page.name)}?${query(path)}`, AbortSignal.any([signal, ending.signal]));
			if (response.headers.get("Content-Type").startsWith("application/json"))
				showFolder(body, page, path, (await response.json()).metadata, load);
			else
				showFile(body, page, path, response.headers);
		} catch (failure) {
			if (failure.name !== "AbortError")
				replace(body, faultBox(failure, load));
		} finally {
			// A file is read by a download alone.
			ending.abort();
		}
	};
	room.append(crumbs(page.name, path), body);
	replace(body, h("p", { class: "wait" }, "Looking at the folder …"));
	load();
	return {};
}
