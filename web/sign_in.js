// SPDX-License-Identifier: GPL-2.0-or-later
// The page for who is not signed in: name and password of a user of the host, or root's link.
import { h, setAttribute } from "./dom.js";
import { commandBox, field } from "./dialog.js";
import { heading } from "./parts.js";

async function signIn(user, password) {
	const response = await fetch("/sign-in", {
		method: "POST", credentials: "same-origin", cache: "no-store",
		headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user, password }),
	}).catch(() => null);
	if (response?.ok)
		return "";
	return (await response?.json().catch(() => null))?.error ?? "The server cannot be reached.";
}

function form() {
	const user = h("input", { type: "text", name: "username", autocomplete: "username", spellcheck: "false", autocapitalize: "off", required: true });
	const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
	const box = field("Password", password), go = h("button", { type: "submit", class: "primary" }, "Sign in");
	const made = h("form", { class: "card sign-in" }, h("h2", {}, "As a user of this host"), field("Name", user), box, h("div", { class: "buttons" }, go));
	made.addEventListener("submit", async (event) => {
		event.preventDefault();
		if (go.getAttribute("aria-disabled"))
			return;
		box.setFault("");
		setAttribute(go, "aria-disabled", "true");
		const fault = await signIn(user.value.trim(), password.value);
		password.value = "";
		setAttribute(go, "aria-disabled", null);
		if (!fault) {
			location.reload();
			return;
		}
		box.setFault(fault);
		password.focus();
	});
	return made;
}

export function showSignIn(room) {
	room.append(heading("You are not signed in"), h("div", { class: "cards" }, form(),
		h("section", { class: "card" }, h("h2", {}, "As root"), h("p", {}, "Root of this host asks for a link, on its command line:"), commandBox(["berth", "web"]),
			h("p", {}, h("button", { type: "button", onclick: () => location.reload() }, "Try again")))));
	return { title: "Not signed in" };
}
