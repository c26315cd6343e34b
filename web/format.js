// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers, times and command lines as people read them.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1.4 GiB */
export function size(bytes) {
	if (bytes === null || bytes === undefined)
		return "";
	let value = bytes, unit = 0;
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Bytes in the shortest exact form: 512M. */
export function exactSize(bytes) {
	const letters = ["", "K", "M", "G", "T"];
	let value = bytes, unit = 0;
	while (value && value % 1024 === 0 && unit < letters.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${value}${letters[unit]}`;
}

/** 12d 3h */
export function span(seconds) {
	const steps = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
	const first = steps.findIndex(([length]) => seconds >= length);
	if (first < 0)
		return "0s";
	const [length, letter] = steps[first];
	const whole = Math.floor(seconds / length), rest = steps[first + 1];
	const more = rest && first < 3 ? Math.floor((seconds % length) / rest[0]) : 0;
	return more ? `${whole}${letter} ${more}${rest[1]}` : `${whole}${letter}`;
}

export function ago(when) {
	const seconds = Math.floor(Date.now() / 1000) - when;
	return seconds < 60 ? "just now" : `${span(seconds)} ago`;
}

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function date(when) {
	return when ? dates.format(new Date(when * 1000)) : "";
}

const wholes = new Intl.NumberFormat();

export function count(number, one, many) {
	return `${wholes.format(number)} ${number === 1 ? one : many}`;
}

export function percent(share) {
	return `${share < 0.0995 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
}

/** A word for a shell. */
export function quote(word) {
	return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${String(word).replaceAll("'", "'\\''")}'`;
}

export function commandLine(words) {
	return words.map(quote).join(" ");
}

/** Text of a console without what moves the cursor or colours it. */
export function plain(text) {
	// eslint-disable-next-line no-control-regex
	return text.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])/g, "")
		.replace(/\r+\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "")
		// eslint-disable-next-line no-control-regex
		.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}
