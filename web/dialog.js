// SPDX-License-Identifier: GPL-2.0-or-later
// Dialogs: what an action does, what is lost, and the command line that does the same. One at a time.
import { add, h, icon, replace, setAttribute, setText } from "./dom.js";
import { commandLine } from "./format.js";
import { announce, refuse, run } from "./operations.js";

/** A command line with a button that copies it. set(words) shows another one. */
export function commandBox(words) {
	const code = h("code", {}, commandLine(words)), label = h("span", {}, "Copy");
	const button = h("button", { type: "button", class: "quiet copy", "aria-label": "Copy the command line" }, icon("copy"), label);
	const box = h("div", { class: "command" }, h("span", { class: "prompt", "aria-hidden": "true" }, "#"), code, button);
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(code.textContent);
			label.textContent = "Copied";
		} catch {
			// Without a secure origin there is no clipboard; the line is selected to be copied by hand.
			getSelection().selectAllChildren(code);
			label.textContent = "Selected";
		}
		announce(label.textContent);
		setTimeout(() => setText(label, "Copy"), 2000);
	});
	box.set = (other) => setText(code, commandLine(other));
	return box;
}

/** A dialog that is removed when it closes; focus goes back to where it was. */
export function openDialog(title, ...content) {
	const heading = h("h2", { id: "dialog-title" }, title);
	const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, heading, content);
	const before = document.activeElement;
	dialog.addEventListener("close", () => {
		dialog.remove();
		if (before?.isConnected)
			before.focus();
		else
			document.getElementById("main").focus();
	});
	dialog.addEventListener("click", (event) => {
		const box = dialog.getBoundingClientRect();
		if (event.target === dialog && (event.clientX < box.left || event.clientX > box.right ||
			event.clientY < box.top || event.clientY > box.bottom))
			dialog.close();
	});
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

let serial = 0;

/** A field with its label, a hint and the place for a fault. */
export function field(label, control, hint) {
	const id = `f${++serial}`;
	control.id = id;
	const fault = h("p", { class: "fault", id: `${id}-fault`, role: "alert" });
	const described = hint ? `${id}-hint ${id}-fault` : `${id}-fault`;
	control.setAttribute("aria-describedby", described);
	const box = h("div", { class: "field" }, h("label", { for: id }, label), control,
		hint && h("p", { class: "hint", id: `${id}-hint` }, hint), fault);
	box.setFault = (words) => {
		setText(fault, words);
		control.setAttribute("aria-invalid", words ? "true" : "false");
	};
	return box;
}

export function checkbox(label, checked, onchange) {
	const input = h("input", { type: "checkbox", checked });
	input.addEventListener("change", () => onchange?.(input.checked));
	return { input, box: h("label", { class: "check" }, input, h("span", {}, label)) };
}

/**
 * Asks before an action. wish: { title, does: [texts], button, danger, typed (a name to be typed), option: { label },
 * field: { label, value, hint, check }, request(option, value), begun(value), done(value) }. Resolves to what run gives,
 * with the value; null if it was left.
 */
export function askFor(wish) {
	return new Promise((resolve) => {
		const input = wish.field && h("input", { type: "text", value: wish.field.value ?? "", autocomplete: "off", spellcheck: "false" });
		const typed = wish.typed && h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
		const option = wish.option && checkbox(wish.option.label, false, () => update());
		const value = () => input?.value.trim() ?? "";
		const request = () => wish.request(option?.input.checked ?? false, value());
		const command = commandBox(request().command);
		const inputBox = input && field(wish.field.label, input, wish.field.hint);
		const go = h("button", { type: "submit", class: wish.danger ? "primary danger" : "primary" }, wish.button);
		const update = () => {
			command.set(request().command);
			go.disabled = Boolean(typed && typed.value !== wish.typed);
		};
		const form = h("form", { method: "dialog", novalidate: true },
			wish.does.map((text) => h("p", {}, text)), inputBox, option?.box,
			typed && field(`Type ${wish.typed} to confirm`, typed),
			h("p", { class: "same" }, "The same on the command line:"), command,
			h("div", { class: "buttons" },
				h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
		const dialog = openDialog(wish.title, form);
		let result = null;
		form.addEventListener("input", update);
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			const fault = input ? wish.field.check(value()) : "";
			inputBox?.setFault(fault);
			if (fault) {
				input.focus();
				return;
			}
			const answer = value();
			result = run(request(), wish.begun(answer), wish.done(answer)).then((got) => got && { ...got, value: answer });
			dialog.close();
		});
		dialog.addEventListener("close", () => resolve(result));
		update();
		(input ?? typed ?? go).focus();
	});
}

/** A line that tells of a failure, with its remedy, in place of what could not be shown. */
export function faultBox(failure, retry) {
	return h("div", { class: "fault-box", role: "alert" }, h("p", {}, failure.message ?? String(failure)),
		retry && h("button", { type: "button", onclick: retry }, "Try again"));
}

export function emptyBox(words, ...more) {
	return h("div", { class: "empty" }, h("p", {}, words), more);
}

export { add, replace };

/** Makes a control one that only tells why it does nothing. It can still be reached, so that everybody learns why. */
export function withReason(control, reason) {
	if (!reason)
		return control;
	setAttribute(control, "aria-disabled", "true");
	control.title = reason;
	control.append(h("span", { class: "unseen" }, ` (not for you: ${reason})`));
	control.addEventListener("click", (event) => {
		event.preventDefault();
		event.stopImmediatePropagation();
		refuse(reason);
	}, true);
	return control;
}
