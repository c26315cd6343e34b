// SPDX-License-Identifier: GPL-2.0-or-later
// The terminal's place on a machine's page. It is a document of its own, since its program writes style sheets, which the
// page itself does not allow.
import { h, replace } from "./dom.js";
import { emptyBox } from "./dialog.js";
import { act } from "./actions.js";

export function showTerminal(room, page) {
	let frame = null, again = null;
	const update = () => {
		const runs = page.machine.state === "running";
		if (runs && !frame) {
			frame = h("iframe", { src: `terminal.html#${encodeURIComponent(page.name)}`, title: `Terminal of ${page.name}`, class: "terminal" });
			again = h("button", { type: "button", onclick: () => frame.contentWindow.location.reload() }, "New session");
			replace(room, h("div", { class: "toolbar" }, again,
				h("p", { class: "hint" }, h("kbd", {}, "Ctrl"), " + ", h("kbd", {}, "F6"), " leaves the terminal. Closing the page ends its session.")), frame);
		} else if (!runs && !frame) {
			replace(room, emptyBox(`${page.name} is ${page.machine.state}; a terminal needs a machine that runs.`,
				page.machine.state === "stopped" && h("button", { type: "button", class: "primary", onclick: () => act("start", page.name) }, "Start it …")));
		}
	};
	// The frame says so when its key was pressed.
	const left = (event) => {
		if (event.origin === location.origin && event.source === frame?.contentWindow && event.data === "leave")
			again.focus();
	};
	addEventListener("message", left);
	update();
	return { update, close: () => removeEventListener("message", left) };
}
