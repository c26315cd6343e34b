// SPDX-License-Identifier: GPL-2.0-or-later
// A shell in a machine: xterm.js at one end, a WebSocket at the other. Binary frames are bytes of the terminal, text frames
// are JSON: {"resize": ...} to the machine, {"exit": CODE} from it.
import { Terminal } from "./vendor/xterm/xterm.mjs";
import { FitAddon } from "./vendor/xterm/addon-fit.mjs";
import { send } from "./api.js";
import { requests } from "./requests.js";

const name = decodeURIComponent(location.hash.slice(1));
const status = document.getElementById("status"), screen = document.getElementById("screen");
const terminal = new Terminal({
	fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace', fontSize: 14, scrollback: 5000,
	screenReaderMode: localStorage.getItem("berth.reader") === "yes", allowProposedApi: false,
	theme: { background: "#10161d", foreground: "#dfe7ef", cursor: "#8fd0ff" },
});
const fit = new FitAddon(), bytes = new TextEncoder();

document.title = `Terminal of ${name}`;
terminal.loadAddon(fit);
terminal.open(screen);
terminal.textarea?.setAttribute("aria-label", `Terminal of ${name}`);
fit.fit();

terminal.attachCustomKeyEventHandler((event) => {
	if (event.type === "keydown" && event.key === "F6" && event.ctrlKey) {
		event.preventDefault();
		parent.postMessage("leave", location.origin);
		return false;
	}
	return true;
});

function address(path) {
	const url = new URL(path, location.origin);
	url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
	return url;
}

function control(socket, text) {
	let message = {};
	try {
		message = JSON.parse(text);
	} catch {
		return;
	}
	if (typeof message.exit === "number")
		status.textContent = message.exit ? `The shell has ended with status ${message.exit}.` : "The shell has ended.";
	if (typeof message.error === "string")
		status.textContent = message.error;
}

function connect(path) {
	const socket = new WebSocket(address(path));
	socket.binaryType = "arraybuffer";
	const resize = () => {
		fit.fit();
		if (socket.readyState === WebSocket.OPEN)
			socket.send(JSON.stringify({ resize: { columns: terminal.cols, rows: terminal.rows } }));
	};
	socket.onopen = () => {
		status.textContent = "";
		resize();
		terminal.focus();
	};
	socket.onmessage = ({ data }) => (typeof data === "string" ? control(socket, data) : terminal.write(new Uint8Array(data)));
	socket.onclose = () => {
		terminal.options.disableStdin = true;
		status.textContent ||= "The connection has ended.";
	};
	terminal.onData((text) => socket.readyState === WebSocket.OPEN && socket.send(bytes.encode(text)));
	terminal.onBinary((text) => socket.readyState === WebSocket.OPEN && socket.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
	new ResizeObserver(resize).observe(screen);
}

status.textContent = `Opening a shell in ${name} …`;
try {
	const { metadata } = await send(requests.shell(name));
	connect(metadata.websocket);
} catch (failure) {
	status.textContent = failure.message;
}
