// SPDX-License-Identifier: GPL-2.0-or-later
// A menu below a button: arrows, Home, End, Escape, letters.
import { h } from "./dom.js";

let shown = null;

function close(refocus) {
	if (!shown)
		return;
	const { menu, button } = shown;
	shown = null;
	menu.remove();
	button.setAttribute("aria-expanded", "false");
	if (refocus && button.isConnected)
		button.focus();
}

function place(menu, button) {
	const at = button.getBoundingClientRect(), box = menu.getBoundingClientRect();
	const below = at.bottom + box.height + 8 < innerHeight;
	menu.style.left = `${Math.max(8, Math.min(at.right - box.width, innerWidth - box.width - 8))}px`;
	menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - box.height - 4)}px`;
}

function pressed(event) {
	const items = [...shown.menu.querySelectorAll("[role=menuitem]")];
	const at = items.indexOf(document.activeElement);
	const steps = { ArrowDown: (at + 1) % items.length, ArrowUp: (at + items.length - 1) % items.length, Home: 0, End: items.length - 1 };
	if (event.key in steps) {
		event.preventDefault();
		items[steps[event.key]].focus();
	} else if (event.key === "Escape" || event.key === "Tab") {
		event.preventDefault();
		event.stopPropagation();
		close(true);
	} else if (event.key.length === 1) {
		const order = [...items.slice(at + 1), ...items.slice(0, at + 1)];
		order.find((item) => item.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
	}
}

/** Shows a menu of [{ words, act, danger }] below a button. */
export function openMenu(button, label, entries) {
	const again = shown?.button === button;
	close(false);
	if (again)
		return;
	const menu = h("div", { class: "menu", role: "menu", "aria-label": label, onkeydown: pressed },
		entries.map((entry) => h("button", {
			type: "button", role: "menuitem", tabindex: "-1", class: entry.danger ? "danger" : null, "aria-disabled": entry.reason ? "true" : null, title: entry.reason,
			onclick: () => {
				close(true);
				entry.act();
			},
		}, entry.words)));
	document.getElementById("main").append(menu);
	shown = { menu, button };
	button.setAttribute("aria-expanded", "true");
	place(menu, button);
	menu.querySelector("[role=menuitem]")?.focus();
}

document.addEventListener("pointerdown", (event) => {
	if (shown && !shown.menu.contains(event.target) && !shown.button.contains(event.target))
		close(false);
});
addEventListener("resize", () => close(false));
addEventListener("hashchange", () => close(false));
addEventListener("scroll", (event) => shown && !shown.menu.contains(event.target) && close(false), true);
