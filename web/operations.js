// SPDX-License-Identifier: GPL-2.0-or-later
// Operations: what was asked for, how far it is, how it ended. All of it is told to screen readers too.
import { send, follow, Failure } from "./api.js";
import { add, h, replace, setText } from "./dom.js";
import { refresh } from "./store.js";

const tray = document.getElementById("tray"), live = document.getElementById("live");
const LINGERS = 8000;

/** Says a sentence to who does not see the page. */
export function announce(sentence) {
	live.textContent = "";
	setTimeout(() => setText(live, sentence), 50);
}

function remove(entry) {
	entry.remove();
	tray.hidden = !tray.childElementCount;
}

function end(entry, good, words, notes) {
	const close = h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => remove(entry) }, "✕");
	entry.className = good ? "operation good" : "operation bad";
	replace(entry, h("p", {}, h("span", { class: "mark", "aria-hidden": "true" }, good ? "✓" : "✕"), h("span", {}, words)), close);
	for (const note of notes ?? [])
		add(entry.firstChild, h("small", {}, note));
	announce(words);
	if (good && !notes?.length)
		setTimeout(() => remove(entry), LINGERS);
}

/** Tells why something is not done. */
export function refuse(words) {
	const entry = h("div", {});
	tray.hidden = false;
	tray.append(entry);
	end(entry, false, words);
}

/** How far it is, if it says so. */
function progressOf(operation) {
	const share = operation.progress?.share;
	return { share: typeof share === "number" ? share : null, words: operation.progress?.text ?? "" };
}

/**
 * Shows what goes on while work(tell) is done, which tells how far it is. title: "Start web", done: "web was started".
 * Resolves to what work gives, or null after a failure, which it has shown.
 */
export async function track(title, done, work) {
	const words = h("span", {}, `${title} …`), bar = h("progress", { "aria-label": title, max: "1" });
	const entry = h("div", { class: "operation" }, h("p", {}, words), bar);
	tray.hidden = false;
	tray.append(entry);
	announce(`${title} has begun`);
	try {
		const answer = await work((operation) => {
			const { share, words: what } = progressOf(operation);
			setText(words, what ? `${title}: ${what}` : `${title} …`);
			if (share === null)
				bar.removeAttribute("value");
			else
				bar.value = share;
		});
		end(entry, true, done, [...(answer.notes ?? []), ...(answer.result?.notes ?? [])]);
		return answer;
	} catch (failure) {
		end(entry, false, `${title}: ${failure.message}`);
		if (!(failure instanceof Failure))
			throw failure;
		return null;
	}
}

/** The same for a request, and for the operation that it begins. */
export async function run(request, title, done) {
	try {
		return await track(title, done, async (tell) => {
			const answer = await send(request);
			if (answer.operation)
				answer.result = await follow(answer.operation, tell);
			return answer;
		});
	} finally {
		refresh();
	}
}
