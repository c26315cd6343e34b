// SPDX-License-Identifier: GPL-2.0-or-later
// Small pictures of desktops in the list: off at first, asked for only while somebody looks, and few at a time. The
// server takes none of a machine that does not run.
import { open } from "./api.js";
import { h } from "./dom.js";
import { keep, kept } from "./keeping.js";

const EVERY = 15000, WITHOUT = 120000, AT_ONCE = 2, TICK = 500;
const places = new Set();
let on = kept("berth.pictures", "no") === "yes", going = 0, ticking = 0;

async function load(place) {
	going++;
	place.due = Infinity;
	try {
		const picture = await createImageBitmap(await (await open(`/machines/${encodeURIComponent(place.name)}/picture`)).blob());
		if (on && places.has(place)) {
			place.canvas.width = picture.width;
			place.canvas.height = picture.height;
			place.canvas.getContext("2d").drawImage(picture, 0, 0);
			place.canvas.hidden = false;
		}
		place.due = Date.now() + EVERY;
	} catch {
		// Most machines have no desktop.
		place.canvas.hidden = true;
		place.due = Date.now() + WITHOUT;
	} finally {
		going--;
	}
}

function tick() {
	const now = Date.now();
	for (const place of places) {
		if (!place.canvas.isConnected)
			places.delete(place);
		else if (going < AT_ONCE && place.due <= now && !document.hidden)
			load(place);
	}
	if (!places.size) {
		clearInterval(ticking);
		ticking = 0;
	}
}

/** The place of a picture in a row: show(runs). */
export function pictureOf(name) {
	const canvas = h("canvas", { class: "picture", width: 0, height: 0, hidden: true, "aria-hidden": "true" });
	const place = { name, canvas, due: 0 };
	let ran = null;
	canvas.show = (runs) => {
		if (runs !== ran)
			place.due = 0;
		ran = runs;
		if (!on || !runs) {
			places.delete(place);
			canvas.hidden = true;
			return;
		}
		places.add(place);
		ticking ||= setInterval(tick, TICK);
	};
	return canvas;
}

/** The switch, which calls update when it has changed. */
export function pictureSwitch(update) {
	const button = h("button", {
		type: "button",
		"aria-pressed": String(on),
		onclick: () => {
			on = !on;
			keep("berth.pictures", on ? "yes" : "no");
			button.setAttribute("aria-pressed", String(on));
			update();
		},
	}, "Pictures");
	return h("div", { class: "kinds" }, button);
}
