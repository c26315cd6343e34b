// SPDX-License-Identifier: GPL-2.0-or-later
// The desktop of a machine: noVNC at one end, a WebSocket at the other, whose binary frames are the bytes of RFB. That a
// viewer only looks is not up to this page: the ticket says so, and the server takes all out by which it would act.
// The address: #NAME, or #NAME/view-only.
import RFB from "./vendor/novnc/core/rfb.js";
import { look, send } from "./api.js";
import { requests } from "./requests.js";
import { joinClipboard } from "./desktop_clipboard.js";
import { joinDrops } from "./desktop_drop.js";
import { joinSound } from "./desktop_sound.js";

const [name, mode] = location.hash.slice(1).split("/").map(decodeURIComponent);
const at = (id) => document.getElementById(id);
const screen = at("screen"), viewOnly = at("view-only"), fit = at("fit");
// States in which a connection starts no machine.
const up = ["running", "paused", "starting"];
// Of this tab: a connection that is made again gets the control back from the lost one.
const client = (sessionStorage.client ??= [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
// Symbols of X, pressed in this order.
const combinations = { "alt-tab": [0xffe9, 0xff09], "alt-f4": [0xffe9, 0xffc1], "ctrl-esc": [0xffe3, 0xff1b], "ctrl-alt-bs": [0xffe3, 0xffe9, 0xff08], "print": [0xff61] };
let display = null, link = null, serial = 0, failures = 0, timer = 0;
let control = "ours", viewers = 1;

const fromMachine = joinClipboard(screen, at("clipboard"), () => display);

function say(status, words, button) {
	at("status").textContent = status;
	at("words").textContent = words ?? "";
	at("notice").hidden = !words;
	at("again").hidden = !button;
	at("again").textContent = button ?? "";
	for (const id of ["cad", "super", "keys", "control"])
		at(id).disabled = !display || viewOnly.checked;
	for (const id of ["cad", "super", "keys"])
		at(id).disabled ||= control === "other";
}

/** What the server says of the control. It takes all out by which a viewer without it would act. */
function showControl() {
	if (!display)
		return;
	const state = viewOnly.checked ? "Connected, view only" : control === "other" ? "Connected; another viewer has the control" : "Connected";
	at("control").hidden = viewOnly.checked || (control === "ours" && viewers < 2);
	at("control").textContent = control === "ours" ? "Give control" : "Take control";
	display.viewOnly = viewOnly.checked || control === "other";
	display.resizeSession = fit.checked && !viewOnly.checked && control === "ours";
	say(viewers > 1 ? `${state}, ${viewers} viewers` : state);
}

function drop() {
	const old = display;
	clearTimeout(timer);
	serial++;
	display = link = null;
	control = "ours";
	viewers = 1;
	old?.disconnect();
	screen.replaceChildren();
}

function stop(words, button) {
	drop();
	say("Not connected", words, button);
}

/** Tries again, later each time: half a second up to 15, and never all viewers at once. */
function later(words) {
	drop();
	const wait = Math.min(15000, 500 * 2 ** failures++) * (0.75 + Math.random() / 2);
	say("Reconnecting", `${words} Trying again in ${Math.max(1, Math.round(wait / 1000))} s.`, "Connect now");
	timer = setTimeout(connect, wait);
}

function failed(failure) {
	const words = failure.message.replace(/^./, (letter) => letter.toUpperCase()).replace(/[^.]$/, "$&.");
	if (failure.status === 401)
		stop("You are not signed in: 'berth web' prints a link, in a terminal of root.", "Try again");
	else if ([0, 429, 502, 503, 504].includes(failure.status))
		later(words);
	else
		stop(words, "Try again");
}

function read(text) {
	try {
		return JSON.parse(text);
	} catch {
		return {};
	}
}

function open(path) {
	const url = new URL(path, location.origin), mine = serial;
	url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
	const socket = new WebSocket(url);
	let connected = false, end = null, why = "";
	// A text is not of the protocol, and told to this page alone.
	socket.addEventListener("message", (event) => {
		if (typeof event.data !== "string")
			return;
		event.stopImmediatePropagation();
		const told = read(event.data);
		if (!told.control) {
			end = told;
			return;
		}
		({ control, viewers } = told);
		if (connected)
			showControl();
	});
	link = socket;
	display = new RFB(screen, socket, { shared: true });
	const rfb = display;
	rfb.viewOnly = viewOnly.checked;
	rfb.scaleViewport = true;
	rfb.addEventListener("connect", () => {
		connected = true;
		failures = 0;
		showControl();
		rfb.focus({ preventScroll: true });
	});
	rfb.addEventListener("clipboard", ({ detail }) => fromMachine(detail.text));
	rfb.addEventListener("securityfailure", () => (why = "The display asks for more than berth has: it must let in who is in the machine."));
	rfb.addEventListener("credentialsrequired", () => {
		why = "The display asks for a password; berth knows none.";
		rfb.disconnect();
	});
	rfb.addEventListener("disconnect", () => {
		if (mine !== serial)
			return;
		display = null;
		if (why)
			stop(why, "Try again");
		else if (!connected && end?.exit)
			failed({ status: 500, message: end.error ?? `there is no desktop: the command ended with status ${end.exit}` });
		else
			later(connected ? "The connection has ended." : "There was no answer.");
	});
}

async function connect(wake) {
	drop();
	const mine = serial;
	say("Connecting", `Connecting to the desktop of ${name} …`);
	try {
		if (wake !== true) {
			const { state } = await look(`/machines/${encodeURIComponent(name)}`);
			if (mine === serial && !up.includes(state)) {
				stop(`${name} is ${state}.`, "Start it");
				return;
			}
		}
		const { metadata } = await send(requests.desktop(name, viewOnly.checked, client));
		if (mine === serial)
			open(metadata.websocket);
	} catch (failure) {
		if (mine === serial)
			failed(failure);
	}
}

at("again").addEventListener("click", () => {
	failures = 0;
	connect(at("again").textContent === "Start it");
});
viewOnly.addEventListener("change", () => connect());
fit.addEventListener("change", showControl);
at("control").addEventListener("click", () => link?.send(JSON.stringify({ control: control === "ours" ? "give" : "take" })));
at("keys").addEventListener("change", () => {
	const symbols = combinations[at("keys").value] ?? [];
	for (const symbol of symbols)
		display?.sendKey(symbol, null, true);
	for (const symbol of [...symbols].reverse())
		display?.sendKey(symbol, null, false);
	at("keys").value = "";
	display?.focus();
});
at("cad").addEventListener("click", () => display?.sendCtrlAltDel());
at("super").addEventListener("click", () => display?.sendKey(0xffeb, "MetaLeft"));
at("full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
at("clip").addEventListener("click", () => {
	at("clipboard").hidden = !at("clipboard").hidden;
	at("clip").setAttribute("aria-expanded", String(!at("clipboard").hidden));
});
screen.addEventListener("keydown", (event) => {
	if (event.key !== "F6" || !event.ctrlKey)
		return;
	event.preventDefault();
	event.stopPropagation();
	viewOnly.focus();
}, true);
addEventListener("online", () => timer && connect());
addEventListener("hashchange", () => location.reload());
// A page that was left may be kept by the browser for a way back, with its connections.
addEventListener("pagehide", drop);
addEventListener("pageshow", (event) => event.persisted && connect());

joinSound(at("sound"), at("sound-note"), name);
joinDrops(at("room"), at("drop-note"), name);
document.title = `Desktop of ${name}`;
at("name").textContent = name;
at("own").href = location.href;
at("own").hidden = parent === window;
viewOnly.checked = mode === "view-only";
connect();
