// SPDX-License-Identifier: GPL-2.0-or-later
// The output of a machine's console, as text, which goes on.
import { h, setText } from "./dom.js";
import { open } from "./api.js";
import { plain } from "./format.js";
import { checkbox, faultBox } from "./dialog.js";

const LINES = 500, MOST = 400000;

async function read(response, take) {
	const reader = response.body.getReader(), decoder = new TextDecoder();
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		take(decoder.decode(value, { stream: true }));
	}
}

export function showLogs(room, page, signal) {
	const text = h("pre", { class: "log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `Console of ${page.name}` });
	const filter = h("input", { type: "search", placeholder: "Lines with …", "aria-label": "Only lines with this text" });
	const following = checkbox("Follow", true), fault = h("div", {});
	let all = "", due = 0;
	const draw = () => {
		due = 0;
		const word = filter.value.toLowerCase(), lines = plain(all);
		const shown = word ? lines.split("\n").filter((line) => line.toLowerCase().includes(word)).join("\n") : lines;
		setText(text, shown || (word ? "No line has this text." : "Its console has shown nothing yet."));
		if (following.input.checked)
			text.scrollTop = text.scrollHeight;
	};
	const soon = () => {
		due ||= setTimeout(draw, 100);
	};
	const begin = async () => {
		try {
			const response = await open(`/machines/${encodeURIComponent(page.name)}/logs?lines=${LINES}&follow=1`, signal);
			fault.replaceChildren();
			all = "";
			soon();
			await read(response, (piece) => {
				all = (all + piece).slice(-MOST);
				soon();
			});
		} catch (failure) {
			if (failure.name !== "AbortError")
				fault.replaceChildren(faultBox(failure, begin));
		}
	};
	filter.addEventListener("input", draw);
	following.input.addEventListener("change", draw);
	room.append(h("div", { class: "toolbar" }, filter, following.box), fault, text);
	draw();
	begin();
	return { close: () => clearTimeout(due) };
}
