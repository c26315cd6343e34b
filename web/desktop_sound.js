// SPDX-License-Identifier: GPL-2.0-or-later
// What the desktop plays. It is off until its button is pressed: browsers play nothing without a press, and no page should.
import { send } from "./api.js";
import { requests } from "./requests.js";

/** Joins the button; note tells why there is none. What the worklet counts is in the button's data. */
export function joinSound(button, note, name) {
	let context = null, socket = null;
	const stop = (words = "") => {
		const old = [socket, context];
		socket = context = null;
		old[0]?.close();
		old[1]?.close();
		button.setAttribute("aria-pressed", "false");
		note.textContent = words;
	};
	const hear = (node) => ({ data }) => {
		if (typeof data !== "string") {
			node.port.postMessage(data, [data]);
			return;
		}
		let end = {};
		try {
			end = JSON.parse(data);
		} catch {
			// Not of the server.
		}
		stop(end.error ? `No sound: ${end.error}.` : "The sound has ended.");
	};
	const start = async () => {
		button.setAttribute("aria-pressed", "true");
		note.textContent = "";
		context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
		const mine = context;
		await mine.audioWorklet.addModule("desktop_worklet.js");
		const { metadata } = await send(requests.sound(name));
		if (mine !== context)
			return;
		const node = new AudioWorkletNode(mine, "samples", { numberOfInputs: 0, outputChannelCount: [2] });
		node.connect(mine.destination);
		node.port.addEventListener("message", ({ data }) => Object.assign(button.dataset, data));
		node.port.start();
		const url = new URL(metadata.websocket, location.origin);
		url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
		socket = new WebSocket(url);
		socket.binaryType = "arraybuffer";
		socket.addEventListener("message", hear(node));
		socket.addEventListener("close", () => mine === context && stop("The sound has ended."));
	};
	addEventListener("pagehide", () => stop());
	button.addEventListener("click", () => {
		if (context)
			stop();
		else
			start().catch((failure) => stop(`No sound: ${failure.message}.`));
	});
}
