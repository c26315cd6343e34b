// SPDX-License-Identifier: GPL-2.0-or-later
// Snapshots of a machine as a line of time, with what can be done from each point.
import { h, icon, replace } from "./dom.js";
import { look } from "./api.js";
import { ago, count, date } from "./format.js";
import { askFor, emptyBox, faultBox, withReason } from "./dialog.js";
import { cloneMachine, takeSnapshot } from "./actions.js";
import { requests } from "./requests.js";
import { whyNot } from "./rights.js";
import { changed } from "./store.js";

function restore(page, snapshot, later) {
	const lost = later.length ? ` The ${count(later.length, "later snapshot", "later snapshots")} stay.` : "";
	return askFor({
		title: `Restore ${page.name} to ${snapshot.name}?`,
		does: [
			`The root of ${page.name} becomes what it was at ${date(snapshot.created)}. All that was written to it since then is lost.${lost}`,
			"A snapshot of now, taken first, would keep it.",
		],
		button: "Restore",
		danger: true,
		typed: page.name,
		request: () => requests.restore(page.name, snapshot.name),
		begun: () => `Restore ${page.name} to ${snapshot.name}`,
		done: () => `${page.name} is as it was at ${snapshot.name}`,
	});
}

function remove(page, snapshot) {
	return askFor({
		title: `Delete snapshot ${snapshot.name}?`,
		does: [`What ${page.name} was at ${date(snapshot.created)} cannot be restored any more. The machine and its other snapshots stay.`],
		button: "Delete",
		danger: true,
		request: () => requests.deleteSnapshot(page.name, snapshot.name),
		begun: () => `Delete snapshot ${snapshot.name} of ${page.name}`,
		done: () => `Snapshot ${snapshot.name} of ${page.name} was deleted`,
	});
}

function entry(page, snapshot, later, again) {
	const down = ["stopped", "failed"].includes(page.machine.state);
	const then = (promise) => promise.then((done) => done && again());
	const about = `restore-${snapshot.name}`, manage = whyNot("manage", page.name);
	return h("li", {}, h("div", { class: "point" },
		h("div", { class: "what" }, h("h2", {}, snapshot.name), h("p", { class: "hint" }, `${date(snapshot.created)}, ${ago(snapshot.created)}`)),
		h("div", { class: "buttons" },
			withReason(h("button", { type: "button", disabled: !down && !manage, "aria-describedby": down ? null : about, "aria-label": `Restore ${snapshot.name}`, onclick: () => then(restore(page, snapshot, later)) }, "Restore …"), manage),
			withReason(h("button", { type: "button", "aria-label": `Clone ${snapshot.name}`, onclick: () => then(cloneMachine(page.name, snapshot.name)) }, "Clone …"), whyNot("all")),
			withReason(h("button", { type: "button", class: "danger", "aria-label": `Delete ${snapshot.name}`, onclick: () => then(remove(page, snapshot)) }, "Delete …"), manage)),
		!down && h("p", { class: "unseen", id: about }, "Stop the machine to restore it.")));
}

export function showSnapshots(room, page, signal) {
	const list = h("div", {}), take = withReason(h("button", { type: "button", class: "primary" }, icon("plus"), "Take snapshot"), whyNot("manage", page.name));
	const load = async () => {
		try {
			const snapshots = await look(`/machines/${encodeURIComponent(page.name)}/snapshots?recursion=1`, signal);
			snapshots.sort((a, b) => b.created - a.created);
			replace(list, snapshots.length ? h("ol", { class: "timeline" },
				h("li", { class: "now" }, h("div", { class: "point" }, h("div", { class: "what" }, h("h2", {}, "Now"), h("p", { class: "hint" }, `The machine is ${page.machine.state}.`)))),
				snapshots.map((snapshot, i) => entry(page, snapshot, snapshots.slice(0, i), load)))
				: emptyBox("No snapshots yet. One takes a moment, and costs what changes afterwards."));
		} catch (failure) {
			if (failure.name !== "AbortError")
				replace(list, faultBox(failure, load));
		}
	};
	take.addEventListener("click", () => takeSnapshot(page.name).then((done) => done && load()));
	const hint = h("p", { class: "hint" });
	const update = () => {
		replace(hint, ["stopped", "failed"].includes(page.machine.state) ? "" : "To restore one, stop the machine first.");
		load();
	};
	room.append(h("div", { class: "toolbar" }, take, hint), list);
	const event = ({ detail }) => detail.machine === page.name && detail.event.startsWith("snapshot") && load();
	changed.addEventListener("event", event);
	update();
	return { update, close: () => changed.removeEventListener("event", event) };
}
