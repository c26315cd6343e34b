// SPDX-License-Identifier: GPL-2.0-or-later
// The actions on machines, each with what it will do.
import { askFor } from "./dialog.js";
import { refuse } from "./operations.js";
import { nameFault, requests } from "./requests.js";
import { whyNot } from "./rights.js";

const up = (state) => ["running", "paused", "held", "starting"].includes(state);

const texts = {
	start: {
		does: ["It boots with its own init, on its network, as its settings say."],
		begun: "Start", done: "was started",
	},
	stop: {
		does: ["Its init is asked to halt. After stop.timeout its processes are killed.", "Its files and snapshots stay."],
		begun: "Stop", done: "was stopped", option: "Kill its processes at once; what they have not written is lost",
	},
	restart: {
		does: ["It is stopped, and started again with its settings of now. Connections to it end."],
		begun: "Restart", done: "was restarted", option: "Kill its processes at once; what they have not written is lost",
	},
	pause: {
		does: ["All of its processes stand still until it is resumed. Their memory stays in use."],
		begun: "Pause", done: "was paused",
	},
	resume: { does: ["Its processes go on where they stood still."], begun: "Resume", done: "was resumed" },
};

export function act(what, name) {
	const text = texts[what];
	return askFor({
		title: `${text.begun} ${name}?`,
		does: text.does,
		button: text.begun,
		option: text.option && { label: text.option },
		request: (force) => requests[what](name, force),
		begun: () => `${text.begun} ${name}`,
		done: () => `${name} ${text.done}`,
	});
}

export function deleteMachine(machine) {
	const runs = up(machine.state);
	return askFor({
		title: `Delete ${machine.name}?`,
		does: [
			`All that is in ${machine.name} is lost: its root, its snapshots, its settings and its address.`,
			runs ? "It runs now, and is killed first." : "Volumes for data that it only has attached stay.",
		],
		button: "Delete for good",
		danger: true,
		typed: machine.name,
		request: () => requests.delete(machine.name, runs),
		begun: () => `Delete ${machine.name}`,
		done: () => `${machine.name} was deleted`,
	});
}

export function cloneMachine(name, snapshot) {
	return askFor({
		title: snapshot ? `Clone ${name} as it was at ${snapshot}` : `Clone ${name}`,
		does: ["Another machine with the same contents and settings is made, with a name, an address and an identity of its own. It is not started."],
		button: "Clone",
		field: { label: "Name of the clone", value: `${name}-2`, hint: "Small letters, digits and hyphens.", check: nameFault },
		request: (_, to) => requests.clone(name, snapshot, to),
		begun: (to) => `Clone ${name} to ${to}`,
		done: (to) => `${to} was made of ${name}`,
	});
}

export function takeSnapshot(name) {
	const now = new Date(), two = (number) => String(number).padStart(2, "0");
	const proposal = `s-${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}`;
	return askFor({
		title: `Snapshot of ${name}`,
		does: ["What is on its root now is kept, and it runs on. It can be restored or cloned from here later."],
		button: "Take snapshot",
		field: { label: "Name of the snapshot", value: proposal, hint: "Small letters, digits and hyphens.", check: nameFault },
		request: (_, snapshot) => requests.snapshot(name, snapshot),
		begun: (snapshot) => `Snapshot ${snapshot} of ${name}`,
		done: (snapshot) => `Snapshot ${snapshot} of ${name} was taken`,
	});
}

/** The actions that fit a state: the main one first. */
export function actionsFor(machine) {
	const name = machine.name, state = machine.state;
	const one = (what, words) => ({ what, words, act: () => act(what, name) });
	const list = [];
	if (state === "stopped" || state === "failed")
		list.push(one("start", "Start"));
	if (state === "paused")
		list.push(one("resume", "Resume"));
	if (up(state) || state === "stopping")
		list.push(one("stop", "Stop"));
	if (state === "running")
		list.push(one("restart", "Restart"), one("pause", "Pause"));
	if (state !== "broken") {
		list.push({ what: "snapshot", words: "Snapshot …", act: () => takeSnapshot(name) });
		list.push({ what: "clone", words: "Clone …", act: () => cloneMachine(name) });
	}
	list.push({ what: "delete", words: "Delete …", danger: true, act: () => deleteMachine(machine) });
	return list.map((entry) => {
		const reason = whyNot(["clone", "delete"].includes(entry.what) ? "all" : "manage", name);
		return reason ? { ...entry, reason, act: () => refuse(reason) } : entry;
	});
}
