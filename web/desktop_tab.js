// SPDX-License-Identifier: GPL-2.0-or-later
// The desktop's place on a machine's page: the same document that is a page of its own.
import { h, replace } from "./dom.js";
import { emptyBox } from "./dialog.js";
import { act } from "./actions.js";

export function showDesktop(room, page) {
	let frame = null;
	const update = () => {
		const runs = ["running", "paused"].includes(page.machine.state);
		if (runs && !frame) {
			frame = h("iframe", { src: `desktop.html#${encodeURIComponent(page.name)}`, title: `Desktop of ${page.name}`, class: "terminal", allow: "fullscreen; clipboard-write" });
			replace(room, h("div", { class: "toolbar" }, h("p", { class: "hint" }, h("kbd", {}, "Ctrl"), " + ", h("kbd", {}, "F6"),
				" leaves the desktop. Its windows stay when the page is closed.")), frame);
		} else if (!runs && !frame) {
			replace(room, emptyBox(`${page.name} is ${page.machine.state}; its desktop is there when it runs.`,
				page.machine.state === "stopped" && h("button", { type: "button", class: "primary", onclick: () => act("start", page.name) }, "Start it …")));
		}
	};
	update();
	return { update };
}
