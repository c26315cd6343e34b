// SPDX-License-Identifier: GPL-2.0-or-later
// The clipboards of the machine and of this computer. That of this computer is read by a paste of the user alone, and
// written by a button: a page that looks at it by itself makes browsers ask at every click.

const most = 256 << 10;

/**
 * Joins them: screen has the picture, room the text of both and its buttons. display() is the viewer, or null. Returns
 * what is called with a text of the machine.
 */
export function joinClipboard(screen, room, display) {
	const text = room.querySelector("textarea"), note = room.querySelector("[role=status]");
	const send = (words) => {
		if (!display() || display().viewOnly) {
			note.textContent = display() ? "This viewer only looks; nothing was sent." : "Nothing is connected; nothing was sent.";
			return false;
		}
		if (new TextEncoder().encode(words).length > most) {
			note.textContent = "The text is longer than 256 KiB; nothing was sent.";
			return false;
		}
		display().clipboardPasteFrom(words);
		note.textContent = "The machine has it.";
		return true;
	};
	room.querySelector("#send").addEventListener("click", () => send(text.value));
	room.querySelector("#copy").addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(text.value);
			note.textContent = "Copied to this computer.";
		} catch {
			text.select();
			note.textContent = "The browser does not allow it; the text is selected, to be copied by hand.";
		}
	});
	// The browser is left the key, so that it pastes; the machine gets it behind the text.
	screen.addEventListener("keydown", (event) => {
		if (event.code === "KeyV" && event.ctrlKey && !event.altKey && !event.metaKey && !display()?.viewOnly)
			event.stopPropagation();
	}, true);
	let shifted = false;
	screen.addEventListener("keydown", (event) => (shifted = event.shiftKey), true);
	document.addEventListener("paste", (event) => {
		if (!screen.contains(document.activeElement))
			return;
		event.preventDefault();
		const words = event.clipboardData?.getData("text/plain") ?? "";
		if (words && !send(words))
			return;
		display()?.sendKey(shifted ? 0x56 : 0x76, "KeyV");
	});
	return (words) => {
		text.value = words.slice(0, most);
		note.textContent = "From the machine.";
	};
}
