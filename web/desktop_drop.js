// SPDX-License-Identifier: GPL-2.0-or-later
// Files that are dropped on the desktop go to the folder Downloads of its user, whom the file belongs to then.
import { look, open, upload } from "./api.js";

const place = (name, query) => `/machines/${encodeURIComponent(name)}/files?${new URLSearchParams(query)}`;

/** The user is who owns the socket of the display; { owner, home }. */
async function findUser(name) {
	const { config } = await look(`/machines/${encodeURIComponent(name)}`);
	const socket = config?.["desktop.socket"] || "/run/desktop/rfb", folder = socket.replace(/\/[^/]*$/, "");
	const { entries } = await look(place(name, { path: folder }));
	const uid = entries.find((entry) => entry.name === socket.slice(folder.length + 1))?.uid;
	const users = await (await open(place(name, { path: "/etc/passwd" }))).text();
	const user = users.split("\n").map((line) => line.split(":")).find((fields) => Number(fields[2]) === uid);
	if (uid === undefined || !user?.[5]?.startsWith("/"))
		throw new Error("the user of the desktop is not known");
	return { owner: `${user[2]}:${user[3]}`, home: user[5] };
}

/** A name that is there already stays; the new one gets a number, as browsers do it. */
function freeName(name, taken) {
	const dot = name.lastIndexOf("."), [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
	let free = name;
	for (let n = 1; taken.has(free); n++)
		free = `${stem} (${n})${end}`;
	return free;
}

async function put(name, files, tell) {
	const { owner, home } = await findUser(name);
	let folder = home, { entries } = await look(place(name, { path: home }));
	// The server would make one that belongs to root.
	if (entries.some((entry) => entry.name === "Downloads" && entry.type === "folder")) {
		folder = `${home}/Downloads`;
		({ entries } = await look(place(name, { path: folder })));
	}
	const taken = new Set(entries.map((entry) => entry.name));
	for (const file of files) {
		const free = freeName(file.name, taken);
		taken.add(free);
		await upload(place(name, { path: `${folder}/${free}`, owner }), file, (share) => tell(`Sending ${free}: ${Math.round(share * 100)} %`));
		tell(`${free} is in ${folder}.`);
	}
}

export function joinDrops(room, note, name) {
	const has = (event) => event.dataTransfer?.types.includes("Files");
	const tell = (words) => (note.textContent = words);
	room.addEventListener("dragover", (event) => {
		if (!has(event))
			return;
		event.preventDefault();
		room.classList.add("dropping");
	});
	room.addEventListener("dragleave", () => room.classList.remove("dropping"));
	room.addEventListener("drop", (event) => {
		if (!has(event))
			return;
		event.preventDefault();
		room.classList.remove("dropping");
		put(name, [...event.dataTransfer.files], tell).catch((failure) => tell(`The file was not sent: ${failure.message}.`));
	});
}
